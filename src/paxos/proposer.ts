/**
 * The proposer: one ballot of this node, from campaign to the end of its leadership.
 *
 *   preparing --a quorum of every active membership promised, and all that they know
 *                to be chosen is here--> leading
 *   either    --a higher ballot is promised somewhere, no quorum is heard,
 *                removed from the membership--> over (the replica drops this object)
 *
 * Phase 1 runs once, for every slot above the chosen index. Which membership decides a slot is
 * known only up to one window beyond the chosen index, so coverage is checked per slot: before a
 * slot is opened, a quorum of its own membership must have promised this ballot; voters that came
 * later are sent the same prepare then (faults rule 35).
 *
 * Source: Lamport, "Paxos Made Simple", section 3; membership with a window: Lamport, Malkhi, Zhou,
 * "Reconfiguring a State Machine" (2010), section 3.1 (R-alpha).
 */
import type { Acceptor } from "./acceptor.ts";
import { type Ballot, sameBallot } from "./ballot.ts";
import { timestampOf } from "./batch.ts";
import type { ReplicaConfig } from "./config.ts";
import type { Learner } from "./learner.ts";
import type { Log } from "./log.ts";
import { encodeMembershipEntry, votersOf } from "./membership.ts";
import type { Accept, Accepted, PromiseMessage } from "./messages.ts";
import type { Outbox } from "./outbox.ts";
import { Promises } from "./promises.ts";
import type { CommandQueue } from "./queue.ts";
import { isQuorum } from "./quorum.ts";
import {
  type Entry,
  type GoverningMembership,
  type Membership,
  NOOP,
  type NodeId,
  SLOT_ZERO,
  type Slot,
  slot,
  type Value,
} from "./types.ts";

interface InFlight {
  readonly entry: Entry;
  readonly votes: Set<NodeId>;
  /** A fresh batch, as opposed to a repair or a no-op: counts for the pipeline bound. */
  readonly fresh: boolean;
  chosen: boolean;
  ticks: number;
}

interface PendingChange {
  readonly id: number;
  readonly membership: Membership;
}

export interface ProposerParts {
  readonly log: Log;
  readonly acceptor: Acceptor;
  readonly learner: Learner;
  readonly outbox: Outbox;
  readonly queue: CommandQueue;
}

/** How many unanswered slots are sent again in one tick. */
const RESEND_SLOTS_MAX = 8;

export class Proposer {
  readonly ballot: Ballot;
  readonly #config: ReplicaConfig;
  readonly #log: Log;
  readonly #acceptor: Acceptor;
  readonly #learner: Learner;
  readonly #outbox: Outbox;
  readonly #queue: CommandQueue;
  readonly #promises: Promises;
  readonly #inFlight = new Map<Slot, InFlight>();
  #leading = false;
  #nextSlot: Slot;
  /**
   * Slots up to here may hold values of earlier leaderships and are repaired or filled. Always one
   * beyond the chosen index until an entry of this ballot is chosen: what is learned elsewhere after
   * the election is no proof that nothing else was acknowledged.
   */
  #repairThrough: Slot;
  /** Whether an entry of this ballot was chosen. */
  #hasChosen = false;
  #change: PendingChange | null = null;
  #changeSlot: Slot | null = null;
  #announced: Slot;
  #lastTimestampMicros = 0;
  #prepareTicks = 0;
  #attempt = 0;
  /** The membership for whose sake the prepare was sent again while leading. */
  #askedFor: Membership | null = null;
  #wallMicros = 0;

  constructor(config: ReplicaConfig, ballot: Ballot, parts: ProposerParts) {
    this.#config = config;
    this.ballot = ballot;
    this.#log = parts.log;
    this.#acceptor = parts.acceptor;
    this.#learner = parts.learner;
    this.#outbox = parts.outbox;
    this.#queue = parts.queue;
    this.#promises = new Promises(ballot);
    this.#nextSlot = slot(parts.log.chosenIndex + 1);
    this.#repairThrough = parts.log.chosenIndex;
    this.#announced = parts.log.chosenIndex;
  }

