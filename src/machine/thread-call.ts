/** The call that this thread runs, as the functions inside its statements see it. */
import { type StopFlags, stopped } from "./stop.ts";

/** One object a thread, as there is one module a thread; without an owner elsewhere nothing stops. */
class ThreadCall {
  #flags: StopFlags | null = null;
  #id = 0;

  /** Where the owner says which calls are to end. */
  watch(flags: StopFlags): void {
    this.#flags = flags;
  }

  /** Runs a call that may be stopped. Throws 57014 if that was asked for before it began. */
  run<Result>(id: number, work: () => Result): Result {
    this.#id = id;
    try {
      this.check();
      return work();
    } finally {
      this.#id = 0;
    }
  }

  /** Throws 57014 if the call that runs is to end. What is not run by `run` goes on. */
  check(): void {
    if (this.#id !== 0 && this.#flags?.isAsked(this.#id) === true) throw stopped();
  }
}

export const threadCall = new ThreadCall();
