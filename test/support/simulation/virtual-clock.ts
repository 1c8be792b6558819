/** A process's clock over virtual time. */
import type { Clock, Timer } from "../../../src/base/clock.ts";
import type { Scheduler } from "./scheduler.ts";

const EPOCH_MICROS = 1_700_000_000_000_000;

/** What is wrong with a process's clocks. */
export interface ClockFaults {
  /** By how much the wall clock is off at a time, in microseconds. */
  readonly skewMicros: (nowMs: number) => number;
  /** Milliseconds of the monotonic clock in one of true time. */
  readonly rate: number;
}

export const NO_CLOCK_FAULTS: ClockFaults = { skewMicros: () => 0, rate: 1 };

export interface ClockParts extends ClockFaults {
  /** Runs a timer's action, or keeps it while the process is paused. */
  readonly gate: (action: () => void) => void;
}

/** One unit of the scheduler is a millisecond. */
export class VirtualClock implements Clock {
  readonly #scheduler: Scheduler;
  readonly #parts: ClockParts;
  #stopped = false;

  constructor(scheduler: Scheduler, parts: ClockParts) {
    this.#scheduler = scheduler;
    this.#parts = parts;
  }

  monotonicMs(): number {
    return this.#scheduler.now * this.#parts.rate;
  }

  wallMicros(): number {
    const { now } = this.#scheduler;
    return EPOCH_MICROS + now * 1000 + this.#parts.skewMicros(now);
  }

  after(delayMs: number, action: () => void): Timer {
    let cancelled = false;
    this.#scheduler.after(Math.ceil(delayMs / this.#parts.rate), () => {
      this.#parts.gate(() => {
        if (!cancelled && !this.#stopped) action();
      });
    });
    return {
      cancel: () => {
        cancelled = true;
      },
    };
  }

  /** The process is gone: nothing that it scheduled runs any more. */
  stop(): void {
    this.#stopped = true;
  }
}
