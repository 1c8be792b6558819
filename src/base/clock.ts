/** Time, handed in so that the simulator can replace it. */

/** A timer that was started; cancel is idempotent. */
export interface Timer {
  cancel(): void;
}

export interface Clock {
  /** Milliseconds since an arbitrary start; never goes back, fractions allowed. */
  monotonicMs(): number;
  /** Microseconds since 1970 UTC by the wall clock; may jump. Below 2^53. */
  wallMicros(): number;
  /** Runs `action` once after `delayMs`; does not keep the process alive. */
  after(delayMs: number, action: () => void): Timer;
}

/** The machine's clock. */
export const systemClock: Clock = {
  monotonicMs: () => performance.now(),
  wallMicros: () => Date.now() * 1000,
  after(delayMs, action) {
    const handle = setTimeout(action, delayMs);
    handle.unref();
    return { cancel: () => clearTimeout(handle) };
  },
};
