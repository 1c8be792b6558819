/**
 * The judge of random schedules: one SQLite database without transactions that overlap, without
 * digests, table versions or a log. It has only the statements, and the values of the sequence.
 */
import type { CommandStatement, SavepointItem } from "../../../../src/machine/command.ts";
import { type Connection, openScratch } from "../../../../src/machine/connection.ts";
import { sqliteCode } from "../../../../src/machine/machine-error.ts";
import type { SqliteValue } from "../../../../src/sql/values.ts";

/** What a client sees of a statement. */
export type Shown = readonly (readonly SqliteValue[])[] | number | "failed";

export type Performed =
  | SavepointItem
  | {
      readonly kind: "statement";
      readonly statement: CommandStatement;
      /** What the sequence gave it, in order. */
      readonly values: readonly bigint[];
      readonly shown: Shown;
      /** Of one that failed: SQLite's words, noted here when it is first looked at. Another error is another result. */
      failure?: string;
    };

const NO_VALUE = "more values are asked for than were given";

export class SerialDatabase {
  readonly #connection: Connection = openScratch();
  #values: bigint[] = [];
  #failure = "";

  constructor(tables: readonly string[]) {
    this.#connection.function("pg_nextval", (_oid: bigint) => {
      const value = this.#values.shift();
      if (value === undefined) throw new Error(NO_VALUE);
      return value;
    });
    for (const table of tables) this.#connection.exec(table);
  }

  /** Whether a transaction that runs now, alone, shows its client all of this; `keep`: and commits if so. */
  shows(items: readonly Performed[], keep: "keep" | "undo"): boolean {
    this.#connection.exec("BEGIN");
    const holds = items.every((item) => this.#holds(item));
    this.#connection.exec(holds && keep === "keep" ? "COMMIT" : "ROLLBACK");
    return holds;
  }

  rows(table: string): unknown {
    return this.#connection.prepare(`SELECT * FROM ${table} ORDER BY 1`).raw(true).all();
  }

  close(): void {
    this.#connection.close();
  }

  #holds(item: Performed): boolean {
    if (item.kind === "statement") {
      this.#values = [...item.values];
      this.#failure = "";
      const isSame = text(this.#run(item.statement)) === text(item.shown);
      item.failure ??= this.#failure;
      return isSame && item.failure === this.#failure;
    }
    const words = { savepoint: "SAVEPOINT", rollbackTo: "ROLLBACK TO", release: "RELEASE" };
    this.#connection.exec(`${words[item.kind]} level${item.level}`);
    return true;
  }

  /** A statement that met a constraint has failed, and so has one that wants more values than it was given. */
  #isMistake(error: Error): boolean {
    const isConstraint = sqliteCode(error)?.startsWith("SQLITE_CONSTRAINT") === true;
    return !isConstraint && error.message !== NO_VALUE;
  }

  #run({ steps, returnsRows }: CommandStatement): Shown {
    let shown: Shown = 0;
    for (const { sql, parameters } of steps) {
      const numbered = Object.fromEntries(parameters.map((value, at) => [String(at + 1), value]));
      const prepared = this.#connection.prepare<unknown[]>(sql);
      try {
        shown = returnsRows
          ? (prepared.raw(true).all(numbered) as SqliteValue[][])
          : prepared.run(numbered).changes;
      } catch (error) {
        if (!(error instanceof Error) || this.#isMistake(error)) throw error;
        this.#failure = error.message;
        return "failed";
      }
    }
    return shown;
  }
}

function text(shown: Shown): string {
  return JSON.stringify(shown, (_key, value: unknown) =>
    typeof value === "bigint" ? `${value}n` : value,
  );
}
