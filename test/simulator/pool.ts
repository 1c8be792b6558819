/** Spreads seeds over processes. */
import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { Failure } from "./failure.ts";
import { addTally, emptyTally, type Tally } from "./tally.ts";
import type { Order, Told } from "./worker.ts";

export interface PoolParts {
  readonly jobs: number;
  readonly first: number;
  /** Infinity: until `mayGoOn` says no. */
  readonly seeds: number;
  readonly order: Omit<Order, "first" | "count">;
  /** Goes on after a seed that failed. */
  readonly keepsGoing: boolean;
  /** Asked before each order. */
  readonly mayGoOn: () => boolean;
  readonly onProgress: (tally: Tally) => void;
}

export interface PoolResult {
  readonly tally: Tally;
  readonly failures: readonly Failure[];
}

const SEEDS_PER_ORDER = 20;
/** A seed that takes longer than this has no end. */
const SEED_MS_MAX = 120_000;

/** Resolves when all seeds ran, or (unless it keeps going) when one failed and the others under way have ended. */
export function runPool(parts: PoolParts): Promise<PoolResult> {
  return new Pool(parts).run();
}

class Pool {
  readonly #parts: PoolParts;
  readonly #tally = emptyTally();
  readonly #failures: Failure[] = [];
  #next: number;

  constructor(parts: PoolParts) {
    this.#parts = parts;
    this.#next = parts.first;
  }

  async run(): Promise<PoolResult> {
    const lanes = Array.from({ length: this.#parts.jobs }, async () => this.#lane());
    await Promise.all(lanes);
    return { tally: this.#tally, failures: this.#failures };
  }

  async #lane(): Promise<void> {
    const child = fork(fileURLToPath(new URL("./worker.js", import.meta.url)), {
      serialization: "advanced",
    });
    try {
      for (let order = this.#order(); order !== null; order = this.#order()) {
        const { tally, failures } = await ask(child, order);
        addTally(this.#tally, tally);
        this.#failures.push(...failures);
        this.#parts.onProgress(this.#tally);
      }
    } finally {
      child.kill("SIGKILL");
    }
  }

  /** Null: nothing is left to do. */
  #order(): Order | null {
    const left = this.#parts.first + this.#parts.seeds - this.#next;
    if (
      left <= 0 ||
      (this.#failures.length > 0 && !this.#parts.keepsGoing) ||
      !this.#parts.mayGoOn()
    )
      return null;
    const count = Math.min(SEEDS_PER_ORDER, left);
    const first = this.#next;
    this.#next += count;
    return { ...this.#parts.order, first, count };
  }
}

function ask(child: ChildProcess, order: Order): Promise<Extract<Told, { kind: "done" }>> {
  return new Promise((resolve, reject) => {
    let seed = order.first;
    const tooLong = (): void => {
      child.kill("SIGKILL");
      reject(new Error(`seed ${seed} did not end within ${SEED_MS_MAX / 1000} s`));
    };
    let timer = setTimeout(tooLong, SEED_MS_MAX);
    const ended = (): void => reject(new Error(`the process that ran seed ${seed} ended`));
    const told = (message: unknown): void => {
      const news = message as Told;
      clearTimeout(timer);
      if (news.kind === "begun") {
        seed = news.seed;
        timer = setTimeout(tooLong, SEED_MS_MAX);
        return;
      }
      child.off("message", told);
      child.off("exit", ended);
      resolve(news);
    };
    child.on("message", told);
    child.on("exit", ended);
    child.send(order);
  });
}
