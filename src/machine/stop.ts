/**
 * How a call of the machine is stopped from outside. better-sqlite3 has no interrupt; a function of
 * ours inside the statement (statement-progress.ts) looks whether somebody wants it to end.
 */
import { SqlError } from "../sql/errors.ts";

/** Given with a call; its owner may ask at any time that the call ends, done or not. */
export class Stop {
  readonly #listeners = new Set<() => void>();
  #isAsked = false;

  get isAsked(): boolean {
    return this.#isAsked;
  }

  /** Calls with this stop reject with 57014, now or when they come; idempotent. */
  ask(): void {
    if (this.#isAsked) return;
    this.#isAsked = true;
    for (const listener of this.#listeners) listener();
    this.#listeners.clear();
  }

  /** Throws 57014 if it was asked for. */
  check(): void {
    if (this.#isAsked) throw stopped();
  }

  /** `listener` is called when it is asked for, until `ignore`. */
  listen(listener: () => void): void {
    this.#listeners.add(listener);
  }

  ignore(listener: () => void): void {
    this.#listeners.delete(listener);
  }
}

/** The error of a call that was stopped. */
export function stopped(): SqlError {
  return new SqlError("57014", "canceling statement due to user request");
}

/**
 * Memory that a thread of the machine shares with its owner: which of its calls are to end. A call
 * has the place of its number's last bits, so that several may be asked for in any order; the
 * number itself stands there.
 *
 *     place:   0     1     2   …  1023
 *     int32: [1024,  0,  3074, …   0  ]   calls 1024 and 3074 are to end
 */
export class StopFlags {
  readonly memory: SharedArrayBuffer;
  readonly #places: Int32Array;

  constructor(memory = new SharedArrayBuffer(PLACES * Int32Array.BYTES_PER_ELEMENT)) {
    this.memory = memory;
    this.#places = new Int32Array(memory);
  }

  ask(call: number): void {
    Atomics.store(this.#places, call % PLACES, call | 0);
  }

  isAsked(call: number): boolean {
    return Atomics.load(this.#places, call % PLACES) === (call | 0);
  }
}

const PLACES = 1024;
