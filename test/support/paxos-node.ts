/**
 * One node of a simulated cluster: the core as in production, over a virtual disk, a state machine
 * that is only an index, and snapshots that are only an index with memberships. Whoever drives it
 * decides what becomes durable, what arrives and when it crashes.
 */
import type { Random } from "../../src/base/random.ts";
import { timestampOf } from "../../src/paxos/batch.ts";
import type { ReplicaConfig } from "../../src/paxos/config.ts";
import type { Effects, PersistRecord } from "../../src/paxos/effects.ts";
import type { Input } from "../../src/paxos/inputs.ts";
import { emptyState, type InitialState } from "../../src/paxos/log.ts";
import { Replica } from "../../src/paxos/replica.ts";
import {
  type Entry,
  type GoverningMembership,
  type Membership,
  type NodeId,
  type Slot,
  slot,
} from "../../src/paxos/types.ts";
import { type Kept, PaxosDisk } from "./paxos-disk.ts";

export interface NodeSnapshot {
  readonly index: Slot;
  readonly memberships: readonly GoverningMembership[];
  readonly lastTimestampMicros: number;
}

/** Between which effects a node may stop. */
export type CrashPoint = "beforePersist" | "beforeSend" | "midSend" | "beforeApply" | "afterApply";

/** Who drives the node: takes what leaves it, and may stop it anywhere. */
export interface NodeHost {
  wallMicros(node: NodeId): number;
  /** True: the node loses its power here. */
  crashesAt(node: PaxosNode, point: CrashPoint): boolean;
  written(node: PaxosNode): void;
  durable(node: PaxosNode, records: readonly PersistRecord[]): void;
  send(node: PaxosNode, to: NodeId, message: Effects["send"][number]["message"]): void;
  chosen(node: PaxosNode, entry: Entry): void;
  answered(node: PaxosNode, effects: Effects): void;
  restarted(node: PaxosNode, initial: InitialState): void;
  crashed(node: PaxosNode): void;
}

export class PaxosNode {
  readonly id: NodeId;
  readonly disk: PaxosDisk;
  readonly #config: ReplicaConfig;
  readonly #genesis: Membership;
  readonly #host: NodeHost;
  readonly #random: Random;
  #replica: Replica | null = null;
  #ran = false;
  /** Rises with every start: what was scheduled for an earlier life does not concern this one. */
  #life = 0;
  /** What the state machine holds. */
  #appliedIndex: Slot = slot(0);
  /** Chosen entries on their way to the state machine. */
  #toApply: Entry[] = [];
  #snapshot: NodeSnapshot | null = null;
  /** By slot, of what was applied here. */
  readonly #timestamps: number[] = [0];

  constructor(config: ReplicaConfig, genesis: Membership, host: NodeHost, random: Random) {
    this.id = config.self;
    this.#config = config;
    this.#genesis = genesis;
    this.#host = host;
    this.#random = random;
    this.disk = new PaxosDisk(genesis);
  }

  get isUp(): boolean {
    return this.#replica !== null;
  }

  get life(): number {
    return this.#life;
  }

  get appliedIndex(): Slot {
    return this.#appliedIndex;
  }

  /** The chosen index of the running core, or of the one that would start now. */
  get knownToBeChosen(): Slot {
    return this.#replica?.status().chosenIndex ?? this.disk.recover(0).chosenIndex;
  }

  get snapshot(): NodeSnapshot | null {
    return this.#snapshot;
  }

