/** What must be undone however a run ends: processes, mounts, namespaces, directories. */

type Undo = () => void | Promise<void>;

/** Runs them in reverse order, once; also when the process is told to stop. */
export class Cleanup {
  readonly #undos: { readonly what: string; readonly undo: Undo }[] = [];
  readonly #onSignal = (): void => {
    process.stderr.write("stopping …\n");
    void this.run().finally(() => process.exit(130));
  };

  constructor() {
    process.on("SIGINT", this.#onSignal);
    process.on("SIGTERM", this.#onSignal);
  }

  add(what: string, undo: Undo): void {
    this.#undos.push({ what, undo });
  }

  /** Never rejects: what could not be undone is said. */
  async run(): Promise<void> {
    process.off("SIGINT", this.#onSignal);
    process.off("SIGTERM", this.#onSignal);
    for (let next = this.#undos.pop(); next !== undefined; next = this.#undos.pop()) {
      try {
        await next.undo();
      } catch (error) {
        process.stderr.write(`${next.what} could not be undone: ${String(error)}\n`);
      }
    }
  }
}
