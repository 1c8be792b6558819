/** A quiet cluster to measure on, and clients that write without pause. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type pg from "pg";
import { SeededRandom } from "../../src/base/random.ts";
import type { ClusterNode } from "../support/cluster/cluster-node.ts";
import { ChaosCluster } from "./cluster/chaos-cluster.ts";
import type { Cleanup } from "./cluster/cleanup.ts";
import { ProxiedNetwork } from "./network/proxied-network.ts";
import type { ChaosOptions } from "./options.ts";
import { withNode } from "./workloads/client.ts";

/** The nodes' own defaults but for the write timeout: nobody waits longer for an answer. */
const NODE_FLAGS = ["--write-timeout-ms", "5000"];
const RETRY_MS = 5;

export async function measuredCluster(
  options: ChaosOptions,
  cleanup: Cleanup,
): Promise<ChaosCluster> {
  const directory = mkdtempSync(join(tmpdir(), "synod-chaos-"));
  if (!options.keep) {
    cleanup.add(directory, () => rmSync(directory, { recursive: true, force: true }));
  }
  const network = await ProxiedNetwork.open(new SeededRandom(options.seed));
  cleanup.add("the network", () => network.close());
  const cluster = new ChaosCluster({ directory, network, smallDisk: null, flags: NODE_FLAGS });
  cleanup.add("the nodes", () => cluster.end());
  await cluster.found(options.nodes);
  await withNode(await cluster.untilLeader(), (client) =>
    client.query("CREATE TABLE writes (client int, number int, PRIMARY KEY (client, number))"),
  );
  return cluster;
}

/** An acknowledged write, in milliseconds of performance.now(). */
export interface Write {
  readonly sentMs: number;
  readonly acknowledgedMs: number;
}

/** One client of one node; connects again when it is lost. */
export class SteadyWriter {
  readonly #node: ClusterNode;
  readonly #client: number;
  readonly writes: Write[] = [];
  /** Writes and connections that failed: they have no latency, so they are counted. */
  errors = 0;
  #number = 0;
  #stopping = false;
  #running: Promise<void> = Promise.resolve();

  constructor(node: ClusterNode, client: number) {
    this.#node = node;
    this.#client = client;
  }

  start(): void {
    this.#running = this.#run();
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    await this.#running;
  }

  async #run(): Promise<void> {
    while (!this.#stopping) {
      await withNode(this.#node, (client) => this.#write(client)).catch(() => {
        this.errors += 1;
      });
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  }

  async #write(client: pg.Client): Promise<void> {
    while (!this.#stopping) {
      this.#number += 1;
      const sentMs = performance.now();
      await client.query("INSERT INTO writes VALUES ($1, $2)", [this.#client, this.#number]);
      this.writes.push({ sentMs, acknowledgedMs: performance.now() });
    }
  }
}
