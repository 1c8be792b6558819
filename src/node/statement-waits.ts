/** How a session waits for the work on a statement, and how its client gives that up. */
import { SqlError } from "../sql/errors.ts";
import type { SessionClock } from "./session-clock.ts";
import type { SessionState } from "./session-state.ts";

export class StatementWaits {
  readonly #state: SessionState;
  readonly #clock: SessionClock;
  readonly #mayHaveEffect: () => boolean;
  #cancel: ((error: SqlError) => void) | null = null;

  /** `mayHaveEffect`: not while a transaction is open whose COMMIT has not come, or a statement is only tried. */
  constructor(state: SessionState, clock: SessionClock, mayHaveEffect: () => boolean) {
    this.#state = state;
    this.#clock = clock;
    this.#mayHaveEffect = mayHaveEffect;
  }

  /** Gives up what is waited for now, if anything is. */
  cancel(error: SqlError): void {
    this.#cancel?.(error);
  }

  /** What may have been proposed may still happen. */
  #withEffect(error: SqlError): SqlError {
    if (!this.#mayHaveEffect() || error.sqlState !== "57014") return error;
    const detail = "If it changes rows, it may still take effect.";
    return new SqlError(error.sqlState, error.message, { ...error.fields, detail });
  }

  /**
   * Lets a CancelRequest or a timeout end the wait, and the work on this node. What was proposed
   * cannot be called back, so only a statement that changes nothing may say that nothing happened;
   * see docs/pgwire.md.
   */
  cancellable<Result>(work: Promise<Result>, free: (result: Result) => void): Promise<Result> {
    const { stop } = this.#state;
    return new Promise((resolve, reject) => {
      const cancel = (error: SqlError): void => {
        stop.ask();
        work.then(free, () => undefined);
        reject(this.#withEffect(error));
      };
      const timer = this.#clock.statement(cancel);
      this.#cancel = cancel;
      const ended = (): void => {
        timer?.cancel();
        // The session may wait for its next statement by now.
        if (this.#cancel === cancel) this.#cancel = null;
      };
      work.then(
        (result) => {
          ended();
          resolve(result);
        },
        (error: unknown) => {
          ended();
          reject(error instanceof Error ? error : new Error(String(error)));
        },
      );
    });
  }

  /**
   * As `cancellable`, but its client hears what became of the statement, soon as that is to stop: told of an
   * error, it would not know which savepoints there are.
   */
  async toItsEnd<Result>(work: Promise<Result>): Promise<Result> {
    const { stop } = this.#state;
    const given: SqlError[] = [];
    const cancel = (error: SqlError): void => {
      given.push(error);
      stop.ask();
    };
    const timer = this.#clock.statement(cancel);
    this.#cancel = cancel;
    try {
      return await work;
    } catch (error) {
      const isStopped = error instanceof SqlError && error.sqlState === "57014";
      throw isStopped ? (given[0] ?? error) : error;
    } finally {
      timer?.cancel();
      if (this.#cancel === cancel) this.#cancel = null;
    }
  }
}
