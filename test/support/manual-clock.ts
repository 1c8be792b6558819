/** A clock that a test moves by hand. */
import type { Clock, Timer } from "../../src/base/clock.ts";

interface Due {
  readonly atMs: number;
  readonly action: () => void;
}

export class ManualClock implements Clock {
  #nowMs = 0;
  #due: Due[] = [];

  monotonicMs(): number {
    return this.#nowMs;
  }

  wallMicros(): number {
    return this.#nowMs * 1000;
  }

  after(delayMs: number, action: () => void): Timer {
    const due = { atMs: this.#nowMs + delayMs, action };
    this.#due.push(due);
    return {
      cancel: () => {
        this.#due = this.#due.filter((other) => other !== due);
      },
    };
  }

  /** Lets time pass; runs what became due, in order. */
  advance(milliseconds: number): void {
    const endMs = this.#nowMs + milliseconds;
    for (;;) {
      const next = this.#due
        .filter(({ atMs }) => atMs <= endMs)
        .toSorted((left, right) => left.atMs - right.atMs)[0];
      if (next === undefined) break;
      this.#nowMs = Math.max(this.#nowMs, next.atMs);
      this.#due = this.#due.filter((other) => other !== next);
      next.action();
    }
    this.#nowMs = endMs;
  }
}
