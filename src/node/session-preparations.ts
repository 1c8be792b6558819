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
import {
  ARGUMENTS_PER_QUERY,
  argumentsQuery,
  constantArgument,
  type ExecuteArgument,
} from "../sql/execute-arguments.ts";
import { leavesFailure } from "../sql/failed-block.ts";
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

interface Execution {
  readonly prepared: PreparedStatement;
  readonly args: readonly ExecuteArgument[];
  /** As far as they are known; undefined: to be computed. */
  readonly values: (SqliteValue | undefined)[];
}

export interface SessionPreparationsParts {
  readonly state: SessionState;
  /** This machine's clock, microseconds since 1970. */
  readonly wallMicros: () => number;
  /** The statements of a large text, with their parameters' types. */
  readonly parseLarge: (
    text: string,
    parameterTypes: readonly number[],
  ) => Promise<readonly ParsedStatement[]>;
  /** Translates a statement where it would run now. */
  readonly translate: (
    statement: ParsedStatement,
    parameterTypes: readonly number[],
  ) => Promise<Translation>;
  /** The only row of a query that looks at no data, as the statement sees it that uses it. */
  readonly compute: (query: QueryFor, isAlone: boolean) => Promise<readonly SqliteValue[]>;
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
    const { state, parseLarge } = this.#parts;
    const [parsed, second] = state.translations.isLarge(text)
      ? await parseLarge(text, parameterTypes)
      : parseStatements(text);
    if (second !== undefined) {
      throw new SqlError("42601", "cannot insert multiple commands into a prepared statement");
    }
    const origin = { micros: this.#parts.wallMicros(), fromSql: false };
    if (parsed !== undefined && isPreparation(parsed)) {
      return this.#keep(this.#ofPreparation({ text, parsed, parameterTypes, origin }));
    }
    return this.#keep(
      parsed === undefined
        ? { text, parsed: null, parameterTypes: [], columns: null, origin, isEmpty: true }
        : {
            text,
            parsed,
            origin,
            leavesFailure: leavesFailure(parsed),
            ...(await this.#describe(parsed, parameterTypes)),
          },
    );
  }

  /** What an Execute of the protocol runs; null: nothing. Throws SqlError 26000 for what was not prepared here. */
  wanted(statement: PreparedStatement, parameters: readonly SqliteValue[]): Wanted | null {
    const prepared = this.#prepared.get(statement);
    if (prepared === undefined) throw new SqlError("26000", "prepared statement does not exist");
    const { parsed, parameterTypes } = prepared;
    if (parsed === null) return null;
    // What EXECUTE runs checks its own columns, which are those of what has its name now.
    if (isPreparation(parsed)) return { statement: parsed, parameterTypes, parameters };
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

  /** EXECUTE: what it runs, if that was prepared; any other statement as it is. */
  runs(statement: ParsedStatement): ParsedStatement {
    return this.#runsOf(statement)?.parsed ?? statement;
  }

  /** Undefined for any other statement than EXECUTE, and for one of what was not prepared, or cannot be run. */
  #runsOf(statement: ParsedStatement): ClusterStatement | undefined {
    const preparation = preparationOf(statement);
    if (preparation?.kind !== "execute") return undefined;
    const named = this.#parts.state.statements.find(preparation.name);
    const prepared = named && this.#prepared.get(named);
    if (prepared === undefined || prepared.parsed === null) return undefined;
    return isPreparation(prepared.parsed) ? undefined : prepared;
  }

  /**
   * As `resolve`, of statements that came together. Null: they have to be looked at one after the other,
   * as what comes before decides what one of them gives, or whether it is come to before something fails.
   */
  known(all: readonly Wanted[]): readonly Wanted[] | null {
    const known: Wanted[] = [];
    try {
      for (const wanted of all) {
        const execution = this.#execution(wanted.statement);
        if (execution?.values.includes(undefined) === true) return null;
        known.push(execution === null ? wanted : this.#standsFor(wanted, execution));
      }
    } catch (error) {
      if (error instanceof SqlError) return null;
      throw error;
    }
    return known;
  }

  /** EXECUTE: what it stands for; any other statement as it is. Throws SqlError. */
  async resolve(wanted: Wanted, isAlone: boolean): Promise<Wanted> {
    const { statement } = wanted;
    const execution = this.#execution(statement);
    if (execution === null) return wanted;
    const { values, args } = execution;
    const { stop, database } = this.#parts.state;
    const computed = args.filter(({ at }) => values[at] === undefined);
    for (let from = 0; from < computed.length; from += ARGUMENTS_PER_QUERY) {
      const group = computed.slice(from, from + ARGUMENTS_PER_QUERY);
      stop.check();
      const row = await this.#parts.compute(
        (catalog) => argumentsQuery(statement, group, { catalog, databaseName: database.name }),
        isAlone,
      );
      for (const [index, { at }] of group.entries()) values[at] = row[index] ?? null;
    }
    return this.#standsFor(wanted, execution);
  }

