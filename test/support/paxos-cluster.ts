/**
 * A cluster of cores driven message by message: nothing is delivered, synced or applied unless the
 * test says so. Verbs: elect, propose, deliver, drop, crash, restart, persist, tick, apply.
 */
import { SeededRandom } from "../../src/base/random.ts";
import { decodeBatch, timestampOf } from "../../src/paxos/batch.ts";
import type { ReplicaConfig } from "../../src/paxos/config.ts";
import type { Effects, MembershipAnswer } from "../../src/paxos/effects.ts";
import type { Input } from "../../src/paxos/inputs.ts";
import type { Message } from "../../src/paxos/messages.ts";
import type { ReplicaStatus } from "../../src/paxos/replica-status.ts";
import { type Entry, type Membership, type NodeId, nodeId } from "../../src/paxos/types.ts";
import { genesisOf } from "./genesis.ts";
import { type NodeHost, PaxosNode } from "./paxos-node.ts";

export interface InFlight {
  readonly from: number;
  readonly to: number;
  readonly message: Message;
}

type Which = (flying: InFlight) => boolean;

const EVERY: Which = () => true;

export class PaxosCluster implements NodeHost {
  readonly #nodes = new Map<number, PaxosNode>();
  readonly #chosen = new Map<number, Entry[]>();
  readonly #answers: MembershipAnswer[] = [];
  readonly #readIndexes = new Map<number, number | null>();
  readonly #genesis: Membership;
  #flying: InFlight[] = [];
  /** Nodes whose disk syncs only when the test says so. */
  readonly #slowDisks = new Set<number>();
  readonly #syncSoon: PaxosNode[] = [];
  #wallMicros = 1_000_000;