  /** The running core; the node must be up. */
  get replica(): Replica {
    if (this.#replica === null) throw new Error(`n${this.id} is down`);
    return this.#replica;
  }

  /** Starts on what the disk holds. */
  start(): void {
    const initial = this.#ran ? this.#recover() : emptyState(this.#genesis);
    this.#ran = true;
    this.#life += 1;
    this.#replica = new Replica(this.#config, initial);
    this.#host.restarted(this, initial);
    // The machine was behind the log: it gets what it lacks from there.
    for (let at = this.#appliedIndex + 1; at <= initial.chosenIndex; at += 1) {
      const entry = initial.entries.find((candidate) => candidate.slot === at);
      if (entry === undefined) throw new Error(`n${this.id} lacks slot ${at} of its own log`);
      this.#apply(entry);
    }
    this.step({ kind: "applied", index: this.#appliedIndex });
  }

  /** One input and all that it causes, up to a crash. */
  step(input: Input): void {
    if (this.#replica === null) return;
    this.#replica.step({ kind: "clock", wallMicros: this.#host.wallMicros(this.id) });
    this.#replica.step(input);
    this.#carryOut(this.#replica.drain());
  }

  /** A sync of the first `count` records that wait ends; false: none waits. */
  sync(count: number): boolean {
    if (this.#replica === null || this.disk.pending === 0) return false;
    const { records, through } = this.disk.sync(count);
    this.#host.durable(this, records);
    this.step({ kind: "persisted", through });
    return true;
  }

  /** The state machine takes up to `count` of the entries that wait for it. */
  applySome(count: number): boolean {
    if (this.#replica === null || this.#toApply.length === 0) return false;
    for (const entry of this.#toApply.splice(0, count)) this.#apply(entry);
    this.step({ kind: "applied", index: this.#appliedIndex });
    return true;
  }

  /** A durable snapshot of what is applied; the log is cut `keep` slots below it. */
  takeSnapshot(keep: number): void {
    const index = this.#appliedIndex;
    if (this.#replica === null || index <= (this.#snapshot?.index ?? 0)) return;
    if (index > this.#replica.status().chosenIndex) return;
    this.#snapshot = {
      index,
      memberships: this.#replica.membershipsFrom(index),
      lastTimestampMicros: this.#timestampAt(index),
    };
    if (index > keep) this.step({ kind: "truncate", floor: slot(index - keep) });
  }

  /**
   * A peer's snapshot has arrived in full. The machine takes it if it is newer; the core is told in
   * any case, and must refuse by itself what is older than its log (faults rule 33).
   */
  install(snapshot: NodeSnapshot): void {
    if (this.#replica === null) return;
    if (snapshot.index > this.#replica.status().chosenIndex) this.#restore(snapshot);
    if (this.#host.crashesAt(this, "afterApply")) return this.crash();
    this.step({
      kind: "snapshotInstalled",
      index: snapshot.index,
      memberships: snapshot.memberships,
      lastTimestampMicros: snapshot.lastTimestampMicros,
    });
  }

  /** Power is lost: memory goes, the disk and the machine's file keep what they must and perhaps more. */
  crash(keeps: Kept = "some"): void {
    if (this.#replica === null) return;
    this.#replica = null;
    this.#toApply = [];
    this.#host.durable(this, this.disk.crash(this.#random, keeps));
    const covered = this.#snapshot?.index ?? 0;
    const kept = covered + this.#random.below(this.#appliedIndex - covered + 1);
    this.#appliedIndex = slot(kept);
    this.#host.crashed(this);
  }

  /** What the own snapshot covers needs no record: damage there is no loss (src/node/open-storage.ts, row F). */
  #recover(): InitialState {
    const stamped = this.#timestampAt(this.#appliedIndex);
    const initial = this.disk.recover(stamped, this.#appliedIndex);
    if (initial.faulty.length === 0 && !initial.faultyAnywhere) return initial;
    if (this.#snapshot === null || this.#snapshot.index <= initial.chosenIndex) return initial;
    this.disk.beginBehind(this.#snapshot);
    return this.disk.recover(stamped, this.#appliedIndex);
  }

  #carryOut(effects: Effects): void {
    if (this.#host.crashesAt(this, "beforePersist")) return this.crash();
    this.disk.write(effects.persist, effects.persistSequence);
    if (effects.persist.length > 0) this.#host.written(this);
    if (this.#host.crashesAt(this, "beforeSend")) return this.crash();
    for (const { to, message } of effects.send) {
      for (const receiver of to) this.#host.send(this, receiver, message);
      if (this.#host.crashesAt(this, "midSend")) return this.crash();
    }
    if (this.#host.crashesAt(this, "beforeApply")) return this.crash();
    for (const entry of effects.chosen) {
      this.#host.chosen(this, entry);
      if (entry.slot > this.#appliedIndex) this.#toApply.push(entry);
    }
    this.#host.answered(this, effects);
  }

  #restore(snapshot: NodeSnapshot): void {
    if (snapshot.index > this.#appliedIndex) {
      this.#appliedIndex = snapshot.index;
      this.#timestamps[snapshot.index] = snapshot.lastTimestampMicros;
    }
    if (snapshot.index > (this.#snapshot?.index ?? 0)) this.#snapshot = snapshot;
    this.#toApply = this.#toApply.filter((entry) => entry.slot > this.#appliedIndex);
  }

  #apply(entry: Entry): void {
    if (entry.slot !== this.#appliedIndex + 1) {
      throw new Error(`n${this.id} applies slot ${entry.slot} after ${this.#appliedIndex}`);
    }
    const before = this.#timestampAt(this.#appliedIndex);
    const stamped = entry.value.kind === "batch" ? timestampOf(entry.value.payload) : before;
    this.#appliedIndex = entry.slot;
    this.#timestamps[entry.slot] = stamped;
  }

  #timestampAt(index: Slot): number {
    return this.#timestamps[index] ?? 0;
  }
}
