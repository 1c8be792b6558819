/** The clients of all workloads, each doing one thing after the other until they are stopped. */
import { setTimeout } from "node:timers/promises";
import { SeededRandom } from "../../../src/base/random.ts";
import type { ChaosCluster } from "../cluster/chaos-cluster.ts";
import { ChaosClient } from "./client.ts";
import type { ClientSession, OutcomeCounts } from "./recorder.ts";
import type { Workload } from "./workload.ts";

/** Between two operations of one client: the faults are to have the machine, not the load. */
const PAUSE_MS_MAX = 25;
const AFTER_FAILURE_MS = 60;
/** Now and then a client goes elsewhere although all is well. */
const OPERATIONS_PER_CONNECTION = 150;

export interface ClientsOptions {
  readonly cluster: ChaosCluster;
  readonly workloads: readonly Workload[];
  readonly clientsPerWorkload: number;
  readonly seed: number;
}

export class Clients {
  readonly #options: ClientsOptions;
  readonly #clients: ChaosClient[] = [];
  #stopping = false;
  #running: Promise<unknown> = Promise.resolve();

  constructor(options: ClientsOptions) {
    this.#options = options;
  }

  start(): void {
    const { workloads, clientsPerWorkload } = this.#options;
    const loops = workloads.flatMap((workload, at) =>
      Array.from({ length: clientsPerWorkload }, (_, number) =>
        this.#loop(workload, at * clientsPerWorkload + number),
      ),
    );
    this.#running = Promise.all(loops);
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    await this.#running;
    for (const client of this.#clients) client.disconnect();
  }

  get counts(): OutcomeCounts {
    const sum = { ok: 0, failed: 0, unknown: 0 };
    for (const { counts } of this.#options.workloads) {
      sum.ok += counts.ok;
      sum.failed += counts.failed;
      sum.unknown += counts.unknown;
    }
    return sum;
  }

  /** Answers that nothing explains, with how often they came. */
  get unexpected(): ReadonlyMap<string, number> {
    const all = new Map<string, number>();
    for (const { unexpected } of this.#clients) {
      for (const [what, count] of unexpected) all.set(what, (all.get(what) ?? 0) + count);
    }
    return all;
  }

  async #loop(workload: Workload, number: number): Promise<void> {
    const { cluster, seed } = this.#options;
    const random = new SeededRandom(seed, 1_000 + number);
    const client = new ChaosClient({ nodes: () => cluster.serving, random });
    this.#clients.push(client);
    const pause = (): Promise<void> => setTimeout(AFTER_FAILURE_MS);
    const session: ClientSession = { client, random, process: number, pause };
    for (let operations = 1; !this.#stopping; operations += 1) {
      await cluster.gate.pass();
      await workload.step(session);
      const isWell = client.isConnected;
      if (operations % OPERATIONS_PER_CONNECTION === 0) client.disconnect();
      await setTimeout(isWell ? random.below(PAUSE_MS_MAX) : AFTER_FAILURE_MS);
    }
  }
}
