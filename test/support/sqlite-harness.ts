/** An in-memory SQLite database with the functions that translated SQL calls. */
import BetterSqlite from "better-sqlite3";
import type { Catalog } from "../../src/sql/catalog/catalog.ts";
import { EMPTY_CATALOG } from "../../src/sql/catalog/catalog.ts";
import type { FunctionContext } from "../../src/sql/functions/function.ts";
import {
  aggregateFunctions,
  scalarFunctions,
  tableFunctions,
} from "../../src/sql/functions/registry.ts";
import { parseStatements } from "../../src/sql/parse.ts";
import { projectedTables } from "../../src/sql/relations/projection.ts";
import { translate } from "../../src/sql/translate.ts";
import type { Step, Translation } from "../../src/sql/translation.ts";
import { DEFAULT_TEXT_SETTINGS } from "../../src/sql/types/pg-type.ts";
import { typeByOid } from "../../src/sql/types/registry.ts";
import type { SqliteValue } from "../../src/sql/values.ts";

/** 2024-02-29 12:34:56.789012 UTC */
export const HARNESS_MICROS = 1_709_210_096_789_012;

export class SqliteHarness {
  readonly sqlite: BetterSqlite.Database;
  catalog: Catalog = EMPTY_CATALOG;
  readonly #sequences = new Map<string, bigint>();
  #randomState = 1;

  constructor() {
    this.sqlite = new BetterSqlite(":memory:");
    this.sqlite.defaultSafeIntegers(true);
    this.sqlite.pragma("case_sensitive_like = on");
    this.sqlite.pragma("foreign_keys = on");
    this.#register();
  }

  #context(): FunctionContext {
    return {
      timestampMicros: HARNESS_MICROS,
      randomU32: () => {
        this.#randomState = (Math.imul(this.#randomState, 1_664_525) + 1_013_904_223) >>> 0;
        return this.#randomState;
      },
      catalog: this.catalog,
      nextval: (sequence) => {
        const next = (this.#sequences.get(sequence) ?? 0n) + 1n;
        this.#sequences.set(sequence, next);
        return next;
      },
      setval: (sequence, value, isCalled) => {
        this.#sequences.set(sequence, isCalled ? value : value - 1n);
        return value;
      },
    };
  }

  #register(): void {
    for (const { name, arity, deterministic, call } of scalarFunctions) {
      const options = { deterministic, varargs: arity === null, safeIntegers: true };
      this.sqlite.function(
        name,
        options,
        withLength(arity, (...args) => call(this.#context(), args)),
      );
    }
    for (const aggregate of aggregateFunctions) {
      const step = withLength(
        aggregate.arity === null ? null : aggregate.arity + 1,
        (state, ...args) => aggregate.step(this.#context(), state, args) as SqliteValue,
      );
      this.sqlite.aggregate(aggregate.name, {
        start: aggregate.start as () => SqliteValue,
        step: step as never,
        ...(aggregate.inverse === undefined
          ? {}
          : {
              inverse: ((state: unknown, ...args: SqliteValue[]) =>
                aggregate.inverse?.(this.#context(), state, args)) as never,
            }),
        result: ((state: unknown) => aggregate.finish(this.#context(), state)) as never,
        varargs: aggregate.arity === null,
        safeIntegers: true,
      });
    }
    for (const { name, parameters, columns, rows } of tableFunctions) {
      const context = this.#context();
      this.sqlite.table(name, {
        columns: [...columns],
        parameters: [...parameters],
        safeIntegers: true,
        *rows(...args: unknown[]) {
          for (const row of rows(context, args as SqliteValue[])) yield [...row];
        },
      } as never);
    }
  }

  /** Attaches pg_catalog and information_schema, filled from the catalog. */
  attachSystemRelations(currentDatabase: string): void {
    const source = {
      catalog: this.catalog,
      databases: [{ id: 5, name: currentDatabase }],
      currentDatabase,
    };
    for (const schema of ["pg_catalog", "information_schema"]) {
      this.sqlite.exec(`ATTACH ':memory:' AS ${schema}`);
    }
    for (const table of projectedTables) {
      const name = `"${table.schema}"."${table.name}"`;
      const columns = table.columns.map((column) => `"${column.name}"`);
      this.sqlite.exec(`CREATE TABLE ${name} (${columns.join(", ")})`);
      const insert = this.sqlite.prepare(
        `INSERT INTO ${name} VALUES (${columns.map(() => "?").join(", ")})`,
      );
      for (const row of table.rows(source)) insert.run(...row);
    }
  }

  translate(text: string, parameterTypes: readonly number[] = []): Translation {
    const [statement] = parseStatements(text);
    if (statement === undefined) throw new Error("no statement");
    return translate(statement, { catalog: this.catalog, databaseName: "synod", parameterTypes });
  }

  /** Runs one statement; schema statements change the harness's catalog. */
  run(text: string, parameters: readonly SqliteValue[] = []): readonly (readonly SqliteValue[])[] {
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

  step(step: Step, parameters: readonly SqliteValue[]): readonly (readonly SqliteValue[])[] {
    const values = step.parameters.map((source) => {
      switch (source.from) {
        case "client":
          return parameters[source.number - 1] ?? null;
        case "constant":
          return source.value;
        case "session":
          return sessionFact(source.fact);
      }
    });
    const statement = this.sqlite.prepare(step.sql);
    if (!statement.reader) {
      statement.run(...values);
      return [];
    }
    return statement.raw().all(...values) as SqliteValue[][];
  }

  /** The rows as PostgreSQL would print them. */
  texts(
    text: string,
    parameters: readonly SqliteValue[] = [],
  ): readonly (readonly (string | null)[])[] {
    const translation = this.translate(text);
    const rows = this.run(text, parameters);
    const types = (translation.columns ?? []).map((column) => typeByOid(column.typeOid));
    return rows.map((row) =>
      row.map((value, index) =>
        value === null ? null : (types[index]?.toText(value, DEFAULT_TEXT_SETTINGS) ?? ""),
      ),
    );
  }
}

function sessionFact(fact: string): SqliteValue {
  if (fact === "backendPid") return 42n;
  return fact === "currentDatabase" ? "synod" : fact.startsWith("setting:") ? "on" : "alice";
}

/** better-sqlite3 takes the number of arguments from the function's length. */
function withLength(
  length: number | null,
  call: (...args: SqliteValue[]) => SqliteValue,
): (...args: unknown[]) => SqliteValue {
  const wrapped = (...args: unknown[]) => call(...(args as SqliteValue[]));
  return length === null ? wrapped : Object.defineProperty(wrapped, "length", { value: length });
}
