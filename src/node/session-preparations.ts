/**
 * What one session prepares: by the protocol's Parse, or by PREPARE. They share their names, so each
 * can be run by Bind and Execute, and by EXECUTE.
 *
 * | statement  | is                                                                          |
 * | PREPARE    | kept under its name; no transaction undoes that                             |
 * | EXECUTE    | replaced, before anything looks at it, by the statement that was prepared, with the values |
 * | DEALLOCATE | forgets one name, or all                                                    |
 */
import type { ColumnDescription, PreparedStatement, StatementResult } from "../sql/database.ts";
import { notSupported, SqlError } from "../sql/errors.ts";
import { argumentsQuery, constantArguments } from "../sql/execute-arguments.ts";
import { type ParsedStatement, parseStatements } from "../sql/parse.ts";
import { isPreparation, type Preparation, preparationOf } from "../sql/preparation.ts";
import { refuseParameters } from "../sql/statement-parameters.ts";
import type { Translation } from "../sql/translation.ts";
import type { SqliteValue } from "../sql/values.ts";
import type { QueryFor, Wanted } from "./block-statements.ts";
import type { SessionState } from "./session-state.ts";

interface ClusterStatement extends PreparedStatement {
  /** Null: the text held no statement. */
  readonly parsed: ParsedStatement | null;
}

export interface SessionPreparationsParts {
  readonly state: SessionState;
  /** Translates a statement where it would run now. */
  readonly translate: (
    statement: ParsedStatement,
    parameterTypes: readonly number[],
  ) => Promise<Translation>;
  /** The only row of a query that looks at no data. */
  readonly compute: (query: QueryFor) => Promise<readonly SqliteValue[]>;
}

export class SessionPreparations {
  readonly #parts: SessionPreparationsParts;
  /** By identity: what `prepare` made. */
  readonly #prepared = new WeakMap<PreparedStatement, ClusterStatement>();

  constructor(parts: SessionPreparationsParts) {
    this.#parts = parts;
  }

  /** Parse. Throws SqlError. */
  async prepare(text: string, parameterTypes: readonly number[]): Promise<PreparedStatement> {
    const [parsed, second] = parseStatements(text);
    if (second !== undefined) {
      throw new SqlError("42601", "cannot insert multiple commands into a prepared statement");
    }
    return this.#keep(
      parsed === undefined
        ? { text, parsed: null, parameterTypes: [], columns: null }
        : { text, parsed, ...(await this.#describe(parsed, parameterTypes)) },
    );
  }

  /** What an Execute of the protocol runs; null: nothing. Throws SqlError 26000 for what was not prepared here. */
  wanted(statement: PreparedStatement, parameters: readonly SqliteValue[]): Wanted | null {
    const prepared = this.#prepared.get(statement);
    if (prepared === undefined) throw new SqlError("26000", "prepared statement does not exist");
    const { parsed, parameterTypes } = prepared;
    if (parsed === null) return null;
    const check = ({ columns }: Translation): void => refuseOtherColumns(prepared, columns);
    return { statement: parsed, parameterTypes, parameters, check };
  }

  /** PREPARE and DEALLOCATE; null, and nothing was done, for any other statement. Throws SqlError. */
  async run(statement: ParsedStatement): Promise<StatementResult | null> {
    const preparation = preparationOf(statement);
    if (preparation === null || preparation.kind === "execute") return null;
    if (preparation.kind === "prepare") return this.#prepareAs(preparation);
    const { statements } = this.#parts.state;
    const { name } = preparation;
    if (name === null) statements.clear();
    else statements.deallocate(name);
    return { kind: "command", tag: name === null ? "DEALLOCATE ALL" : "DEALLOCATE" };
  }

  /** EXECUTE: what it stands for; any other statement as it is. Throws SqlError. */
  async resolve(wanted: Wanted): Promise<Wanted> {
    const { statement } = wanted;
    const preparation = preparationOf(statement);
    if (preparation?.kind !== "execute") return wanted;
    const prepared = this.#executed(preparation.name);
    const parameters = await this.#values(statement, preparation, prepared.parameterTypes);
    const executed = this.wanted(prepared, parameters);
    if (executed === null) throw notSupported("EXECUTE of an empty statement");
    const check = (translation: Translation): void => {
      wanted.check?.(translation);
      executed.check?.(translation);
    };
    return { ...executed, check };
  }

  /** What EXECUTE gives; a statement without parameters takes none, whatever is written, as in PostgreSQL. */
  async #values(
    statement: ParsedStatement,
    { name, args }: Preparation & { kind: "execute" },
    types: readonly number[],
  ): Promise<readonly SqliteValue[]> {
    if (types.length === 0) return [];
    refuseParameters(statement);
    if (args.length !== types.length) throw wrongCount(name, types.length, args.length);
    const { settings, database } = this.#parts.state;
    return (
      constantArguments(args, types, settings.textSettings) ??
      (await this.#parts.compute((catalog) =>
        argumentsQuery(statement, args, types, { catalog, databaseName: database.name }),
      ))
    );
  }

  #executed(name: string): PreparedStatement {
    const prepared = this.#parts.state.statements.get(name);
    const parsed = this.#prepared.get(prepared)?.parsed ?? null;
    if (parsed !== null && isPreparation(parsed)) {
      throw notSupported("EXECUTE of PREPARE, EXECUTE or DEALLOCATE");
    }
    return prepared;
  }

  async #prepareAs({
    name,
    types,
    query,
  }: Preparation & { kind: "prepare" }): Promise<StatementResult> {
    const { stop } = this.#parts.state;
    const described = await this.#describe(query, types);
    stop.check();
    const prepared = this.#keep({ text: query.text, parsed: query, ...described });
    this.#parts.state.statements.add(name, prepared);
    return { kind: "command", tag: "PREPARE" };
  }

  #keep(prepared: ClusterStatement): PreparedStatement {
    this.#prepared.set(prepared, prepared);
    return prepared;
  }

  async #describe(
    statement: ParsedStatement,
    parameterTypes: readonly number[],
  ): Promise<Omit<PreparedStatement, "text">> {
    if (isPreparation(statement)) {
      const preparation = preparationOf(statement);
      const executed =
        preparation?.kind === "execute"
          ? this.#parts.state.statements.find(preparation.name)
          : undefined;
      return { parameterTypes: [], columns: executed?.columns ?? null };
    }
    const translation = await this.#parts.translate(statement, parameterTypes);
    const { parameterTypes: types, columns } = translation;
    const fetched = fetchesFrom(translation);
    return {
      parameterTypes: types,
      columns,
      ...(fetched === null ? {} : { fetchesFrom: fetched }),
    };
  }
}

function wrongCount(name: string, expected: number, given: number): SqlError {
  return new SqlError("42601", `wrong number of parameters for prepared statement "${name}"`, {
    detail: `Expected ${expected} parameters but got ${given}.`,
  });
}

/** The cursor whose columns a FETCH returns; null for any other statement. */
function fetchesFrom(translation: Translation): string | null {
  if (translation.kind !== "cursor") return null;
  return translation.action.kind === "fetch" ? translation.action.name : null;
}

/** The client has been told what columns come: a statement that would return others must not run. */
function refuseOtherColumns(
  prepared: ClusterStatement,
  columns: readonly ColumnDescription[] | null,
): void {
  const expected = prepared.columns ?? [];
  const actual = columns ?? [];
  const isSame =
    expected.length === actual.length &&
    expected.every((column, at) => column.typeOid === actual[at]?.typeOid);
  if (!isSame) throw new SqlError("0A000", "cached plan must not change result type");
}
