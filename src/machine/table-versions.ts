import type { TouchedTables } from "./touched-tables.ts";

/**
 * When each table was last changed by the log, in a count that only rises: open transactions ask
 * whether what they were shown may have changed. Kept only while somebody asks.
 */
export class TableVersions {
  readonly #changed = new Map<string, number>();
  #now = 0;
  /** Everything changed here: the schema did. */
  #allChanged = 0;
  /** Whether anybody asks: otherwise changes are not noted. */
  isWatched = false;

  /** What was true when this was taken holds for every table that did not change since. */
  get now(): number {
    return this.#now;
  }

  /** The log has written to these tables. */
  wrote({ written }: TouchedTables): void {
    this.#now += 1;
    for (const table of written) this.#changed.set(table, this.#now);
  }

  wroteEverything(): void {
    this.#now += 1;
    this.#allChanged = this.#now;
    this.#changed.clear();
  }

  /** Whether none of the tables was changed after `moment`. */
  isUnchanged({ all }: TouchedTables, moment: number): boolean {
    if (moment >= this.#now) return true;
    if (moment < this.#allChanged) return false;
    for (const table of all) if ((this.#changed.get(table) ?? 0) > moment) return false;
    return true;
  }
}
