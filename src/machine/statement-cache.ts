/** Prepared statements of one connection, by text; the least recently used go first. */
import {
  PREPARED_STATEMENTS_MAX,
  PREPARED_TEXT_LENGTH_MAX,
  RESULT_BYTES_MAX,
} from "../base/limits.ts";
import { SqlError } from "../sql/errors.ts";
import type { SqliteValue } from "../sql/values.ts";
import type { Connection, Statement } from "./connection.ts";
import { explain, isLinear, isShort } from "./program.ts";
import {
  checkStatementText,
  hasFewSelects,
  hasShortLength,
  type StatementUse,
} from "./statement-text.ts";
import { type TableUse, tableUses, touchedPart } from "./table-use.ts";
import type { Touched } from "./touched.ts";

type Row = readonly SqliteValue[];

export class StatementCache {
  readonly #connection: Connection;
  readonly #use: StatementUse;
  readonly #prepared = new Map<string, PreparedStep>();

  constructor(connection: Connection, use: StatementUse) {
    this.#connection = connection;
    this.#use = use;
  }

  /** Throws SqlError for a text that may not run, and SQLite's error for one that it refuses. */
  prepare(text: string): PreparedStep {
    const known = this.#prepared.get(text);
    if (known !== undefined && !known.isBusy) {
      // Until some have to go it does not matter which were used when.
      if (this.#prepared.size > PREPARED_STATEMENTS_MAX / 2) {
        this.#prepared.delete(text);
        this.#prepared.set(text, known);
      }
      return known;
    }
    const { sql, numbered } = checkStatementText(text, this.#use);
    const step = new PreparedStep(this.#connection, sql, numbered);
    if (text.length <= PREPARED_TEXT_LENGTH_MAX) this.#keep(text, step);
    return step;
  }

  /**
   * Whether a statement surely runs in microseconds (program.ts); false for one that cannot run. What
   * takes its time to be looked at is not.
   */
  isShort(text: string, parameters: readonly SqliteValue[]): boolean {
    return this.#traits(text, parameters)?.isShort === true;
  }

  /** As `isShort`: whether it takes no longer than its tables have rows. */
  isLinear(text: string, parameters: readonly SqliteValue[]): boolean {
    return this.#traits(text, parameters)?.isLinear === true;
  }

  /** Null for what takes its time to be looked at, or cannot run. */
  #traits(text: string, parameters: readonly SqliteValue[]): StepTraits | null {
    if (!hasShortLength(text, parameters)) return null;
    const known = this.#prepared.get(text);
    if (!(known?.hasFewSelects ?? hasFewSelects(text))) return null;
    // Also of a known one: a wrong number of values is its mistake, and on every node the same.
    try {
      return (known ?? this.prepare(text)).traits(parameters);
    } catch {
      return null;
    }
  }

  /** To be called when the schema changed: a statement's columns are those of when it was prepared. */
  clear(): void {
    this.#prepared.clear();
  }

  #keep(text: string, step: PreparedStep): void {
    this.#prepared.set(text, step);
    if (this.#prepared.size <= PREPARED_STATEMENTS_MAX) return;
    for (const oldest of this.#prepared.keys()) {
      this.#prepared.delete(oldest);
      return;
    }
  }
}

/** What a statement does, whatever its parameters are. */
export interface StepTraits {
  readonly uses: readonly TableUse[];
  /** See program.ts. */
  readonly isShort: boolean;
  readonly isLinear: boolean;
}

/** One SQLite statement, ready to run any number of times. */
export class PreparedStep {
  readonly #connection: Connection;
  readonly #sql: string;
  readonly #statement: Statement;
  readonly #numbered: boolean;
  readonly #isExplain: boolean;
  #traits: StepTraits | null = null;
  #hasFewSelects: boolean | null = null;

