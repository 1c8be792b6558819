/**
 * The nodes under test: which there are, which are members, which run. Nodes never reuse a name:
 * one that lost its directory comes back as a new member under a new name.
 */
import { rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { ClusterNode, type ContentHash } from "../../support/cluster/cluster-node.ts";
import { eventually } from "../../support/cluster/eventually.ts";
import type { ChaosNetwork } from "../network/chaos-network.ts";

/** Five nodes that make their logs at once. */
const FOUNDED_MS = 120_000;
const LEADER_MS = 15_000;
const CHANGE_MS = 20_000;
const SAME_SLOT_MS = 60_000;
/** A frozen node does not answer. */
const STATUS_MS = 700;

export interface ClusterParts {
  readonly directory: string;
  readonly network: ChaosNetwork;
  /** A file system of its own for one member at a time; null: there is none. */
  readonly smallDisk: string | null;
  /** Of every start. */
  readonly flags: readonly string[];
}

export class ChaosCluster {
  readonly #parts: ClusterParts;
  readonly #nodes: ClusterNode[] = [];
  /** Nodes that clients know: members that have been ready once. */
  readonly #serving = new Set<ClusterNode>();
  /** Nodes whose process may end by itself: something was broken under them. */
  readonly #mayEnd = new Set<ClusterNode>();
  readonly #gate = new Gate();
  /** Processes that ended by themselves although nothing was broken under them. */
  readonly unexpectedEnds: string[] = [];
  #made = 0;

  constructor(parts: ClusterParts) {
    this.#parts = parts;
  }

  get network(): ChaosNetwork {
    return this.#parts.network;
  }

  get directory(): string {
    return this.#parts.directory;
  }

  /** Those that belong to the cluster, running or not. */
  get nodes(): readonly ClusterNode[] {
    return this.#nodes;
  }

  get running(): readonly ClusterNode[] {
    return this.#nodes.filter((node) => node.isRunning);
  }

  /** Where clients go, whether it runs or not. */
  get serving(): readonly ClusterNode[] {
    return this.#nodes.filter((node) => this.#serving.has(node));
  }

  /** Tells the clients of a node. */
  serve(node: ClusterNode): void {
    this.#serving.add(node);
    this.#mayEnd.delete(node);
  }

  /** Hides a node from new connections of clients. */
  withhold(node: ClusterNode): void {
    this.#serving.delete(node);
  }

  mayEnd(node: ClusterNode): void {
    this.#mayEnd.add(node);
  }

  /** Where clients wait before each operation. */
  get gate(): Gate {
    return this.#gate;
  }

  /** Founds the cluster and waits until every node is ready. */
  async found(count: number): Promise<void> {
    for (let number = 1; number <= count; number += 1) this.#nodes.push(await this.#make());
    const members = this.#nodes.map((node) => `${node.name}@${node.peerAddress}`).join(",");
    for (const node of this.#nodes) {
      node.startNew(["--bootstrap", members, ...this.#parts.flags]);
      this.#watch(node);
    }
    await Promise.all(this.#nodes.map((node) => node.ready(FOUNDED_MS)));
    for (const node of this.#nodes) this.serve(node);
  }

  async ready(): Promise<void> {
    await Promise.all(this.running.map((node) => node.ready()));
  }

  /** As after a reboot; does not wait. */
  start(node: ClusterNode): void {
    if (node.isRunning) return;
    node.start(this.#parts.flags);
    this.#watch(node);
  }

  /** Starts a new node that asks to be let in; does not wait until it is. */
  async join(): Promise<ClusterNode> {
    const node = await this.#make();
    const seeds = this.running.map((seed) => seed.peerAddress).join(",");
    this.#nodes.push(node);
    node.startNew(["--join", seeds, ...this.#parts.flags]);
    this.#watch(node);
    return node;
  }

  /** Does `work` while no client begins anything new. */
  async paused<Result>(work: () => Promise<Result>): Promise<Result> {
    this.#gate.close();
    try {
      return await work();
    } finally {
      this.#gate.open();
    }
  }

  /** The content hashes of these nodes, once they stand at one slot. */
  hashesAtOneSlot(nodes: readonly ClusterNode[]): Promise<readonly ContentHash[]> {
    return eventually("the nodes stand at one slot", SAME_SLOT_MS, async () => {
      const all = await Promise.all(nodes.map((node) => node.contentHash()));
      return new Set(all.map(({ appliedIndex }) => appliedIndex)).size === 1 && all;
    });
  }

  /** Takes a node out of the membership; the process is killed. Rejects if the cluster refuses. */
  async remove(node: ClusterNode): Promise<void> {
    await eventually(`${node.name} is removed`, CHANGE_MS, async () => {
      const [through] = this.running.filter((other) => other !== node);
      if (through === undefined) throw new Error("no other node runs");
      const change = { action: "remove", id: node.name };
      const { code, body } = await through.post("/admin/members", change);
      if (code !== 200 && !/not a member|no member|unknown/.test(body)) throw new Error(body);
      return true;
    });
    await node.kill();
    const at = this.#nodes.indexOf(node);
    if (at >= 0) this.#nodes.splice(at, 1);
  }

  /** Removes a node that will not be needed again, with its data. */
  async discard(node: ClusterNode): Promise<void> {
    await this.remove(node);
    rmSync(node.data, { recursive: true, force: true });
  }

  /** Brings back what a fault has left frozen or down. */
  revive(): void {
    for (const node of this.#nodes) {
      if (node.isRunning) node.thaw();
      this.start(node);
    }
  }

  /** Waits until the node is ready after something was broken under it; from now on it must last. */
  async recovered(node: ClusterNode, deadlineMs: number): Promise<void> {
    await node.ready(deadlineMs);
    this.#mayEnd.delete(node);
  }

  /** Whether the node is a voter, as the leader sees it. */
  async untilVoter(node: ClusterNode, deadlineMs: number): Promise<void> {
    await eventually(`${node.name} is a voter`, deadlineMs, async () => {
      const status = await node.status();
      return status.members.some(({ id, voter }) => id === node.name && voter);
    });
  }

  /** The node that the most running nodes take for the leader; null if none answers that. */
  async leader(): Promise<ClusterNode | null> {
    const silent = setTimeout(STATUS_MS, null, { ref: false });
    const asked = this.running.map((node) => node.status().catch(() => null));
    const statuses = await Promise.all(asked.map((answer) => Promise.race([answer, silent])));
    const votes = new Map<string, number>();
    for (const status of statuses) {
      const name = status?.leader?.id;
      if (name !== undefined) votes.set(name, (votes.get(name) ?? 0) + 1);
    }
    const [first] = [...votes].sort(([, one], [, other]) => other - one);
    return this.#nodes.find((node) => node.name === first?.[0]) ?? null;
  }

  untilLeader(): Promise<ClusterNode> {
    return eventually("there is a leader", LEADER_MS, async () => {
      const leader = await this.leader();
      return leader ?? false;
    });
  }

  /** Kills what runs, frozen or not. Never throws. */
  async end(): Promise<void> {
    await Promise.all(this.#nodes.map((node) => node.kill()));
  }

  #watch(node: ClusterNode): void {
    void node.exited.then(({ code, signal }) => {
      if (signal === "SIGKILL" || this.#mayEnd.has(node) || !this.#nodes.includes(node)) return;
      this.unexpectedEnds.push(`${node.name} ended by itself: ${code ?? signal}`);
    });
  }

  /** The member on the small disk; null: nobody is there. */
  get onSmallDisk(): ClusterNode | null {
    const { smallDisk } = this.#parts;
    if (smallDisk === null) return null;
    return this.#nodes.find(({ data }) => data.startsWith(smallDisk)) ?? null;
  }

  async #make(): Promise<ClusterNode> {
    this.#made += 1;
    const name = `n${this.#made}`;
    const place = await this.network.place(name);
    const { directory, smallDisk } = this.#parts;
    const isFree = smallDisk !== null && this.onSmallDisk === null;
    const where = isFree ? { ...place, dataDirectory: smallDisk } : place;
    return new ClusterNode(name, directory, where);
  }
}

/** Clients pass while it is open. */
class Gate {
  #closed = 0;
  #waiting: (() => void)[] = [];

  close(): void {
    this.#closed += 1;
  }

  open(): void {
    this.#closed -= 1;
    if (this.#closed === 0) for (const pass of this.#waiting.splice(0)) pass();
  }

  async pass(): Promise<void> {
    while (this.#closed > 0) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }
}

/** Where a node's parts are. */
export function partsOf(
  node: ClusterNode,
): Readonly<Record<"wal" | "snapshots" | "files", string>> {
  return {
    wal: join(node.data, "wal"),
    snapshots: join(node.data, "snapshots"),
    files: join(node.data, "machine", "files"),
  };
}
