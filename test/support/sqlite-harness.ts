/** An in-memory SQLite database, as the machine sets one up, that runs translated SQL. */
import BetterSqlite from "better-sqlite3";
import { registerFunctions } from "../../src/machine/function-registration.ts";
import { StatementContext } from "../../src/machine/statement-context.ts";
import { SystemRelations } from "../../src/machine/system-relations.ts";
import { type Catalog, EMPTY_CATALOG } from "../../src/sql/catalog/catalog.ts";
import type { ColumnDescription } from "../../src/sql/database.ts";
import { SqlError } from "../../src/sql/errors.ts";
import { objectNames } from "../../src/sql/functions/reg-functions.ts";
import { parseStatements } from "../../src/sql/parse.ts";
import { sqlErrorFromSqlite } from "../../src/sql/sqlite-errors.ts";
import { translate } from "../../src/sql/translate.ts";
import type { ParameterSource, Step, Translation } from "../../src/sql/translation.ts";
import { DEFAULT_TEXT_SETTINGS } from "../../src/sql/types/pg-type.ts";
import { typeByOid } from "../../src/sql/types/registry.ts";
import type { SqliteValue } from "../../src/sql/values.ts";

/** 2024-02-29 12:34:56.789012 UTC */
const NOW_MICROS = 1_709_210_096_789_012;

const TABLES = `
  CREATE TABLE _synod_catalog(name TEXT PRIMARY KEY, kind TEXT, oid INTEGER, definition TEXT);
  CREATE TABLE _synod_state(key TEXT PRIMARY KEY, value);
  CREATE TABLE _synod_sequences(name TEXT PRIMARY KEY, last_value INTEGER, is_called INTEGER,
    start INTEGER, increment INTEGER, minimum INTEGER, maximum INTEGER, cycle INTEGER);
`;

type Rows = readonly (readonly SqliteValue[])[];

export class SqliteHarness {
  readonly sqlite = new BetterSqlite(":memory:");
  catalog: Catalog = EMPTY_CATALOG;
  /** The session's. */
  timeZone = "UTC";
  readonly #sequences = new Map<string, bigint>();
  readonly #systemRelations = new SystemRelations(this.sqlite, "reader");
  readonly #context: StatementContext;

  constructor() {
    this.sqlite.defaultSafeIntegers(true);
    this.sqlite.pragma("case_sensitive_like = on");
    this.sqlite.pragma("foreign_keys = on");
    this.sqlite.exec(TABLES);
    const sequences = {
      nextval: (name: string) => this.#setSequence(name, (this.#sequences.get(name) ?? 0n) + 1n),
      setval: (name: string, value: bigint, isCalled: boolean) => {
        this.#setSequence(name, isCalled ? value : value - 1n);
        return value;
      },
    };
    this.#context = new StatementContext(sequences, () => this.catalog);
    this.#context.enter(NOW_MICROS, new Uint8Array(16).fill(7));
    registerFunctions(this.sqlite, this.#context);
  }

  #setSequence(name: string, value: bigint): bigint {
    this.#sequences.set(name, value);
    return value;
  }

  /** Attaches pg_catalog and information_schema, filled from the catalog as it is now. */
  fillSystemRelations(currentDatabase: string): void {
    const { catalog } = this;
    const databases = [{ id: 5, name: currentDatabase }];
    this.#systemRelations.attach();
    this.sqlite.exec("BEGIN");
    const source = { catalog, databases, currentDatabase };
    this.#systemRelations.fill(source);
    this.sqlite.exec("COMMIT");
    this.sqlite.pragma("query_only = off");
  }

  translate(text: string, parameterTypes: readonly number[] = []): Translation {
    const [statement] = parseStatements(text);
    if (statement === undefined) throw new Error("no statement");
    return translate(statement, { catalog: this.catalog, databaseName: "synod", parameterTypes });
  }

  /** The SQLite text of a query or a change of rows. */
  sql(text: string): string {
    const translation = this.translate(text);
    if (translation.kind !== "read" && translation.kind !== "write") {
      throw new Error(`neither read nor write: ${text}`);
    }
    return translation.step.sql;
  }

  /** Runs every statement of a text. */
  script(text: string): void {
    for (const statement of parseStatements(text)) this.run(statement.text);
  }

  /** Runs one statement; schema statements change the harness's catalog. */
  run(text: string, parameters: readonly SqliteValue[] = []): Rows {
    const translation = this.translate(text);
    switch (translation.kind) {
      case "read":
      case "write":
        return this.step(translation.step, parameters);
      case "schema":
        for (const step of translation.steps) this.step(step, []);
        this.catalog = translation.catalog;
        return [];
      default:
        return [];
    }
  }

  /** The rows as PostgreSQL would print them. */
  texts(
    text: string,
    parameters: readonly SqliteValue[] = [],
  ): readonly (readonly (string | null)[])[] {
    const { columns } = this.translate(text);
    return this.#texts(this.run(text, parameters), columns ?? []);
  }

  /** The same for a query that is translated already. */
  textsOf(
    { step, columns }: Extract<Translation, { kind: "read" | "write" }>,
    parameters: readonly SqliteValue[],
  ): readonly (readonly (string | null)[])[] {
    return this.#texts(this.step(step, parameters), columns ?? []);
  }

  #texts(rows: Rows, columns: readonly ColumnDescription[]) {
    return rows.map((row) => row.map((value, index) => this.#printed(value, columns[index])));
  }

  #printed(value: SqliteValue, column: ColumnDescription | undefined): string | null {
    const { timeZone } = this;
    const settings = { ...DEFAULT_TEXT_SETTINGS, timeZone, objectName: objectNames(this.catalog) };
    const type = typeByOid(column?.typeOid ?? 25);
    return value === null ? null : (type?.toText(value, settings) ?? "?");
  }

  /** Runs one step of a translation. */
  step(step: Step, parameters: readonly SqliteValue[]): Rows {
    return this.#run(step, parameters).rows;
  }

  /** Runs a change of rows; answers how many there were. */
  change(step: Step, parameters: readonly SqliteValue[]): number {
    return this.#run(step, parameters).changes;
  }

  #run(step: Step, parameters: readonly SqliteValue[]) {
    this.#context.restart();
    try {
      const statement = this.sqlite.prepare(step.sql);
      const values = step.parameters.map((source) => this.#parameterValue(source, parameters));
      const bound = Object.fromEntries(values.map((value, at) => [String(at + 1), value]));
      if (statement.reader)
        return { rows: statement.raw().all(bound) as SqliteValue[][], changes: 0 };
      return { rows: [], changes: statement.run(bound).changes };
    } catch (error) {
      if (error instanceof SqlError) throw this.#context.located(error);
      if (!(error instanceof BetterSqlite.SqliteError)) throw error;
      const known = sqlErrorFromSqlite(error.code, error.message, this.catalog);
      throw known === null ? wrapped(error, step) : this.#context.located(known);
    }
  }

  #parameterValue(source: ParameterSource, given: readonly SqliteValue[]): SqliteValue {
    if (source.from === "client") return given[source.number - 1] ?? null;
    if (source.from === "constant") return source.value;
    const facts: Readonly<Record<string, SqliteValue>> = {
      backendPid: 42n,
      currentDatabase: "synod",
      currentUser: "alice",
      sessionUser: "alice",
      "setting:TimeZone": this.timeZone,
    };
    return facts[source.fact] ?? "on";
  }
}

function wrapped(error: Error, step: Step): Error {
  return new Error(`${error.message} in ${step.sql}`, { cause: error });
}