  /** Null for any other statement than EXECUTE. Throws SqlError. */
  #execution(statement: ParsedStatement): Execution | null {
    const preparation = preparationOf(statement);
    if (preparation?.kind !== "execute") return null;
    const prepared = this.#executed(preparation.name);
    const args = argumentsOf(statement, preparation, prepared.parameterTypes);
    const { textSettings } = this.#parts.state.settings;
    const values = args.map((argument) => constantArgument(argument, textSettings));
    return { prepared, args, values };
  }

  #standsFor(wanted: Wanted, { prepared, values }: Execution): Wanted {
    const executed = this.wanted(
      prepared,
      values.map((value) => value ?? null),
    );
    if (executed === null) throw notSupported("EXECUTE of an empty statement");
    const check = (translation: Translation): void => {
      wanted.check?.(translation);
      executed.check?.(translation);
    };
    return { ...executed, check };
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
    const origin = { micros: this.#parts.wallMicros(), fromSql: true };
    const described = await this.#describe(query, types);
    stop.check();
    const prepared = this.#keep({ text: query.text, parsed: query, origin, ...described });
    this.#parts.state.statements.add(name, prepared);
    return { kind: "command", tag: "PREPARE" };
  }

  #keep(prepared: ClusterStatement): PreparedStatement {
    this.#prepared.set(prepared, prepared);
    return prepared;
  }

  /** PREPARE, EXECUTE, DEALLOCATE by Parse. EXECUTE returns what it would run when it is asked. */
  #ofPreparation(
    prepared: Omit<ClusterStatement, "columns"> & { readonly parsed: ParsedStatement },
  ): ClusterStatement {
    const { parsed, parameterTypes } = prepared;
    const untyped = parameterTypes.indexOf(0) + 1;
    if (untyped > 0) {
      throw new SqlError("42P18", `could not determine data type of parameter $${untyped}`);
    }
    const executed = (): PreparedStatement | undefined => this.#runsOf(parsed);
    return {
      ...prepared,
      leavesFailure: false,
      get columns() {
        return executed()?.columns ?? null;
      },
    };
  }

  async #describe(
    statement: ParsedStatement,
    parameterTypes: readonly number[],
  ): Promise<Omit<PreparedStatement, "text">> {
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

/** None for a statement without parameters, whatever is written, as in PostgreSQL. Throws SqlError. */
function argumentsOf(
  statement: ParsedStatement,
  { name, args }: Preparation & { kind: "execute" },
  types: readonly number[],
): readonly ExecuteArgument[] {
  if (types.length === 0) return [];
  refuseParameters(statement);
  if (args.length !== types.length) throw wrongCount(name, types.length, args.length);
  return args.map((node, at) => ({ node, at, typeOid: types[at] ?? 0 }));
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

/**
 * A statement that would return other columns than when it was prepared must not run: its client may have
 * been told of those, and looks for their names. PostgreSQL compares the same.
 */
function refuseOtherColumns(
  prepared: ClusterStatement,
  columns: readonly ColumnDescription[] | null,
): void {
  const expected = prepared.columns ?? [];
  const actual = columns ?? [];
  const isSame =
    expected.length === actual.length &&
    expected.every((column, at) => isSameColumn(column, actual[at]));
  if (!isSame) throw new SqlError("0A000", "cached plan must not change result type");
}

function isSameColumn(
  { name, typeOid, typeModifier }: ColumnDescription,
  actual: ColumnDescription | undefined,
): boolean {
  return (
    name === actual?.name && typeOid === actual.typeOid && typeModifier === actual.typeModifier
  );
}
