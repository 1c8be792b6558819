import { type Stop, stopped } from "../machine/stop.ts";
import type { SqlError } from "../sql/errors.ts";

/** A client's wait for one lock: what it hears meanwhile, in its order. */
export class LockWait {
  readonly #stop: Stop;
  readonly #stopped = (): void => this.end(stopped());
  #heard: (number | "ask")[] = [];
  #ended: SqlError | null = null;
  #wake: () => void = () => undefined;

  /** `stop`: of the statement that waits. */
  constructor(stop: Stop) {
    this.#stop = stop;
    stop.listen(this.#stopped);
  }

  /** Whether its client no longer waits. */
  get isEnded(): boolean {
    return this.#ended !== null;
  }

  /** `session`: of the gateway, under which it is granted. */
  granted(session: number): void {
    this.#heard.push(session);
    this.#wake();
  }

  /** It may have been granted without a word. */
  ask(): void {
    this.#heard.push("ask");
    this.#wake();
  }

  /** The client no longer waits, and is told why. */
  end(error: SqlError): void {
    this.#ended ??= error;
    this.#wake();
  }

  /** Throws if the client no longer waits. */
  check(): void {
    if (this.#ended !== null) throw this.#ended;
  }

  /** Resolves with what is heard next, a grant as its session; rejects when the client no longer waits. */
  async next(): Promise<number | "ask"> {
    for (;;) {
      this.check();
      const heard = this.#heard.shift();
      if (heard !== undefined) return heard;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  close(): void {
    this.#stop.ignore(this.#stopped);
  }
}
