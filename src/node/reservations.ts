import type { Clock } from "../base/clock.ts";
import { RESERVED_VALUES_MAX } from "../base/limits.ts";

/** Asked for again within this time, a sequence gets twice as many values. */
const BUSY_MS = 1_000;

interface Last {
  readonly count: number;
  readonly atMs: number;
}

/**
 * How many values of a sequence to set aside at once. A sequence that is used now and then gets one
 * at a time, so that its numbers have no gaps that nobody can explain; a busy one gets so many that
 * the log is rarely asked.
 */
export class Reservations {
  readonly #clock: Clock;
  readonly #last = new Map<string, Last>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  next(database: number, sequence: string): number {
    const key = `${database} ${sequence}`;
    const last = this.#last.get(key);
    const atMs = this.#clock.monotonicMs();
    const isBusy = last !== undefined && atMs - last.atMs < BUSY_MS;
    const count = isBusy ? Math.min(last.count * 2, RESERVED_VALUES_MAX) : 1;
    this.#last.set(key, { count, atMs });
    return count;
  }
}
