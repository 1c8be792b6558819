/** Keeps the books of one run: which faults struck, under which number, and which rare branches were reached. */
import type { WorldOptions } from "./world.ts";

export class FaultLedger {
  readonly #options: WorldOptions;
  readonly #counts = new Map<string, number>();
  #faults = 0;

  constructor(options: WorldOptions = {}) {
    this.#options = options;
  }

  /** How often each fault struck and each rare branch was taken. */
  get counts(): ReadonlyMap<string, number> {
    return this.#counts;
  }

  /** Faults that struck or were passed over by their number. */
  get faults(): number {
    return this.#faults;
  }

  /** A fault of that class is about to strike: true if it does. Ask only when it would. */
  strikes(fault: string): boolean {
    if (this.#options.without?.has(fault) === true) return false;
    this.#faults += 1;
    if (this.#options.skip?.has(this.#faults) === true) return false;
    this.reached(fault);
    return true;
  }

  /** A branch that is marked as rare was taken. */
  reached(branch: string): void {
    this.#counts.set(branch, (this.#counts.get(branch) ?? 0) + 1);
  }
}
