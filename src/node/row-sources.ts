/** Rows for the protocol: those that are all here, and those that a reader hands out in pages. */
import type { ReadPage, StateMachine } from "../machine/state-machine.ts";
import type { Stop } from "../machine/stop.ts";
import type { RowSource } from "../sql/database.ts";
import type { SqliteValue } from "../sql/values.ts";

type Row = readonly SqliteValue[];

/** Where to find what may stop the statement that runs now. */
export interface Stops {
  readonly stop: Stop;
}

/** Rows that are in memory. */
export class MemoryRows implements RowSource {
  readonly #rows: readonly Row[];
  readonly #stops: Stops | null;
  #taken = 0;

  constructor(rows: readonly Row[], stops: Stops | null = null) {
    this.#rows = rows;
    this.#stops = stops;
  }

  async next(limit: number): Promise<readonly Row[]> {
    // What is handed out at once is hardly ever stopped in between.
    if (this.#taken > 0) this.#stops?.stop.check();
    const rows = this.#rows.slice(this.#taken, this.#taken + limit);
    this.#taken += rows.length;
    return rows;
  }

  close(): void {
    this.#taken = this.#rows.length;
  }
}

/** A read's first page, and a cursor for the rest. */
export class CursorRows implements RowSource {
  readonly #machine: StateMachine;
  readonly #stops: Stops;
  #page: readonly Row[];
  #taken = 0;
  #cursor: number | null;
  #whenLeft: (() => void) | null = null;

  constructor(machine: StateMachine, first: ReadPage, stops: Stops) {
    this.#machine = machine;
    this.#stops = stops;
    this.#page = first.rows;
    this.#cursor = first.cursor;
  }

  /** Whether the reader has rows left for it. */
  get isOnReader(): boolean {
    return this.#cursor !== null;
  }

  /** `left` is called when it needs the reader no more, which it still does. */
  onLeave(left: () => void): void {
    this.#whenLeft = left;
  }

  async next(limit: number): Promise<readonly Row[]> {
    if (this.#taken === this.#page.length && this.#cursor !== null) {
      const page = await this.#machine.readMore(this.#cursor, limit, this.#stops.stop);
      this.#page = page.rows;
      this.#taken = 0;
      if (page.cursor === null) this.#leave();
    }
    const rows = this.#page.slice(this.#taken, this.#taken + limit);
    this.#taken += rows.length;
    return rows;
  }

  close(): void {
    if (this.#cursor !== null) this.#machine.closeCursor(this.#cursor);
    this.#leave();
    this.#page = [];
    this.#taken = 0;
  }

  #leave(): void {
    this.#cursor = null;
    this.#whenLeft?.();
    this.#whenLeft = null;
  }
}
