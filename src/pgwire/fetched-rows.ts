/**
 * The rows of one FETCH, of which an Execute with a row limit takes a part. As in PostgreSQL the cursor
 * stands behind all of them from the start: who uses it meanwhile has the rest read first (`finish`).
 */
import type { RowSource } from "../sql/database.ts";
import { SqlError } from "../sql/errors.ts";
import type { SqliteValue } from "../sql/values.ts";
import { FETCHED_ROWS_KEPT_MAX } from "./limits.ts";

type Rows = readonly (readonly SqliteValue[])[];

/** How many rows are read at once that nobody takes yet. */
const PAGE_ROWS = 1000;

export class FetchedRows implements RowSource {
  readonly #read: (limit: number) => Promise<Rows>;
  /** Of the cursor's rows. */
  #left: number;
  /** Read, and not taken yet. */
  #kept: (readonly SqliteValue[])[] = [];
  #isGivenUp = false;

  /** `read` takes rows from the cursor; `rowsMax` null: all that it has. */
  constructor(read: (limit: number) => Promise<Rows>, rowsMax: number | null) {
    this.#read = read;
    this.#left = rowsMax ?? Number.POSITIVE_INFINITY;
  }

  /** Whether somebody may still ask for the rest. */
  get isWanted(): boolean {
    return this.#left > 0 && !this.#isGivenUp;
  }

  async next(limit: number): Promise<Rows> {
    return this.#kept.length > 0 ? this.#kept.splice(0, limit) : this.#take(limit);
  }

  /** Nobody takes the rest; the cursor goes past it once somebody uses it. */
  close(): void {
    this.#isGivenUp = true;
    this.#kept = [];
  }

  /**
   * Takes the cursor past these rows, and keeps them for `next` unless they were given up. Resolves with
   * their number. Throws SqlError 54000 when they are too many to keep.
   */
  async finish(): Promise<number> {
    for (let count = 0; ; ) {
      const page = await this.#take(PAGE_ROWS);
      if (page.length === 0) return count;
      count += page.length;
      if (!this.#isGivenUp) this.#keep(page);
    }
  }

  #keep(page: Rows): void {
    this.#kept.push(...page);
    if (this.#kept.length <= FETCHED_ROWS_KEPT_MAX) return;
    throw new SqlError(
      "54000",
      `too many rows of a FETCH are left: the limit is ${FETCHED_ROWS_KEPT_MAX}`,
      { hint: "Take its rows, or close its portal, before the cursor is used again." },
    );
  }

  async #take(limit: number): Promise<Rows> {
    const left = this.#left;
    if (left === 0) return [];
    // After an error there is nothing left either.
    this.#left = 0;
    const page = await this.#read(Math.min(limit, left));
    if (page.length > 0) this.#left = left - page.length;
    return page;
  }
}
