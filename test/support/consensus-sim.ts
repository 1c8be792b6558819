/**
 * A seeded cluster of pure cores under every fault that faults.md section 2 lists for them.
 *
 * Goal: break agreement, or find a cluster that stays stuck. Method: each seed draws a mix of
 * faults (some at zero, some extreme: "swarm"), runs a stormy phase in which the oracles look at
 * every step, then heals the links of a random set of nodes that holds every quorum, leaves the
 * rest cut off for ever, and demands that this core elects a leader, chooses what is proposed,
 * answers reads and brings every one of its nodes up to date within a bound.
 */
import { type Random, SeededRandom } from "../../src/base/random.ts";
import type { ReplicaConfig } from "../../src/paxos/config.ts";
import type { Effects, PersistRecord } from "../../src/paxos/effects.ts";
import type { MembershipChange } from "../../src/paxos/inputs.ts";
import type { InitialState } from "../../src/paxos/log.ts";
import {
  decodeMembershipEntry,
  memberOf,
  votersOf,
  withVoter,
} from "../../src/paxos/membership.ts";
import type { Message } from "../../src/paxos/messages.ts";
import { isQuorumOfAll } from "../../src/paxos/quorum.ts";
import { type Entry, type Membership, type NodeId, nodeId } from "../../src/paxos/types.ts";
import { ConsensusOracles } from "./consensus-oracles.ts";
import { drawWeather, type Weather } from "./consensus-weather.ts";
import { type CrashPoint, type NodeHost, PaxosNode } from "./paxos-node.ts";
import { describeEntry, describeMessage } from "./paxos-text.ts";
import { EventTrace } from "./simulation/event-trace.ts";
import { Network, type NetworkFaults } from "./simulation/network.ts";
import { Scheduler } from "./simulation/scheduler.ts";
import { Violation } from "./violation.ts";

/** A deliberate defect: what the oracles must notice. Wraps what enters or leaves a node. */
export interface Mutant {
  /** Replaces a message on its way in; several, or none, may be delivered instead. */
  readonly deliver?: (
    node: PaxosNode,
    from: NodeId,
    message: Message,
  ) => readonly [NodeId, Message][];
  /** True: the core is told at once that what it wrote is durable. */
  readonly liesAboutSync?: (records: readonly PersistRecord[]) => boolean;
  /** Replaces what a node starts from after a crash. */
  readonly recover?: (initial: InitialState) => InitialState;
  /** True: the node answers reads from what it knows. */
  readonly readsLocally?: boolean;
}

export interface SimulationResult {
  readonly seed: number;
  readonly violation: Violation | null;
  readonly traceHash: string;
  readonly events: number;
  readonly lastEvents: readonly string[];
  readonly chosen: number;
  readonly reads: number;
  readonly memberships: number;
  readonly ticks: number;
  /** From healing to the first leader of the core, in election timeouts; null if none was needed. */
  readonly timeoutsToLeader: number | null;
  readonly counts: ReadonlyMap<string, number>;
}

/** Units of virtual time in one tick of a node that runs at the nominal rate. */
const TICK = 10;
const ELECTION_TICKS = 10;
const WINDOW = 4;
const NODES_MAX = 9;
/** Liveness bounds, in ticks after healing. */
const LEADER_WITHIN = 8 * ELECTION_TICKS;
const DONE_WITHIN = 120 * ELECTION_TICKS;

const CALM: NetworkFaults = {
  lossPermille: 0,
  duplicatePermille: 0,
  delayMin: 1,
  delayMax: TICK,
  stragglerPermille: 0,
};

/** Runs one seed to its end or to the first violation. */
export function simulate(seed: number, mutant: Mutant = {}): SimulationResult {
  return new Simulation(seed, mutant).run();
}

