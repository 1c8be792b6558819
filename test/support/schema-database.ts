/**
 * One database in memory, as a replica holds it, for tests of schema statements: it translates a
 * statement, runs its steps as the machine would, and keeps the Catalog.
 */
import Database from "better-sqlite3";
import { registerFunctions } from "../../src/machine/function-registration.ts";
import { StatementContext } from "../../src/machine/statement-context.ts";
import { SystemRelations } from "../../src/machine/system-relations.ts";
import { type Catalog, EMPTY_CATALOG } from "../../src/sql/catalog/catalog.ts";
import { decodeRelation } from "../../src/sql/catalog/stored.ts";
import { SqlError } from "../../src/sql/errors.ts";
import { objectNames } from "../../src/sql/functions/reg-functions.ts";
import { loadParser, parseStatements } from "../../src/sql/parse.ts";
import { type ProjectionSource, projectedTables } from "../../src/sql/relations/projection.ts";
import { translateSchema } from "../../src/sql/schema/translate-schema.ts";
import { sqlErrorFromSqlite } from "../../src/sql/sqlite-errors.ts";
import { translate } from "../../src/sql/translate.ts";
import type { SchemaTranslation, Step } from "../../src/sql/translation.ts";
import { DEFAULT_TEXT_SETTINGS } from "../../src/sql/types/pg-type.ts";
import { typeByOid } from "../../src/sql/types/registry.ts";
import type { SqliteValue } from "../../src/sql/values.ts";

const TABLES = `
  CREATE TABLE _synod_catalog(name TEXT PRIMARY KEY, kind TEXT, oid INTEGER, definition TEXT);
  CREATE TABLE _synod_state(key TEXT PRIMARY KEY, value);
  CREATE TABLE _synod_sequences(name TEXT PRIMARY KEY, last_value INTEGER, is_called INTEGER,
    start INTEGER, increment INTEGER, minimum INTEGER, maximum INTEGER, cycle INTEGER);
`;

export class SchemaDatabase {
  readonly sqlite = new Database(":memory:");
  catalog: Catalog = EMPTY_CATALOG;
  #sequenceValue = 0n;

  static async open(): Promise<SchemaDatabase> {
    await loadParser();
    return new SchemaDatabase();
  }

