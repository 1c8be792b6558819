import type { Touched, TouchedPart } from "./touched.ts";

/** Rows of one table whose changes are noted one by one; beyond it the table counts as changed. */
const ROWS_NOTED_MAX = 10_000;

/** The moments at which a table was changed last. */
interface TableChanges {
  /** No row of it is as before, or nobody knows which. */
  all: number;
  /** Rows came that were not there before. */
  added: number;
  /** Single rows. */
  rows: number;
  readonly byRow: Map<bigint, number>;
}

/**
 * When each table, and where it is known each row, was last changed by the log, in a count that only
 * rises: open transactions ask whether what they were shown may have changed. Kept only while somebody
 * asks.
 */
export class TableVersions {
  readonly #tables = new Map<string, TableChanges>();
  #now = 0;
  /** Everything changed here: the schema did. */
  #allChanged = 0;
  /** Whether anybody asks: otherwise changes are not noted. */
  isWatched = false;

  /** What was true when this was taken holds for everything that did not change since. */
  get now(): number {
    return this.#now;
  }

  /** The log has written this. */
  wrote(touched: Touched): void {
    this.#now += 1;
    for (const part of touched) if (part.isWritten) this.#note(part);
  }

  wroteEverything(): void {
    this.#now += 1;
    this.#allChanged = this.#now;
    this.#tables.clear();
  }

  /** Whether nothing of it was changed after `moment`. */
  isUnchanged(touched: Touched, moment: number): boolean {
    if (moment >= this.#now) return true;
    if (moment < this.#allChanged) return false;
    return touched.every((part) => this.#lastChange(part) <= moment);
  }

  #note({ table, rows }: TouchedPart): void {
    const now = this.#now;
    const known = this.#tables.get(table) ?? { all: 0, added: 0, rows: 0, byRow: new Map() };
    this.#tables.set(table, known);
    if (rows === "new") known.added = now;
    else if (rows === "all" || known.byRow.size >= ROWS_NOTED_MAX) {
      known.all = now;
      known.byRow.clear();
    } else {
      known.rows = now;
      known.byRow.set(rows, now);
    }
  }

  /** 0: never. */
  #lastChange({ table, rows }: TouchedPart): number {
    const known = this.#tables.get(table);
    if (known === undefined) return 0;
    const { all, added, byRow } = known;
    // A row that comes may be the one that was looked for; for another that comes it is nothing.
    if (rows === "new") return Math.max(all, known.rows);
    return Math.max(all, added, rows === "all" ? known.rows : (byRow.get(rows) ?? 0));
  }
}
