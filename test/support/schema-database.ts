/**
 * One database in memory, as a replica holds it, for tests of schema statements: it translates a
 * statement, runs its steps as the machine would, and keeps the Catalog.
 */
import Database from "better-sqlite3";
import { type Catalog, EMPTY_CATALOG } from "../../src/sql/catalog/catalog.ts";
import { decodeRelation } from "../../src/sql/catalog/stored.ts";
import { SqlError } from "../../src/sql/errors.ts";
import { catalogFunctions } from "../../src/sql/functions/catalog-functions.ts";
import type { FunctionContext, ScalarFunction } from "../../src/sql/functions/function.ts";
import { scalarFunctions } from "../../src/sql/functions/registry.ts";
import { loadParser, parseStatements } from "../../src/sql/parse.ts";
import { translateSchema } from "../../src/sql/schema/translate-schema.ts";
import { sqlErrorFromSqlite } from "../../src/sql/sqlite-errors.ts";
import type { SchemaTranslation, Step } from "../../src/sql/translation.ts";
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
    const extra = catalogFunctions.flatMap(({ scalar }) => (scalar === null ? [] : [scalar]));
    const all = new Map<string, ScalarFunction>();
    for (const each of [...extra, ...scalarFunctions]) all.set(`${each.name}/${each.arity}`, each);
    for (const each of all.values()) this.#register(each);
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
  #context(): FunctionContext {
    return {
      timestampMicros: 0,
      randomU32: () => 4,
      catalog: this.catalog,
      nextval: () => {
        this.#sequenceValue += 1n;
        return this.#sequenceValue;
      },
      setval: (_sequence, value) => value,
    };
  }

  #register(scalar: ScalarFunction): void {
    const { name, arity, deterministic } = scalar;
    const body = (...args: SqliteValue[]) => scalar.call(this.#context(), args);
    Object.defineProperty(body, "length", { value: arity ?? 0 });
    this.sqlite.function(
      name,
      { varargs: arity === null, deterministic, safeIntegers: true },
      body,
    );
  }
}