  private constructor() {
    this.sqlite.defaultSafeIntegers(true);
    this.sqlite.exec(TABLES);
    this.sqlite.pragma("foreign_keys = ON");
    registerFunctions(this.sqlite, this.#context());
  }

  /** Runs every schema statement of `text`; the last one's translation. */
  run(text: string): SchemaTranslation {
    let last: SchemaTranslation | undefined;
    for (const statement of parseStatements(text)) {
      last = translateSchema(statement, {
        catalog: this.catalog,
        databaseName: "test",
        parameterTypes: [],
      });
      this.#apply(last);
    }
    if (last === undefined) throw new Error("no statement");
    return last;
  }

  /** The SqlError of a statement of schema that must fail. */
  failure(text: string): SqlError {
    const before = this.dump();
    try {
      this.run(text);
    } catch (error) {
      if (!(error instanceof SqlError)) throw error;
      if (this.dump() !== before) throw new Error("a failed statement left something behind");
      return error;
    }
    throw new Error(`did not fail: ${text}`);
  }

  /** Runs SQLite's own SQL for rows. */
  execute(sql: string, ...values: readonly SqliteValue[]): void {
    this.sqlite.prepare(sql).run(...values);
  }

  /** The error that a client would get for SQLite's own SQL. */
  executeFailure(sql: string, ...values: readonly SqliteValue[]): SqlError {
    try {
      this.execute(sql, ...values);
    } catch (error) {
      if (!(error instanceof Database.SqliteError)) throw error;
      const found = sqlErrorFromSqlite(error.code, error.message, this.catalog);
      if (found === null) throw error;
      return found;
    }
    throw new Error(`did not fail: ${sql}`);
  }

  rows(sql: string): readonly (readonly SqliteValue[])[] {
    return this.sqlite.prepare(sql).raw().all() as SqliteValue[][];
  }

  /** Attaches pg_catalog and information_schema, filled from the Catalog as it is now. */
  attachSystemRelations(source: Omit<ProjectionSource, "catalog">): void {
    new SystemRelations(this.sqlite, "reader").attach();
    this.sqlite.pragma("query_only = OFF");
    for (const table of projectedTables) {
      const marks = table.columns.map(() => "?").join(", ");
      const sql = `INSERT INTO ${table.schema}."${table.name}" VALUES (${marks})`;
      const insert = this.sqlite.prepare(sql);
      for (const row of table.rows({ ...source, catalog: this.catalog })) insert.run(row);
    }
  }

  /** A query's rows as psql shows them, NULL as an empty text. */
  query(text: string): readonly (readonly string[])[] {
    const [statement] = parseStatements(text);
    if (statement === undefined) throw new Error("no statement");
    const translation = translate(statement, {
      catalog: this.catalog,
      databaseName: "test",
      parameterTypes: [],
    });
    if (translation.kind !== "read") throw new Error(`no query: ${text}`);
    const { sql, parameters } = translation.step;
    const values = parameters.map((each) => (each.from === "constant" ? each.value : null));
    const bound = Object.fromEntries(values.map((value, at) => [String(at + 1), value]));
    const rows = this.sqlite.prepare(sql).raw().all(bound) as SqliteValue[][];
    const types = (translation.columns ?? []).map((column) => typeByOid(column.typeOid));
    const settings = { ...DEFAULT_TEXT_SETTINGS, objectName: objectNames(this.catalog) };
    return rows.map((row) =>
      row.map((value, at) => (value === null ? "" : (types[at]?.toText(value, settings) ?? "?"))),
    );
  }

  /** SQLite's schema and the stored catalog as text. */
  dump(): string {
    return JSON.stringify(
      [
        this.rows("SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY name"),
        this.rows("SELECT * FROM _synod_catalog ORDER BY name"),
        this.rows("SELECT * FROM _synod_sequences ORDER BY name"),
      ],
      (_key, value: unknown) => (typeof value === "bigint" ? Number(value) : value),
    );
  }

  /** The relations as the rows of _synod_catalog say; equal to those in memory. */
  storedRelations(): ReadonlyMap<string, unknown> {
    const rows = this.rows("SELECT name, definition FROM _synod_catalog");
    return new Map(rows.map(([name, text]) => [String(name), decodeRelation(String(text))]));
  }

  #apply(translation: SchemaTranslation): void {
    if (translation.rebuildsTables) this.sqlite.pragma("foreign_keys = OFF");
    try {
      this.sqlite.transaction(() => {
        for (const step of translation.steps) this.#step(step);
        if (translation.rebuildsTables) {
          const broken = this.sqlite.pragma("foreign_key_check") as unknown[];
          if (broken.length > 0) throw new SqlError("23503", "foreign_key_check");
        }
      })();
    } finally {
      this.sqlite.pragma("foreign_keys = ON");
    }
    this.catalog = translation.catalog;
  }

  #step({ sql, parameters }: Step): void {
    const values = parameters.map((parameter) =>
      parameter.from === "constant" ? parameter.value : null,
    );
    const statement = this.sqlite.prepare(sql);
    // better-sqlite3 takes ?1 for a name.
    const bound = Object.fromEntries(values.map((value, at) => [String(at + 1), value]));
    if (statement.reader) statement.all(bound);
    else statement.run(bound);
  }

  /** nextval counts on, whatever the sequence. */
  #context(): StatementContext {
    const sequences = {
      nextval: () => {
        this.#sequenceValue += 1n;
        return this.#sequenceValue;
      },
      setval: (_sequence: string, value: bigint) => value,
    };
    const context = new StatementContext(sequences, () => this.catalog);
    context.enter(0, new Uint8Array(16));
    return context;
  }
}
