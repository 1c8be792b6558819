/**
 * Makes a failing seed easier to understand: takes faults out, whole classes first and then single
 * ones, as long as it fails in the same way. A run is deterministic, so whatever is left is enough
 * to see the failure again.
 */
import { type Failure, failureOf, kindOf } from "./failure.ts";
import { WORLDS } from "./worlds.ts";

export interface Shrunk {
  readonly failure: Failure;
  readonly without: readonly string[];
  readonly skip: readonly number[];
  /** Runs that it took. */
  readonly runs: number;
}

/** What `original` was found without already. */
export interface LeftOut {
  readonly without: ReadonlySet<string>;
  readonly skip: ReadonlySet<number>;
}

export async function shrink(
  original: Failure,
  leftOut: LeftOut,
  classes: readonly string[],
  onProgress: (text: string) => void,
): Promise<Shrunk> {
  return new Shrinker(original, leftOut, onProgress).run(classes);
}

class Shrinker {
  readonly #kind: string;
  readonly #onProgress: (text: string) => void;
  readonly #without: Set<string>;
  #skip: Set<number>;
  #best: Failure;
  #runs = 0;

  constructor(original: Failure, leftOut: LeftOut, onProgress: (text: string) => void) {
    this.#kind = kindOf(original);
    this.#best = original;
    this.#without = new Set(leftOut.without);
    this.#skip = new Set(leftOut.skip);
    this.#onProgress = onProgress;
  }

  async run(classes: readonly string[]): Promise<Shrunk> {
    for (const name of classes) {
      if (await this.#fails(new Set([...this.#without, name]), this.#skip)) this.#without.add(name);
    }
    await this.#shrinkNumbers();
    return {
      failure: this.#best,
      without: [...this.#without],
      skip: [...this.#skip].toSorted((a, b) => a - b),
      runs: this.#runs,
    };
  }

  /** Halves of what is left, then quarters, down to single faults (Zeller's ddmin, complements only). */
  async #shrinkNumbers(): Promise<void> {
    const count = this.#best.faults;
    for (let size = Math.ceil(count / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
      for (let from = 1; from <= count; from += size) {
        const more = new Set(this.#skip);
        for (let at = from; at < from + size; at += 1) more.add(at);
        if (more.size > this.#skip.size && (await this.#fails(this.#without, more))) {
          this.#skip = more;
        }
      }
    }
  }

  async #fails(without: ReadonlySet<string>, skip: ReadonlySet<number>): Promise<boolean> {
    const { seed, world } = this.#best;
    this.#runs += 1;
    this.#onProgress(
      `run ${this.#runs}: ${this.#without.size} classes and ${this.#skip.size} faults are out`,
    );
    const failure = failureOf(world, await WORLDS[world].simulate(seed, { without, skip }));
    if (failure === null || kindOf(failure) !== this.#kind) return false;
    this.#best = failure;
    return true;
  }
}