class Simulation implements NodeHost {
  readonly #seed: number;
  readonly #mutant: Mutant;
  readonly #random: Random;
  readonly #weather: Weather;
  readonly #scheduler = new Scheduler();
  readonly #trace = new EventTrace();
  readonly #network: Network<Message>;
  readonly #oracles: ConsensusOracles;
  readonly #nodes = new Map<NodeId, PaxosNode>();
  readonly #genesis: Membership;
  readonly #counts = new Map<string, number>();
  /** Nodes that the liveness phase counts on; null during the storm. */
  #core: ReadonlySet<NodeId> | null = null;
  #commands = 0;
  #reads = 0;
  #openReads = new Set<number>();
  #timeoutsToLeader: number | null = null;

  constructor(seed: number, mutant: Mutant) {
    this.#seed = seed;
    this.#mutant = mutant;
    this.#random = new SeededRandom(seed);
    this.#weather = drawWeather(this.#random);
    this.#network = new Network({
      scheduler: this.#scheduler,
      random: new SeededRandom(seed, 1),
      faults: this.#weather.network,
      deliver: (from, to, message) => this.#arrived(nodeId(from), nodeId(to), message),
    });
    this.#genesis = genesisOf(this.#weather.voters);
    this.#oracles = new ConsensusOracles(this.#genesis, WINDOW);
  }

  run(): SimulationResult {
    let violation: Violation | null = null;
    try {
      for (const { id } of this.#genesis.members) this.#addNode(id);
      this.#storm();
      this.#heal();
      this.#awaitLiveness();
    } catch (error) {
      violation = asViolation(error);
    }
    return {
      seed: this.#seed,
      violation,
      traceHash: this.#trace.hash,
      events: this.#trace.count,
      lastEvents: this.#trace.last(),
      chosen: this.#oracles.chosenIndex,
      reads: this.#oracles.answeredReads,
      memberships: this.#oracles.membershipCount,
      ticks: Math.floor(this.#scheduler.now / TICK),
      timeoutsToLeader: this.#timeoutsToLeader,
      counts: this.#counts,
    };
  }

  // What the nodes ask of their host.

  wallMicros(node: NodeId): number {
    return 1_000_000 + this.#scheduler.now + this.#weather.clockSkew(node, this.#scheduler.now);
  }

  crashesAt(_node: PaxosNode, point: CrashPoint): boolean {
    if (this.#core !== null) return false;
    const crashes = this.#random.below(100_000) < this.#weather.crashPerStep;
    if (crashes) this.#count(`crash ${point}`);
    return crashes;
  }

  written(node: PaxosNode): void {
    const { life } = node;
    if (this.#mutant.liesAboutSync?.(node.disk.pendingRecords()) === true) {
      const through = node.disk.lastSequence;
      this.#scheduler.after(0, () => {
        if (node.life === life) node.step({ kind: "persisted", through });
      });
    }
    const slow = this.#core === null ? this.#weather.syncDelay(this.#random) : TICK;
    const count = node.disk.pending;
    this.#scheduler.after(1 + this.#random.below(slow), () => {
      if (node.life !== life || !node.isUp) return;
      this.#trace.add(
        this.#scheduler.now,
        node.id,
        "synced",
        `${Math.min(count, node.disk.pending)}`,
      );
      node.sync(count);
    });
  }

  durable(node: PaxosNode, records: readonly PersistRecord[]): void {
    this.#oracles.durable(node, records);
  }

  send(node: PaxosNode, to: NodeId, message: Message): void {
    this.#trace.add(this.#scheduler.now, node.id, "send", `n${to} ${describeMessage(message)}`);
    this.#oracles.sent(node, message);
    if (this.#network.inFlight > 20_000) {
      throw new Violation("R: messages in flight are bounded", `n${node.id} sends`, message.kind);
    }
    this.#network.send(node.id, to, message);
  }

  chosen(node: PaxosNode, entry: Entry): void {
    this.#trace.add(this.#scheduler.now, node.id, "chosen", describeEntry(entry));
    this.#oracles.chosen(node, entry);
    const { life } = node;
    this.#scheduler.after(this.#random.below(this.#weather.applyDelay), () => {
      if (node.life !== life || !node.applySome(1 + this.#random.below(4))) return;
      if (this.#random.below(100) < this.#weather.snapshotPercent) {
        node.takeSnapshot(this.#random.below(6));
        this.#count("snapshot");
      }
    });
    if (entry.value.kind === "membership") this.#startNewMembers(entry);
  }

  answered(node: PaxosNode, effects: Effects): void {
    for (const { id, index } of effects.readIndexes) {
      this.#openReads.delete(id);
      if (index === null) continue;
      this.#trace.add(this.#scheduler.now, node.id, "read", `${id} from ${index}`);
      this.#oracles.readAnswered(id, index);
    }
    for (const answer of effects.membershipAnswers) {
      this.#count(`change ${answer.kind}`);
      this.#trace.add(this.#scheduler.now, node.id, "change", answer.kind);
    }
    for (const fact of effects.trace) {
      this.#count(fact.kind);
      this.#trace.add(
        this.#scheduler.now,
        node.id,
        fact.kind,
        `${fact.ballot.round}.${fact.ballot.node}`,
      );
    }
    if (effects.needSnapshotFrom !== null) this.#fetchSnapshot(node, effects.needSnapshotFrom);
  }

  restarted(node: PaxosNode, initial: InitialState): void {
    this.#trace.add(
      this.#scheduler.now,
      node.id,
      "start",
      `${initial.truncationFloor}/${initial.chosenIndex}`,
    );
    this.#oracles.restarted(node, initial);
  }

  recovered(initial: InitialState): InitialState {
    return this.#mutant.recover?.(initial) ?? initial;
  }

  crashed(node: PaxosNode): void {
    this.#count("crash");
    this.#trace.add(this.#scheduler.now, node.id, "crash", `applied ${node.appliedIndex}`);
    if (this.#core !== null) return;
    this.#scheduler.after(1 + this.#random.below(this.#weather.downTicks * TICK), () => {
      if (!node.isUp && this.#core === null) node.start();
    });
  }

  // The storm.

  #addNode(id: NodeId): void {
    const random = new SeededRandom(this.#seed, 100 + id);
    const node = new PaxosNode(configOf(id, random), this.#genesis, this, random);
    this.#nodes.set(id, node);
    node.start();
    this.#tick(node, this.#weather.tickUnits(this.#random));
  }

  #tick(node: PaxosNode, units: number): void {
    this.#scheduler.after(units, () => {
      node.step({ kind: "tick" });
      this.#tick(node, this.#core === null ? units : TICK);
    });
  }

  #storm(): void {
    const until = this.#weather.stormTicks * TICK;
    this.#repeat(this.#weather.proposeEvery, () => this.#propose(this.#anyNode()));
    this.#repeat(this.#weather.readEvery, () => this.#read(this.#anyNode()));
    this.#repeat(this.#weather.changeEvery, () => this.#changeMembership());
    this.#repeat(this.#weather.partitionEvery, () => this.#partition());
    this.#repeat(this.#weather.crashEvery, () => this.#anyNode().crash());
    this.#repeat(this.#weather.crashAllEvery, () => {
      for (const node of this.#nodes.values()) node.crash();
    });
    this.#repeat(this.#weather.resignEvery, () => this.#anyNode().step({ kind: "resign" }));
    while (this.#scheduler.runNext(until));
  }

  /** Every so many units until the storm ends; 0: never. */
  #repeat(units: number, action: () => void): void {
    if (units === 0) return;
    this.#scheduler.after(1 + this.#random.below(2 * units), () => {
      if (this.#core !== null) return;
      action();
      this.#repeat(units, action);
    });
  }

  #anyNode(): PaxosNode {
    const nodes = [...this.#nodes.values()];
    const node = nodes[this.#random.below(nodes.length)];
    if (node === undefined) throw new Error("there are nodes");
    return node;
  }

  #propose(node: PaxosNode): string {
    this.#commands += 1;
    const command = `c${this.#commands};`;
    node.step({ kind: "propose", commands: [Buffer.from(command)] });
    return command;
  }

  #read(node: PaxosNode): number | null {
    if (!node.isUp) return null;
    this.#reads += 1;
    const id = this.#reads;
    this.#openReads.add(id);
    this.#oracles.readBegan(id, `at ${this.#scheduler.now} on n${node.id}`);
    if (this.#mutant.readsLocally === true && node.replica.status().role === "leader") {
      this.#oracles.readAnswered(id, node.replica.status().chosenIndex);
    } else {
      node.step({ kind: "read", id });
    }
    return id;
  }

  #changeMembership(): void {
    const leaders = [...this.#nodes.values()].filter(
      (node) => node.isUp && node.replica.status().role === "leader",
    );
    const leader = leaders[this.#random.below(leaders.length)];
    const newest = leader?.replica.status().memberships.at(-1)?.membership;
    if (leader === undefined || newest === undefined) return;
    const change = this.#drawChange(newest);
    if (change !== null) leader.step({ kind: "changeMembership", id: 1, change });
  }

  #drawChange(membership: Membership): MembershipChange | null {
    const choice = this.#random.below(4);
    const victim = membership.members[this.#random.below(membership.members.length)];
    if (choice === 0 || votersOf(membership).length < 3) {
      if (membership.nextId > NODES_MAX) return null;
      return { kind: "addLearner", member: memberNamed(`n${membership.nextId}`) };
    }
    if (victim === undefined) return null;
    if (choice === 1) return { kind: "remove", id: victim.id };
    if (choice === 2) return { kind: "promote", id: victim.id };
    return { kind: "setAddresses", id: victim.id, addresses: { peer: "moved", sql: "moved" } };
  }

  #startNewMembers(entry: Entry): void {
    for (const { id } of decodeMembershipEntry(entry.value.payload).membership.members) {
      if (!this.#nodes.has(id)) this.#addNode(id);
    }
  }

  /** Draws a new shape of cut links; one in three times all are mended. */
  #partition(): void {
    const shape = this.#random.below(6);
    const nodes = [...this.#nodes.keys()];
    this.#network.mendAll();
    this.#count(`partition ${shape}`);
    const side = new Map(nodes.map((id) => [id, this.#random.below(2)]));
    const chosen = nodes[this.#random.below(nodes.length)];
    for (const from of nodes) {
      for (const to of nodes) {
        if (from === to) continue;
        const apart = side.get(from) !== side.get(to);
        if (shape === 2 && apart) this.#network.cut(from, to);
        // One direction only.
        if (shape === 3 && side.get(from) === 0 && side.get(to) === 1) this.#network.cut(from, to);
        // Only one node reaches the others.
        if (shape === 4 && from !== chosen && to !== chosen) this.#network.cut(from, to);
        if (shape === 5 && this.#random.below(3) === 0) this.#network.cut(from, to);
      }
    }
  }

  #arrived(from: NodeId, to: NodeId, message: Message): void {
    const node = this.#nodes.get(to);
    if (node === undefined || !node.isUp || !this.#admits(node, from)) return;
    this.#trace.add(this.#scheduler.now, to, "got", `n${from} ${describeMessage(message)}`);
    const instead = this.#mutant.deliver?.(node, from, message) ?? [[from, message] as const];
    for (const [sender, delivered] of instead) {
      node.step({ kind: "message", from: sender, message: delivered });
    }
  }

  /**
   * The transport refuses nodes that are not members as the receiver knows them: neither of a
   * membership in force nor of one to come. A node that is itself no member takes what it gets.
   */
  #admits(node: PaxosNode, from: NodeId): boolean {
    if (!this.#weather.strictAdmission) return true;
    const { memberships, chosenIndex } = node.replica.status();
    const first = memberships.findLastIndex(({ fromSlot }) => fromSlot <= chosenIndex + 1);
    const counting = memberships.slice(Math.max(first, 0)).map(({ membership }) => membership);
    return (
      counting.some((membership) => memberOf(membership, from) !== undefined) ||
      counting.every((membership) => memberOf(membership, node.id) === undefined)
    );
  }

  #fetchSnapshot(node: PaxosNode, from: NodeId): void {
    const { life } = node;
    const source = this.#nodes.get(from);
    if (source === undefined) return;
    this.#scheduler.after(2 * this.#network.drawDelay(), () => {
      const cut = this.#network.isCut(from, node.id) || this.#network.isCut(node.id, from);
      if (cut || node.life !== life || !node.isUp || !source.isUp) return;
      if (source.snapshot === null) source.takeSnapshot(0);
      if (source.snapshot === null) return;
      this.#count("install");
      this.#trace.add(
        this.#scheduler.now,
        node.id,
        "install",
        `${source.snapshot.index} of n${from}`,
      );
      this.#oracles.installed(node, source.snapshot.index);
      node.install(source.snapshot);
    });
  }

  #count(what: string): void {
    this.#counts.set(what, (this.#counts.get(what) ?? 0) + 1);
  }

  // The calm.

  #heal(): void {
    const core = this.#drawCore();
    this.#core = core;
    this.#network.mendAll();
    this.#network.setFaults(CALM);
    const all = [...this.#nodes.keys()];
    for (const from of all) {
      for (const to of all) {
        if (!core.has(from) || !core.has(to)) this.#network.cut(from, to);
      }
    }
    this.#trace.add(this.#scheduler.now, 0, "heal", [...core].join(" "));
    for (const id of core) {
      const node = this.#nodes.get(id);
      if (node !== undefined && !node.isUp) node.start();
    }
  }

  /** Random nodes, until they hold a quorum of every membership that may decide what they lack. */
  #drawCore(): Set<NodeId> {
    const ids = [...this.#nodes.keys()];
    const core = new Set<NodeId>();
    const everybody = this.#random.below(2) === 0;
    while (ids.length > 0 && (everybody || !this.#isSufficient(core))) {
      const [id] = ids.splice(this.#random.below(ids.length), 1);
      if (id !== undefined) core.add(id);
    }
    return core;
  }

  #isSufficient(core: ReadonlySet<NodeId>): boolean {
    const nodes = [...this.#nodes.values()].filter(({ id }) => core.has(id));
    const known = Math.max(0, ...nodes.map((node) => node.knownToBeChosen));
    const memberships = this.#oracles.membershipsAbove(known);
    for (const node of this.#nodes.values()) {
      for (const entry of node.disk.everyEntry()) {
        if (entry.value.kind !== "membership" || entry.slot <= known) continue;
        memberships.push(decodeMembershipEntry(entry.value.payload).membership);
      }
    }
    // A leader may promote a learner before it notices that it is cut off.
    const promoted = memberships.flatMap((membership) =>
      membership.members.map(({ id }) => withVoter(membership, id)),
    );
    memberships.push(...promoted);
    return isQuorumOfAll(memberships, core);
  }

  #awaitLiveness(): void {
    const healed = this.#scheduler.now;
    const elected = () => {
      const leader = this.#coreNodes().find((node) => node.replica.status().role === "leader");
      return leader !== undefined;
    };
    this.#runUntil(elected, healed + LEADER_WITHIN * TICK, "a leader is elected");
    this.#timeoutsToLeader = (this.#scheduler.now - healed) / TICK / ELECTION_TICKS;
    const until = healed + DONE_WITHIN * TICK;
    const wanted = this.#coreNodes().map((node) => this.#keepProposing(node));
    this.#runUntil(
      () => wanted.every((command) => this.#oracles.isChosen(command)),
      until,
      "commands are chosen",
    );
    const target = this.#oracles.chosenIndex;
    const behind = () =>
      this.#coreNodes().filter((node) => this.#concerns(node) && node.appliedIndex < target);
    this.#runUntil(
      () => behind().length === 0,
      until,
      "all nodes catch up",
      () =>
        behind()
          .map((node) => `n${node.id} at ${node.appliedIndex} of ${target}`)
          .join(),
    );
    const read = this.#keepReading();
    this.#runUntil(read, until, "a read is answered");
    this.#runUntil(() => this.#changesFinished(), until, "membership changes finish");
  }

  /** Members catch up; a removed node is nobody's business. */
  #concerns(node: PaxosNode): boolean {
    return memberOf(this.#oracles.newestMembership, node.id) !== undefined;
  }

  #changesFinished(): boolean {
    const leader = this.#coreNodes().find((node) => node.replica.status().role === "leader");
    if (leader === undefined) return false;
    const status = leader.replica.status();
    return (status.memberships.at(-1)?.fromSlot ?? 0) <= status.chosenIndex + 1;
  }

  #coreNodes(): PaxosNode[] {
    return [...this.#nodes.values()].filter(
      (node) => node.isUp && this.#core?.has(node.id) === true,
    );
  }

  /** Proposes on `node` again and again until it is chosen: gateways do. */
  #keepProposing(node: PaxosNode): string {
    const command = this.#propose(node);
    const again = () => {
      if (this.#oracles.isChosen(command)) return;
      // The clients of a removed node go elsewhere.
      const gateways = this.#concerns(node) ? [node] : this.#coreNodes();
      for (const gateway of gateways) {
        gateway.step({ kind: "propose", commands: [Buffer.from(command)] });
      }
      this.#scheduler.after(5 * TICK, again);
    };
    this.#scheduler.after(5 * TICK, again);
    return command;
  }

  #keepReading(): () => boolean {
    const before = this.#oracles.answeredReads;
    const again = () => {
      if (this.#oracles.answeredReads > before) return;
      for (const node of this.#coreNodes()) this.#read(node);
      this.#scheduler.after(5 * TICK, again);
    };
    again();
    return () => this.#oracles.answeredReads > before;
  }

  #runUntil(done: () => boolean, until: number, what: string, why = () => ""): void {
    while (!done()) {
      if (this.#scheduler.runNext(until)) continue;
      const states = this.#coreNodes().map((node) => {
        const status = node.replica.status();
        return `n${node.id} ${status.role} ${status.chosenIndex}/${status.knownChosen}`;
      });
      throw new Violation(
        `V: ${what}`,
        `n${[...(this.#core ?? [])].join()} are connected and nothing fails`,
        `not so after ${DONE_WITHIN} ticks: ${states.join("; ")} ${why()}`,
      );
    }
  }
}

function configOf(id: NodeId, random: Random): ReplicaConfig {
  return {
    self: id,
    electionTicks: ELECTION_TICKS,
    heartbeatTicks: 2,
    retryTicks: 4,
    diskStallTicks: 30,
    window: WINDOW,
    pipelineSlots: 3,
    batchCommandsMax: 2,
    batchBytesMax: 64,
    queueBytesMax: 1024,
    transferBytesMax: 200,
    random: (bound) => random.below(bound),
  };
}

function memberNamed(name: string) {
  return { name, incarnation: name, peer: name, sql: name };
}

export function genesisOf(voters: number): Membership {
  const members = Array.from({ length: voters }, (_, at) => ({
    ...memberNamed(`n${at + 1}`),
    id: nodeId(at + 1),
    voter: true,
  }));
  return { members, nextId: voters + 1 };
}

function asViolation(error: unknown): Violation {
  if (error instanceof Violation) return error;
  const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return new Violation("a node never fails on what it is sent", "an exception", message);
}
