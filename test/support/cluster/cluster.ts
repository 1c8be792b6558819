/**
 * A cluster of real processes for the tests of one file: `testCluster` starts it before the first
 * and ends it after the last, whatever they do; a test that fails prints what the nodes wrote.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll } from "vitest";
import { ClusterNode, type ContentHash } from "./cluster-node.ts";
import { eventually } from "./eventually.ts";

export interface ClusterOptions {
  readonly nodes?: number;
  /** Further flags of every start. */
  readonly flags?: readonly string[];
}

const START_MS_MAX = 90_000;
const LOG_CHARACTERS_SHOWN = 12_000;
const LEADER_MS = 15_000;
const CONVERGE_MS = 30_000;

/** To be called outside of any test. */
export function testCluster(options: ClusterOptions = {}): Cluster {
  const cluster = new Cluster(options);
  beforeAll(() => cluster.start(), START_MS_MAX);
  afterEach(({ task }) => {
    if (task.result?.state === "fail") cluster.printLogs();
  });
  afterAll(() => cluster.end(), START_MS_MAX);
  return cluster;
}

export class Cluster {
  readonly #options: ClusterOptions;
  readonly #directory = mkdtempSync(join(tmpdir(), "synod-e2e-"));
  readonly #nodes: ClusterNode[] = [];

  constructor(options: ClusterOptions) {
    this.#options = options;
  }

  /** Below which the nodes keep their data; removed at the end. */
  get directory(): string {
    return this.#directory;
  }

  get nodes(): readonly ClusterNode[] {
    return this.#nodes;
  }

  get running(): readonly ClusterNode[] {
    return this.#nodes.filter((node) => node.isRunning);
  }

  /** Founds the cluster and waits until every node is ready. */
  async start(): Promise<void> {
    for (let number = 1; number <= (this.#options.nodes ?? 3); number += 1) {
      await this.#make(`n${number}`);
    }
    const members = this.#nodes.map((node) => `${node.name}@${node.peerAddress}`).join(",");
    for (const node of this.#nodes) node.startNew(["--bootstrap", members, ...this.#flags]);
    try {
      await Promise.all(this.#nodes.map((node) => node.ready()));
    } catch (error) {
      this.printLogs();
      throw error;
    }
  }

  /** Waits until every running node is ready. */
  async ready(): Promise<void> {
    await Promise.all(this.running.map((node) => node.ready()));
  }

  /** Starts nodes that do not run, as after a reboot, and waits until they are ready. */
  async restart(...nodes: readonly ClusterNode[]): Promise<void> {
    for (const node of nodes) node.start(this.#flags);
    await Promise.all(nodes.map((node) => node.ready()));
  }

  /** Starts a new node that asks to be let in; does not wait until it is. */
  async join(name: string, seeds: readonly ClusterNode[] = this.running): Promise<ClusterNode> {
    const addresses = seeds.map((seed) => seed.peerAddress).join(",");
    const node = await this.#make(name);
    node.startNew(["--join", addresses, ...this.#flags]);
    return node;
  }

  node(name: string): ClusterNode {
    const found = this.#nodes.find((node) => node.name === name);
    if (found === undefined) throw new Error(`there is no ${name}`);
    return found;
  }

  /** The node that leads, once all running ones agree who that is. */
  leader(): Promise<ClusterNode> {
    return eventually("all nodes follow one leader", LEADER_MS, async () => {
      const statuses = await Promise.all(this.running.map((node) => node.status()));
      const names = new Set(statuses.map((status) => status.leader?.id));
      const [name] = names;
      return names.size === 1 && name !== undefined && this.node(name);
    });
  }

  /** The running nodes that do not lead. */
  async followers(): Promise<readonly ClusterNode[]> {
    const leader = await this.leader();
    return this.running.filter((node) => node !== leader);
  }

  /** The one content hash of all running nodes at one slot; rejects if they differ there. */
  async commonHash(): Promise<ContentHash> {
    const hashes = await eventually("all nodes stand at one slot", CONVERGE_MS, async () => {
      const all = await Promise.all(this.running.map((node) => node.contentHash()));
      return new Set(all.map(({ appliedIndex }) => appliedIndex)).size === 1 && all;
    });
    const [first] = hashes;
    if (first === undefined) throw new Error("no node runs");
    if (hashes.some(({ hash }) => hash !== first.hash)) {
      throw new Error(`the nodes differ at slot ${first.appliedIndex}: ${JSON.stringify(hashes)}`);
    }
    return first;
  }

  /** Kills what runs and removes everything. Never throws. */
  async end(): Promise<void> {
    await Promise.all(this.#nodes.map((node) => node.kill()));
    rmSync(this.#directory, { recursive: true, force: true });
  }

  printLogs(): void {
    for (const { name, log } of this.#nodes) {
      process.stderr.write(`--- ${name} ---\n${log.slice(-LOG_CHARACTERS_SHOWN)}\n`);
    }
  }

  get #flags(): readonly string[] {
    return this.#options.flags ?? [];
  }

  async #make(name: string): Promise<ClusterNode> {
    const node = await ClusterNode.make(name, this.#directory);
    this.#nodes.push(node);
    return node;
  }
}
