/**
 * Draws faults and lets them strike, one after the other in each lane; the lanes run beside each
 * other, so that a node is killed while another one is cut off. Every kind is in the bag as often as
 * its weight says, and the bag is emptied before it is filled again: a run that is long enough has
 * all of them. The seed decides what is drawn; when it strikes depends on the machine.
 */
import { setTimeout } from "node:timers/promises";
import { SeededRandom } from "../../../src/base/random.ts";
import type { ChaosCluster } from "../cluster/chaos-cluster.ts";
import { between, type Fault, type FaultContext, shuffled } from "./fault.ts";

const CALM_MS_MIN = 200;
const CALM_MS_MAX = 3_000;

export interface NemesisOptions {
  readonly cluster: ChaosCluster;
  readonly seed: number;
  readonly lanes: readonly (readonly Fault[])[];
  /** Called with every line for the reader. */
  /** What happens, line by line. */
  readonly say: (line: string) => void;
  /** What must not happen: always told, and at once. */
  readonly alarm: (line: string) => void;
}

export class Nemesis {
  readonly #options: NemesisOptions;
  readonly #stop = new AbortController();
  /** How often each kind struck. */
  readonly counts = new Map<string, number>();
  readonly failures: string[] = [];
  readonly notes: string[] = [];
  #running: Promise<unknown> = Promise.resolve();

  constructor(options: NemesisOptions) {
    this.#options = options;
  }

  get total(): number {
    return [...this.counts.values()].reduce((sum, count) => sum + count, 0);
  }

  start(): void {
    const lanes = this.#options.lanes.map((faults, number) => this.#lane(faults, number));
    this.#running = Promise.all(lanes);
  }

  /** Lets no new fault strike, and waits until those that last are mended. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  #isOver(): boolean {
    return this.#stop.signal.aborted;
  }

  async #lane(faults: readonly Fault[], number: number): Promise<void> {
    const possible = faults.filter(({ missing }) => missing === null);
    if (possible.length === 0) return;
    // Who is asked for by name strikes, also if it is not in the mix.
    const isAlone = possible.every(({ weight }) => weight === 0);
    const random = new SeededRandom(this.#options.seed, number + 1);
    const weightOf = ({ weight }: Fault): number => (isAlone ? Math.max(1, weight) : weight);
    for (;;) {
      const bag = possible.flatMap((fault) => Array.from({ length: weightOf(fault) }, () => fault));
      for (const fault of shuffled(random, bag)) {
        await this.#sleep(between(random, CALM_MS_MIN, CALM_MS_MAX));
        if (this.#isOver()) return;
        await this.#strike(fault, random);
      }
    }
  }

  async #strike(fault: Fault, random: SeededRandom): Promise<void> {
    const { cluster, say } = this.#options;
    this.counts.set(fault.kind, (this.counts.get(fault.kind) ?? 0) + 1);
    say(`    ${fault.kind}`);
    const context: FaultContext = {
      cluster,
      random,
      sleep: (durationMs) => this.#sleep(durationMs),
      note: (text) => {
        this.notes.push(`${fault.kind}: ${text}`);
        say(`    ${fault.kind}: ${text}`);
      },
      fail: (text) => this.#fail(fault, text),
    };
    try {
      await fault.strike(context);
    } catch (error) {
      this.#fail(fault, error instanceof Error ? error.message : String(error));
      // The run goes on, and must not be stuck because this one left a node behind.
      cluster.revive();
    }
  }

  #fail(fault: Fault, text: string): void {
    this.failures.push(`${fault.kind}: ${text}`);
    this.#options.alarm(`PROBLEM: ${fault.kind}: ${text}`);
  }

  async #sleep(durationMs: number): Promise<void> {
    await setTimeout(durationMs, undefined, { signal: this.#stop.signal }).catch(() => undefined);
  }
}