  constructor(voters: number, settings: Partial<ReplicaConfig> = {}) {
    this.#genesis = genesisOf(voters);
    for (const { id } of this.#genesis.members) this.add(id, settings);
  }

  /** Starts a node that knows the first membership only. */
  add(id: number, settings: Partial<ReplicaConfig> = {}): void {
    const config = { ...configOf(nodeId(id)), ...settings };
    const node = new PaxosNode(config, this.#genesis, this, new SeededRandom(id));
    this.#nodes.set(id, node);
    node.start();
  }

  node(id: number): PaxosNode {
    const node = this.#nodes.get(id);
    if (node === undefined) throw new Error(`there is no n${id}`);
    return node;
  }

  status(id: number): ReplicaStatus {
    return this.node(id).replica.status();
  }

  /** Everybody, in order. */
  ids(): number[] {
    return [...this.#nodes.keys()];
  }

  /** What waits to be delivered. */
  flying(which: Which = EVERY): readonly InFlight[] {
    return this.#flying.filter(which);
  }

  membershipAnswers(): readonly MembershipAnswer[] {
    return this.#answers;
  }

  /** The answer to a read: undefined while it is open. */
  readIndex(id: number): number | null | undefined {
    return this.#readIndexes.get(id);
  }

  /** What `id` took as chosen, as text: commands, "noop" or "membership". */
  chosenAt(id: number): string[] {
    return (this.#chosen.get(id) ?? []).map(({ value }) =>
      value.kind === "batch"
        ? decodeBatch(value.payload).commands.map(textOf).join("+")
        : value.kind,
    );
  }

  /** The timestamps of the batches that `id` took as chosen, in order. */
  stampsAt(id: number): number[] {
    const batches = (this.#chosen.get(id) ?? []).filter(({ value }) => value.kind === "batch");
    return batches.map(({ value }) => timestampOf(value.payload));
  }

  input(id: number, input: Input): void {
    this.node(id).step(input);
  }

  /** `id` is told to campaign and everybody helps; it leads afterwards and its first entry is chosen. */
  elect(id: number): void {
    this.campaign(id);
    this.settle();
    if (this.status(id).role !== "leader") throw new Error(`n${id} was not elected`);
  }

  /** `id` begins phase 1; nothing is delivered yet. */
  campaign(id: number): void {
    const { ballot } = this.status(id);
    const message: Message = { kind: "handOver", ballot };
    this.input(id, { kind: "message", from: nodeId(id), message });
  }

  propose(id: number, ...commands: string[]): void {
    const bytes = commands.map((command) => new Uint8Array(Buffer.from(command)));
    this.input(id, { kind: "propose", commands: bytes });
  }

  read(id: number, read: number): void {
    this.input(id, { kind: "read", id: read });
  }

  tick(id: number, times = 1): void {
    for (let left = times; left > 0; left -= 1) this.input(id, { kind: "tick" });
  }

  /** Delivers what flies now and matches, once; what it causes flies afterwards. */
  deliver(which: Which = EVERY): void {
    const due = this.#flying.filter(which);
    this.#flying = this.#flying.filter((flying) => !due.includes(flying));
    for (const flying of due) this.inject(flying);
  }

  /** Delivers a message, be it one that never flew. */
  inject({ from, to, message }: InFlight): void {
    if (!this.#nodes.has(to)) return;
    this.input(to, { kind: "message", from: nodeId(from), message });
  }

  drop(which: Which = EVERY): void {
    this.#flying = this.#flying.filter((flying) => !which(flying));
  }

  /** Delivers until nothing that matches flies any more. */
  settle(which: Which = EVERY): void {
    for (let left = 1000; left > 0 && this.#flying.some(which); left -= 1) this.deliver(which);
  }

  /** From now on the disk of `id` syncs by `persist` only. */
  slowDown(id: number): void {
    this.#slowDisks.add(id);
  }

  /** Everything that `id` wrote is durable. */
  persist(id: number): void {
    const node = this.node(id);
    while (node.disk.pending > 0) node.sync(node.disk.pending);
  }

  /** A snapshot that `source` takes now reaches `id` in full. */
  install(id: number, source: number): void {
    this.node(source).takeSnapshot(0);
    const { snapshot } = this.node(source);
    if (snapshot !== null) this.node(id).install(snapshot);
  }

  crash(id: number): void {
    this.node(id).crash();
    this.#chosen.set(id, []);
  }

  restart(id: number): void {
    this.node(id).start();
  }

  setWallClock(micros: number): void {
    this.#wallMicros = micros;
  }

  // What the nodes ask of their host.

  wallMicros(): number {
    return this.#wallMicros;
  }

  crashesAt(): boolean {
    return false;
  }

  written(node: PaxosNode): void {
    if (this.#slowDisks.has(node.id)) return;
    this.#syncSoon.push(node);
  }

  durable(): void {}

  send(node: PaxosNode, to: NodeId, message: Message): void {
    this.#flying.push({ from: node.id, to, message });
  }

  chosen(node: PaxosNode, entry: Entry): void {
    const taken = this.#chosen.get(node.id) ?? [];
    this.#chosen.set(node.id, [...taken, entry]);
  }

  answered(node: PaxosNode, effects: Effects): void {
    this.#answers.push(...effects.membershipAnswers);
    for (const { id, index } of effects.readIndexes) this.#readIndexes.set(id, index);
    node.applySome(1000);
    for (let next = this.#syncSoon.pop(); next !== undefined; next = this.#syncSoon.pop()) {
      this.persist(next.id);
    }
  }

  recovered<Initial>(initial: Initial): Initial {
    return initial;
  }

  restarted(): void {}

  crashed(): void {}
}

/** Messages of one kind, optionally from or to one node. */
export function kind(name: Message["kind"], ends: { from?: number; to?: number } = {}): Which {
  return ({ from, to, message }) =>
    message.kind === name && from === (ends.from ?? from) && to === (ends.to ?? to);
}

/** Messages between these nodes only. */
export function among(...ids: number[]): Which {
  return ({ from, to }) => ids.includes(from) && ids.includes(to);
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("latin1");
}

function configOf(self: NodeId): ReplicaConfig {
  return {
    self,
    electionTicks: 10,
    heartbeatTicks: 2,
    retryTicks: 4,
    diskStallTicks: 30,
    healTicks: 100,
    window: 4,
    pipelineSlots: 3,
    batchCommandsMax: 2,
    batchBytesMax: 64,
    queueBytesMax: 1024,
    transferBytesMax: 1024,
    random: () => 0,
  };
}
