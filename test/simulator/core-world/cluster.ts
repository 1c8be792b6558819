/**
 * The nodes of one run and what stands around them: disks that take their time or fail, links, a
 * state machine, snapshot transfers. Every step of every node passes through here and is shown to
 * the oracles.
 */
import { type Random, SeededRandom } from "../../../src/base/random.ts";
import type { Effects, PersistRecord } from "../../../src/paxos/effects.ts";
import type { InitialState } from "../../../src/paxos/log.ts";
import { decodeMembershipEntry, memberOf } from "../../../src/paxos/membership.ts";
import type { Message } from "../../../src/paxos/messages.ts";
import { type Entry, type Membership, type NodeId } from "../../../src/paxos/types.ts";
import { genesisOf } from "../../support/genesis.ts";
import {
  type CrashPoint,
  type NodeHost,
  type NodeSnapshot,
  PaxosNode,
} from "../../support/paxos-node.ts";
import { Scheduler } from "../../support/simulation/scheduler.ts";
import { Violation } from "../../support/violation.ts";
import type { WorldOptions } from "../world.ts";
import { Network } from "./network.ts";
import { configOf, TICK, WINDOW } from "./settings.ts";
import { TracedLedger } from "./traced-ledger.ts";
import { EventTrace } from "./watch/event-trace.ts";
import { Oracles } from "./watch/oracles.ts";
import { drawWeather, type Weather } from "./weather.ts";

/** What a healthy disk needs at most. */
const QUICK_SYNC = 2;
const STALL = 1000;
const IN_FLIGHT_MAX = 20_000;
const UNSYNCED_MAX = 2000;

/** What a node has around it, beside itself. */
interface Surroundings {
  readonly tickUnits: number;
  readonly syncUnits: number;
  readonly clockIsOff: boolean;
  /** What waits until the node wakes up; null: it is awake. */
  asleep: (() => void)[] | null;
  /** The snapshot before the newest one. */
  older: NodeSnapshot | null;
}

export class Cluster implements NodeHost {
  readonly seed: number;
  readonly random: Random;
  readonly weather: Weather;
  readonly scheduler = new Scheduler();
  readonly trace: EventTrace;
  readonly network: Network;
  readonly oracles: Oracles;
  readonly faults: TracedLedger;
  readonly nodes = new Map<NodeId, PaxosNode>();
  /** Nodes that will never start again: their disks, or what they promised, are gone. */
  readonly lost = new Set<NodeId>();
  /**
   * Nodes whose running core lost records without a trace. A leader among them may have repaired
   * since, but its promise to itself stays marked until the next ballot.
   */
  readonly forgetful = new Set<NodeId>();
  /** No new faults strike any more. */
  isCalm = false;
  readonly #genesis: Membership;
  readonly #around = new Map<NodeId, Surroundings>();
  #commands = 0;
  #reads = 0;