  constructor(connection: Connection, sql: string, numbered: boolean) {
    const statement = connection.prepare<unknown[]>(sql);
    this.#connection = connection;
    this.#sql = sql;
    this.#statement = statement.reader ? statement.raw(true) : statement;
    this.#numbered = numbered;
    this.#isExplain = EXPLAIN.test(sql);
  }

  /** See statement-text.ts. */
  get hasFewSelects(): boolean {
    this.#hasFewSelects ??= hasFewSelects(this.#sql);
    return this.#hasFewSelects;
  }

  /** Whether rows of it are still being taken. */
  get isBusy(): boolean {
    return this.#statement.busy;
  }

  /** Whether it returns rows. */
  get returnsRows(): boolean {
    return this.#statement.reader;
  }

  /** Whether it changes nothing: by SQLite's word, which says of EXPLAIN what holds of the statement explained. */
  get readsOnly(): boolean {
    return this.#statement.readonly || this.#isExplain;
  }

  /**
   * Runs it to the end; the rows that it returned, or how many it changed. Throws SqlError 54000 for
   * rows of more than RESULT_BYTES_MAX; then what it changed is there nevertheless.
   */
  run(parameters: readonly SqliteValue[]): { rows: Row[] | null; changes: number } {
    const bound = this.#bind(parameters);
    if (this.#statement.reader) {
      const isShort = !this.#isExplain && this.traits(parameters).isShort;
      const rows = isShort ? (this.#statement.all(bound) as Row[]) : this.#bounded(bound);
      return { rows, changes: rows.length };
    }
    return { rows: null, changes: this.#statement.run(bound).changes };
  }

  /** Rows as they are asked for; the connection is busy until the iterator is done or returned. */
  iterate(parameters: readonly SqliteValue[]): IterableIterator<Row> {
    return this.#statement.iterate(this.#bind(parameters)) as IterableIterator<Row>;
  }

  /** What its program says of it; `parameters` as for a run, their values do not matter. */
  traits(parameters: readonly SqliteValue[]): StepTraits {
    this.#traits ??= this.#explain(parameters);
    return this.#traits;
  }

  /** What it reads and writes with these parameters. */
  touched(parameters: readonly SqliteValue[]): Touched {
    return this.traits(parameters).uses.map((use) => touchedPart(use, parameters));
  }

  #explain(parameters: readonly SqliteValue[]): StepTraits {
    const program = explain(this.#connection, this.#sql, this.#bind(parameters));
    return {
      uses: tableUses(this.#connection, program),
      isShort: isShort(program),
      isLinear: isLinear(program),
    };
  }

  #bounded(bound: unknown): Row[] {
    const rows: Row[] = [];
    let bytes = 0;
    for (const row of this.#statement.iterate(bound) as IterableIterator<Row>) {
      bytes += sizeOfRow(row);
      if (bytes > RESULT_BYTES_MAX) throw tooLarge();
      rows.push(row);
    }
    return rows;
  }

  #bind(parameters: readonly SqliteValue[]): unknown {
    if (!this.#numbered) return parameters;
    const byNumber: Record<string, SqliteValue> = {};
    for (const [index, value] of parameters.entries()) byNumber[index + 1] = value;
    return byNumber;
  }
}

const EXPLAIN = /^\s*EXPLAIN\b/i;

/** What every value takes at least. */
const VALUE_BYTES = 8;

function sizeOfRow(row: Row): number {
  let bytes = 0;
  for (const value of row) {
    const isLong = typeof value === "string" || value instanceof Uint8Array;
    bytes += isLong ? VALUE_BYTES + value.length : VALUE_BYTES;
  }
  return bytes;
}

function tooLarge(): SqlError {
  const limit = RESULT_BYTES_MAX / 1024 / 1024;
  return new SqlError("54000", `the result is too large: it has more than ${limit} MiB`, {
    detail:
      "What a statement returns that changes rows, or a query behind a change in a transaction, is kept in memory.",
    hint: "Return fewer columns or rows, or read them outside of the transaction.",
  });
}
