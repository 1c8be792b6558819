/** A process's clock over virtual time. */
import type { Clock, Timer } from "../../../src/base/clock.ts";
import type { Scheduler } from "./scheduler.ts";

const EPOCH_MICROS = 1_700_000_000_000_000;

/** One unit of the scheduler is a millisecond. */
export class VirtualClock implements Clock {
  readonly #scheduler: Scheduler;
  readonly #skewMicros: number;
  #stopped = false;

  /** `skewMicros`: by how much the wall clock is off. */
  constructor(scheduler: Scheduler, skewMicros = 0) {
    this.#scheduler = scheduler;
    this.#skewMicros = skewMicros;
  }

  monotonicMs(): number {
    return this.#scheduler.now;
  }

  wallMicros(): number {
    return EPOCH_MICROS + this.#scheduler.now * 1000 + this.#skewMicros;
  }

  after(delayMs: number, action: () => void): Timer {
    let cancelled = false;
    this.#scheduler.after(Math.ceil(delayMs), () => {
      if (!cancelled && !this.#stopped) action();
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