  constructor(seed: number, options: WorldOptions) {
    this.seed = seed;
    this.random = new SeededRandom(seed);
    this.weather = drawWeather(this.random);
    this.trace = new EventTrace(this.scheduler, options.onEvent);
    this.faults = new TracedLedger(options, (name, number) =>
      this.trace.note(0, "fault", number, name),
    );
    this.network = new Network(this.weather.network, {
      scheduler: this.scheduler,
      random: new SeededRandom(seed, 1),
      faults: this.faults,
      deliver: (from, to, message) => this.#arrived(from, to, message),
    });
    this.#genesis = genesisOf(this.weather.voters);
    this.oracles = new Oracles(this.#genesis, WINDOW);
    for (const { id } of this.#genesis.members) this.#addNode(id);
  }

  node(id: NodeId): PaxosNode {
    const node = this.nodes.get(id);
    if (node === undefined) throw new Error(`there is no n${id}`);
    return node;
  }

  anyNode(): PaxosNode {
    const nodes = [...this.nodes.values()];
    const node = nodes[this.random.below(nodes.length)];
    if (node === undefined) throw new Error("there are nodes");
    return node;
  }

  leaders(): PaxosNode[] {
    return [...this.nodes.values()].filter((node) => node.isUp && node.replica.leader === node.id);
  }

  propose(node: PaxosNode): string {
    this.#commands += 1;
    const command = `c${this.#commands};`;
    this.#whenAwake(node, () => node.step({ kind: "propose", commands: [Buffer.from(command)] }));
    return command;
  }

  read(node: PaxosNode): void {
    if (!node.isUp) return;
    this.#reads += 1;
    const id = this.#reads;
    this.oracles.readBegan(id, `at ${this.scheduler.now} on n${node.id}`);
    this.#whenAwake(node, () => node.step({ kind: "read", id }));
  }

  /** The node stands still, with all that arrives waiting for it. */
  pause(node: PaxosNode, units: number): void {
    const around = this.#surroundings(node);
    if (around.asleep !== null) return;
    around.asleep = [];
    this.scheduler.after(units, () => this.wake(node));
  }

  wake(node: PaxosNode): void {
    const around = this.#surroundings(node);
    const waiting = around.asleep ?? [];
    around.asleep = null;
    // A local client may be faster than what came over the network meanwhile (P4).
    if (!this.isCalm) this.read(node);
    for (const action of waiting) action();
  }

  /** What waits for a disk is done with the next tick. */
  syncSoon(): void {
    for (const node of this.nodes.values()) {
      this.scheduler.after(1 + this.random.below(TICK), () => node.sync(node.disk.pending));
    }
  }

  // What the nodes ask of their host.

  wallMicros(node: NodeId): number {
    const { now } = this.scheduler;
    const isOff = this.#around.get(node)?.clockIsOff === true;
    return 1_000_000 + now + (isOff ? this.weather.clockSkew(node, now) : 0);
  }

  crashesAt(_node: PaxosNode, point: CrashPoint): boolean {
    if (this.isCalm || this.weather.crashPerStep === 0) return false;
    return (
      this.random.below(100_000) < this.weather.crashPerStep &&
      this.faults.strikes(`crash ${point}`)
    );
  }

  written(node: PaxosNode): void {
    const { life } = node;
    if (node.disk.pending > UNSYNCED_MAX) {
      throw new Violation(
        "R: what waits for the disk is bounded",
        `n${node.id} has ${node.disk.pending} records`,
        `at most ${UNSYNCED_MAX} are expected`,
      );
    }
    const count = node.disk.pending;
    this.scheduler.after(1 + this.random.below(this.#syncUnits(node)), () =>
      this.#whenAwake(node, () => {
        if (node.life === life && node.isUp) this.#sync(node, count);
      }),
    );
  }

  durable(node: PaxosNode, records: readonly PersistRecord[]): void {
    this.oracles.durable(node, records);
  }

  send(node: PaxosNode, to: NodeId, message: Message): void {
    this.trace.message(node.id, "send", to, message);
    this.oracles.sent(node, message);
    if (this.network.inFlight > IN_FLIGHT_MAX) {
      throw new Violation("R: messages in flight are bounded", `n${node.id} sends`, message.kind);
    }
    this.network.send(node.id, to, message);
  }

  chosen(node: PaxosNode, entry: Entry): void {
    this.trace.entry(node.id, "chosen", entry);
    this.oracles.chosen(node, entry);
    const { life } = node;
    this.scheduler.after(this.random.below(this.weather.applyDelay), () =>
      this.#whenAwake(node, () => {
        if (node.life !== life || !node.applySome(1 + this.random.below(4))) return;
        if (this.random.below(100) < this.weather.snapshotPercent) this.#takeSnapshot(node);
      }),
    );
    if (entry.value.kind === "membership") this.#startNewMembers(entry);
  }

  answered(node: PaxosNode, effects: Effects): void {
    for (const { id, index } of effects.readIndexes) {
      if (index === null) continue;
      this.faults.reached("read answered");
      this.trace.note(node.id, "read", id);
      this.oracles.readAnswered(id, index);
    }
    for (const answer of effects.membershipAnswers) {
      this.faults.reached(`change ${answer.kind}`);
      this.trace.note(node.id, "change", answer.id, answer.kind);
    }
    for (const fact of effects.trace) {
      this.faults.reached(fact.kind);
      this.trace.note(node.id, fact.kind, fact.ballot.round * 64 + fact.ballot.node);
    }
    if (effects.needSnapshotFrom !== null) this.#fetchSnapshot(node, effects.needSnapshotFrom);
  }

  restarted(node: PaxosNode, initial: InitialState): void {
    this.trace.note(node.id, "start", initial.chosenIndex);
    if (initial.faultyAnywhere) this.forgetful.add(node.id);
    else this.forgetful.delete(node.id);
    if (initial.faulty.length > 0) this.faults.reached("restart with damaged records");
    this.oracles.restarted(node, initial);
  }

  crashed(node: PaxosNode): void {
    this.faults.reached("crash");
    this.trace.note(node.id, "crash", node.appliedIndex);
    const around = this.#surroundings(node);
    if (around.asleep !== null) around.asleep = [];
    if (this.isCalm || this.lost.has(node.id)) return;
    this.startLater(node, 1 + this.random.below(this.weather.downTicks * TICK));
  }

  startLater(node: PaxosNode, units: number): void {
    this.scheduler.after(units, () => {
      if (node.isUp || this.isCalm || this.lost.has(node.id)) return;
      this.#perhapsRot(node);
      node.start();
    });
  }

  #addNode(id: NodeId): void {
    const { weather, faults } = this;
    const random = new SeededRandom(this.seed, 100 + id);
    const node = new PaxosNode(configOf(id, random), this.#genesis, this, random);
    const units = weather.tickUnits[this.random.below(weather.tickUnits.length)] ?? TICK;
    const isOdd = units !== TICK && faults.strikes(units > TICK ? "slow ticks" : "fast ticks");
    const isSlow =
      weather.slowDisk > 0 && this.random.below(2) === 0 && faults.strikes("slow disk");
    this.nodes.set(id, node);
    this.#around.set(id, {
      tickUnits: isOdd ? units : TICK,
      syncUnits: isSlow ? weather.slowDisk : QUICK_SYNC,
      clockIsOff: weather.clockSkew(id, 1500) !== 0 && faults.strikes("clock jump"),
      asleep: null,
      older: null,
    });
    node.start();
    this.#tick(node);
  }

  /** A node that stands still misses its ticks. */
  #tick(node: PaxosNode): void {
    const around = this.#surroundings(node);
    this.scheduler.after(this.isCalm ? TICK : around.tickUnits, () => {
      if (around.asleep === null) node.step({ kind: "tick" });
      this.#tick(node);
    });
  }

  #sync(node: PaxosNode, count: number): void {
    const fails = !this.isCalm && this.random.below(10_000) < this.weather.syncErrors;
    // The page cache may have all of it, some or nothing when the node starts again; it syncs what
    // it finds there anew before it says anything (faults rule 30).
    if (fails && this.faults.strikes("sync error")) {
      const keeps = (["nothing", "some", "everything"] as const)[this.random.below(3)];
      return node.crash(keeps);
    }
    this.trace.note(node.id, "synced", Math.min(count, node.disk.pending));
    node.sync(count);
  }

  #syncUnits(node: PaxosNode): number {
    if (this.isCalm) return TICK;
    const stalls = this.random.below(100) < this.weather.stallPercent;
    return stalls && this.faults.strikes("disk stall") ? STALL : this.#surroundings(node).syncUnits;
  }

  #takeSnapshot(node: PaxosNode): void {
    const before = node.snapshot;
    node.takeSnapshot(this.random.below(6));
    if (node.snapshot === before) return;
    this.faults.reached("snapshot");
    this.#surroundings(node).older = before;
  }

  #startNewMembers(entry: Entry): void {
    for (const { id } of decodeMembershipEntry(entry.value.payload).membership.members) {
      if (!this.nodes.has(id)) this.#addNode(id);
    }
  }

  #arrived(from: NodeId, to: NodeId, message: Message): void {
    const node = this.nodes.get(to);
    if (node !== undefined) this.#whenAwake(node, () => this.#deliver(node, from, message));
  }

  #deliver(node: PaxosNode, from: NodeId, message: Message): void {
    if (!node.isUp || !this.#admits(node, from)) return;
    this.trace.message(node.id, "got", from, message);
    if (memberOf(this.oracles.newestMembership, from) === undefined) {
      this.faults.reached("removed node is heard");
    }
    node.step({ kind: "message", from, message });
  }

  /**
   * The transport refuses nodes that are not members as the receiver knows them: neither of a
   * membership in force nor of one to come. A node that is itself no member takes what it gets.
   */
  #admits(node: PaxosNode, from: NodeId): boolean {
    if (!this.weather.strictAdmission) return true;
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
    const source = this.nodes.get(from);
    if (source === undefined) return;
    this.scheduler.after(2 * this.network.drawDelay(), () => {
      const cut = this.network.isCut(from, node.id) || this.network.isCut(node.id, from);
      if (cut || node.life !== life || !node.isUp || !source.isUp) return;
      if (source.snapshot === null) this.#takeSnapshot(source);
      const { snapshot } = source;
      const { older } = this.#surroundings(source);
      if (snapshot === null) return;
      this.#install(node, snapshot);
      const twice = !this.isCalm && older !== null && this.random.below(4) === 0;
      if (twice && this.faults.strikes("older snapshot")) this.#install(node, older);
    });
  }

  #install(node: PaxosNode, snapshot: NodeSnapshot): void {
    if (!node.isUp) return;
    this.faults.reached("install");
    const { disk, replica } = node;
    if (disk.everyEntry().some(({ slot: at }) => at > snapshot.index)) {
      this.faults.reached("install below accepted entries");
    }
    if (replica.status().role === "candidate") this.faults.reached("install on a candidate");
    this.trace.note(node.id, "install", snapshot.index);
    this.oracles.installed(node, snapshot.index);
    node.install(snapshot);
  }

  /** Between two lives something on the disk may be damaged. */
  #perhapsRot(node: PaxosNode): void {
    if (this.random.below(1000) >= this.weather.rotPermille) return;
    const slots = node.disk.durableSlots();
    const isTail = this.random.below(3) === 0;
    const at = isTail ? slots.at(-1) : slots[this.random.below(slots.length)];
    if (at === undefined) return;
    const loses = this.random.below(100) < this.weather.namelessPercent ? "header" : "payload";
    const what = isTail ? "rotten tail" : "rotten record";
    if (this.faults.strikes(loses === "header" ? "rotten header" : what)) node.disk.rot(at, loses);
  }

  #whenAwake(node: PaxosNode, action: () => void): void {
    const { asleep } = this.#surroundings(node);
    if (asleep === null) action();
    else asleep.push(action);
  }

  #surroundings(node: PaxosNode): Surroundings {
    const around = this.#around.get(node.id);
    if (around === undefined) throw new Error(`there is no n${node.id}`);
    return around;
  }
}