  get isLeading(): boolean {
    return this.#leading;
  }

  /**
   * Whether everything that an earlier leader may have acknowledged is chosen here, and an entry
   * of this ballot with it: reads are allowed (faults rule 10).
   */
  get isReadable(): boolean {
    return this.#isRepaired() && this.#log.chosenIndex >= this.#repairThrough;
  }

  /** Phase 1a. This node promises first; the others are asked when that is durable (faults rule 4). */
  campaign(): void {
    this.#outbox.trace({ kind: "campaigning", ballot: this.ballot });
    this.#attempt += 1;
    this.#acceptor.prepare(this.#config.self, this.#prepareMessage());
    this.#askForPromises();
  }

  /** A part of a promise came in; true if this node became the leader by it. */
  promise(from: NodeId, message: PromiseMessage): boolean {
    if (!sameBallot(message.ballot, this.ballot)) return false;
    this.#learner.claim(from, message.chosenIndex);
    const settled = this.#settledThrough();
    if (settled === null || !this.#promises.add(from, message, settled)) return false;
    return this.progress();
  }

  /** Goes on wherever it can; true if this node became the leader by it. */
  progress(): boolean {
    this.#forgetChosen();
    if (this.#leading) {
      // What was learned elsewhere may have closed the gap before a slot that a quorum accepted.
      this.#choose();
      this.#pump();
      return false;
    }
    if (!this.#log.active().every((membership) => this.#promises.covers(membership))) return false;
    if (this.#promises.chosenIndex > this.#log.chosenIndex) {
      this.#learner.fetchUnlessAsked(this.#promises.mostAdvanced);
      return false;
    }
    this.#lead();
    return true;
  }

  /** Phase 2b came in. */
  accepted(from: NodeId, message: Accepted): void {
    if (!sameBallot(message.ballot, this.ballot)) return;
    for (const at of message.slots) this.#count(from, at);
    this.#choose();
    this.#pump();
  }

  /** Asks every voter to promise this ballot again; returns the number of the attempt, which they echo. */
  askAgain(): number {
    this.#askVoters(() => true);
    return this.#attempt;
  }

  /** One tick: what stays unanswered is sent again. */
  tick(): void {
    this.#prepareTicks += 1;
    const due = this.#prepareTicks >= this.#config.retryTicks;
    if (due && this.#settledThrough() !== null) this.#askForPromises();
    let resends = RESEND_SLOTS_MAX;
    for (const flight of this.#inFlight.values()) {
      flight.ticks += 1;
      if (flight.chosen || flight.ticks < this.#config.retryTicks || resends === 0) continue;
      flight.ticks = 0;
      resends -= 1;
      this.#send(flight.entry, (node) => !flight.votes.has(node));
    }
  }

  /** Whether a membership change is under way: chosen but not in force, in flight, or waiting. */
  get isChanging(): boolean {
    return (
      this.#change !== null ||
      this.#changeSlot !== null ||
      this.#log.newest.fromSlot > this.#log.chosenIndex + 1 ||
      [...this.#inFlight.values()].some(({ entry }) => entry.value.kind === "membership")
    );
  }

  /** Proposes `membership` in the next slot; answered under `id` when it is chosen. */
  change(id: number, membership: Membership): void {
    this.#change = { id, membership };
    this.#pump();
  }

  /** Tells the others how far it is chosen, unless an accept of this turn did. */
  announce(): void {
    if (!this.#leading || this.#announced >= this.#log.chosenIndex) return;
    this.#announced = this.#log.chosenIndex;
    this.#outbox.broadcast(this.#peers(this.#log.newest.membership), {
      kind: "chosen",
      ballot: this.ballot,
      chosenIndex: this.#log.chosenIndex,
    });
  }

  /** The change that waits will not be chosen under this ballot. */
  abandon(reason: string): void {
    if (this.#change === null) return;
    this.#outbox.answerMembership({ id: this.#change.id, kind: "refused", reason });
    this.#change = null;
    this.#changeSlot = null;
  }

  #lead(): void {
    this.#leading = true;
    this.#nextSlot = slot(this.#log.chosenIndex + 1);
    const reported = Math.max(this.#promises.through, this.#log.chosenIndex);
    // At least one slot of its own: a leader serves reads when that is chosen.
    this.#repairThrough = slot(Math.max(reported, this.#nextSlot));
    this.#announced = this.#log.chosenIndex;
    const openSlots = reported - this.#log.chosenIndex;
    this.#outbox.trace({ kind: "elected", ballot: this.ballot, openSlots });
    this.#pump();
  }

  /**
   * Up to which slot nothing more must be learned from promises; null: nothing at all. What a
   * latecomer accepted in a slot for which a quorum has spoken was not chosen: to bring it back
   * would put an older timestamp, or a membership made from an older one, behind newer entries.
   */
  #settledThrough(): Slot | null {
    if (!this.#leading || !this.#promises.isIntact) return SLOT_ZERO;
    const uncovered = this.#uncovered();
    return uncovered === undefined ? null : slot(uncovered.fromSlot - 1);
  }

  #uncovered(): GoverningMembership | undefined {
    return this.#log.activeGoverning().find(({ membership }) => !this.#promises.covers(membership));
  }

  /**
   * Whether all that phase 1 found is chosen, and it found whatever may be chosen: of every membership
   * that may decide an open slot a quorum promised, and enough of its voters know what they accepted.
   */
  #isRepaired(): boolean {
    const found = Math.max(this.#promises.through, this.#promises.chosenIndex);
    if (!this.#leading || this.#log.chosenIndex < found) return false;
    return this.#log
      .active()
      .every(
        (membership) => this.#promises.covers(membership) && this.#promises.vouchesFor(membership),
      );
  }

  #pump(): void {
    if (this.#leading) this.#cover();
    while (this.#leading && this.#mayOpen(this.#nextSlot)) {
      const value = this.#valueFor(this.#nextSlot);
      if (value === null) return;
      this.#open(value);
    }
  }

  #mayOpen(at: Slot): boolean {
    if (at > this.#log.horizon || at <= this.#promises.chosenIndex) return false;
    const membership = this.#log.governing(at);
    return this.#promises.covers(membership) && this.#promises.isClean(at, membership);
  }

  /** The voters of a membership that has come into view are asked at once. */
  #cover(): void {
    const membership = this.#uncovered()?.membership;
    if (membership === undefined || membership === this.#askedFor) return;
    this.#askedFor = membership;
    this.#askForPromises();
  }

  /** What belongs into the next slot, or null: nothing for now. */
  #valueFor(at: Slot): Value | null {
    const reported = this.#promises.entryFor(at);
    if (reported !== undefined) return reported.value;
    const mayBeFresh = this.#isRepaired();
    if (mayBeFresh && this.#change !== null && this.#changeSlot === null) {
      this.#changeSlot = at;
      const basedOn = this.#log.newest.fromSlot;
      const payload = encodeMembershipEntry({ basedOn, membership: this.#change.membership });
      return { kind: "membership", payload };
    }
    const room = this.#freshInFlight() < this.#config.pipelineSlots;
    if (mayBeFresh && room && !this.#queue.isEmpty) return this.#queue.takeBatch(this.#stamp());
    if (at <= this.#promises.through || at <= this.#repairThrough) return NOOP;
    // A new membership comes into force soon even if nobody writes.
    return at < this.#log.newest.fromSlot ? NOOP : null;
  }

  #open(value: Value): void {
    const at = this.#nextSlot;
    const entry: Entry = { slot: at, ballot: this.ballot, value };
    this.#nextSlot = slot(at + 1);
    if (value.kind === "batch") this.#noteTimestamp(value);
    const fresh = value.kind === "batch" && at > this.#promises.through;
    this.#inFlight.set(at, { entry, votes: new Set(), fresh, chosen: false, ticks: 0 });
    this.#send(entry, () => true);
    this.#announced = this.#log.chosenIndex;
  }

  #send(entry: Entry, wanted: (node: NodeId) => boolean): void {
    const message: Accept = {
      kind: "accept",
      ballot: this.ballot,
      slot: entry.slot,
      value: entry.value,
      chosenIndex: this.#log.chosenIndex,
    };
    this.#outbox.broadcast(this.#receivers(entry.slot).filter(wanted), message);
  }

  #count(from: NodeId, at: Slot): void {
    const flight = this.#inFlight.get(at);
    if (flight === undefined) return;
    flight.votes.add(from);
    if (isQuorum(this.#log.governing(at), flight.votes)) flight.chosen = true;
  }

  /** Slots may be chosen out of order; they leave in order. */
  #choose(): void {
    for (;;) {
      const flight = this.#inFlight.get(slot(this.#log.chosenIndex + 1));
      if (flight === undefined || !flight.chosen) return;
      this.#inFlight.delete(flight.entry.slot);
      this.#hasChosen = true;
      this.#learner.advance(flight.entry);
      this.#answerChange(flight.entry);
    }
  }

  #answerChange(entry: Entry): void {
    if (this.#change === null || entry.slot !== this.#changeSlot) return;
    this.#outbox.answerMembership({ id: this.#change.id, kind: "chosen", slot: entry.slot });
    this.#change = null;
    this.#changeSlot = null;
  }

  /** What became known to be chosen without this proposer is no longer its business. */
  #forgetChosen(): void {
    for (const at of this.#inFlight.keys()) {
      if (at <= this.#log.chosenIndex) this.#inFlight.delete(at);
    }
    const open = slot(this.#log.chosenIndex + 1);
    if (this.#nextSlot < open) this.#nextSlot = open;
    if (this.#leading && !this.#hasChosen && this.#repairThrough < open) this.#repairThrough = open;
    if (this.#changeSlot === null || this.#changeSlot > this.#log.chosenIndex) return;
    const entry = this.#log.entry(this.#changeSlot);
    if (entry !== undefined && sameBallot(entry.ballot, this.ballot)) this.#answerChange(entry);
    this.abandon("another entry was chosen in its slot: look at the members and try again");
  }

  /** Sends the prepare to every voter of an active membership that has not promised. */
  #askForPromises(): void {
    this.#prepareTicks = 0;
    this.#askVoters((voter) => !this.#promises.has(voter));
  }

  #askVoters(wanted: (voter: NodeId) => boolean): void {
    const voters = new Set(this.#log.active().flatMap(votersOf));
    this.#attempt += 1;
    for (const voter of voters) {
      if (voter === this.#config.self || !wanted(voter)) continue;
      this.#outbox.sendWhenDurable(voter, this.#prepareMessage());
    }
  }

  #prepareMessage() {
    const from = slot(this.#log.chosenIndex + 1);
    return { kind: "prepare", ballot: this.ballot, from, attempt: this.#attempt } as const;
  }

  /** The voters of the slot and everybody who will need the entry: this node included. */
  #receivers(at: Slot): NodeId[] {
    const ids = [this.#log.governing(at), this.#log.newest.membership].flatMap(({ members }) =>
      members.map((member) => member.id),
    );
    return [...new Set([...ids, this.#config.self])];
  }

  #peers(membership: Membership): NodeId[] {
    return membership.members.map(({ id }) => id).filter((id) => id !== this.#config.self);
  }

  #freshInFlight(): number {
    let count = 0;
    for (const flight of this.#inFlight.values()) if (flight.fresh) count += 1;
    return count;
  }

  /** Above every timestamp of the log, whatever the wall clock says. */
  #stamp(): number {
    const last = Math.max(this.#lastTimestampMicros, this.#log.lastTimestampMicros);
    return Math.max(this.#wallMicros, last + 1);
  }

  /** The wall clock, as the shell saw it with its last input. */
  setWallClock(micros: number): void {
    this.#wallMicros = micros;
  }

  #noteTimestamp(value: Value): void {
    this.#lastTimestampMicros = Math.max(this.#lastTimestampMicros, timestampOf(value.payload));
  }
}
