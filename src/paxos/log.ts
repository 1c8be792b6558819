/**
 * One replica's log: what it accepted and what it knows to be chosen.
 *
 *     truncationFloor <= chosenIndex          both inclusive
 *
 *   slots   1 … truncationFloor   covered by a durable snapshot, forgotten here
 *           … chosenIndex         chosen; entries present but for holes (below)
 *           … beyond              accepted here at most; open
 *
 * A hole is a chosen slot whose entry is not here: a quorum without this node chose it and the
 * state machine had it (from memory) before a crash, or its record rotted. Holes are never filled
 * by guessing; whoever asks for one is told to take a snapshot or to ask another node.
 */
import { assert } from "../base/assert.ts";
import { BALLOT_ZERO, type Ballot, compareBallots, sameBallot } from "./ballot.ts";
import { timestampOf } from "./batch.ts";
import { decodeMembershipEntry } from "./membership.ts";
import type { FaultySlot } from "./messages.ts";
import type { Outbox } from "./outbox.ts";
import { type Entry, type GoverningMembership, type Membership, type Slot, slot } from "./types.ts";

/** What a replica starts from: empty for a new node, read from the disk otherwise. */
export interface InitialState {
  /** The highest ballot promised or accepted. */
  readonly promised: Ballot;
  readonly truncationFloor: Slot;
  /**
   * The last slot of the unbroken run of `entries` above the floor, at most the durable chosen mark:
   * up to here `entries` hold what was chosen. Never what the state machine says: its file may be
   * ahead of the log, whose entry may then be one that lost (it was accepted under a lower ballot
   * and the record of the chosen one was not durable yet). The slots between are learned again and
   * the state machine passes over them.
   */
  readonly chosenIndex: Slot;
  /** Everything up to here was once known to be chosen; may lie above chosenIndex after damage. */
  readonly knownChosen: Slot;
  /** Accepted entries above the floor; for each slot the one with the highest ballot. */
  readonly entries: readonly Entry[];
  /** The membership that governs floor + 1 and all that come later. */
  readonly memberships: readonly GoverningMembership[];
  readonly faulty: readonly FaultySlot[];
  readonly faultyAnywhere: boolean;
  /** The timestamp of the last batch up to chosenIndex, where `entries` may lack it. */
  readonly lastTimestampMicros?: number;
}

interface GoverningNow {
  readonly at: Slot;
  readonly memberships: readonly GoverningMembership[];
  readonly governing: readonly GoverningMembership[];
}

interface ActiveMemberships {
  readonly of: readonly GoverningMembership[];
  readonly memberships: readonly Membership[];
}

export class Log {
  readonly #outbox: Outbox;
  readonly #window: number;
  readonly #entries = new Map<Slot, Entry>();
  /** By slot; the ballot is null where the damaged record no longer says it (faults rule 27). */
  readonly #faulty = new Map<Slot, Ballot | null>();
  #memberships: readonly GoverningMembership[];
  #truncationFloor: Slot;
  #chosenIndex: Slot;
  #knownChosen: Slot;
  #lastTimestampMicros = 0;
  /** What `activeGoverning` answered last, and for which chosen index and memberships. */
  #governingNow: GoverningNow = { at: slot(-1), memberships: [], governing: [] };
  #active: ActiveMemberships = { of: [], memberships: [] };

  constructor(initial: InitialState, window: number, outbox: Outbox) {
    assert(initial.truncationFloor <= initial.chosenIndex, "the floor is not above what is chosen");
    assert(initial.memberships.length > 0, "some membership governs the log");
    this.#outbox = outbox;
    this.#window = window;
    this.#truncationFloor = initial.truncationFloor;
    this.#chosenIndex = initial.chosenIndex;
    this.#knownChosen = slot(Math.max(initial.knownChosen, initial.chosenIndex));
    this.#memberships = initial.memberships;
    this.#lastTimestampMicros = initial.lastTimestampMicros ?? 0;
    for (const entry of initial.entries) {
      if (entry.slot > initial.truncationFloor) this.#entries.set(entry.slot, entry);
    }
    for (const fault of initial.faulty) this.#faulty.set(fault.slot, fault.ballot);
    for (let at = initial.truncationFloor + 1; at <= initial.chosenIndex; at += 1) {
      const entry = this.#entries.get(slot(at));
      if (entry === undefined) continue;
      this.#noteMembership(entry);
      this.#noteTimestamp(entry);
    }
  }

  get truncationFloor(): Slot {
    return this.#truncationFloor;
  }

  get chosenIndex(): Slot {
    return this.#chosenIndex;
  }

  /** The highest slot that anybody has said to be chosen. */
  get knownChosen(): Slot {
    return this.#knownChosen;
  }

  /** The highest timestamp of a chosen batch that passed through here. */
  get lastTimestampMicros(): number {
    return this.#lastTimestampMicros;
  }

  get memberships(): readonly GoverningMembership[] {
    return this.#memberships;
  }

  /** The newest membership, in force or to come. */
  get newest(): GoverningMembership {
    const newest = this.#memberships.at(-1);
    assert(newest !== undefined, "some membership governs the log");
    return newest;
  }

  /** The last slot that may be open: beyond it the governing membership is not known yet. */
  get horizon(): Slot {
    return slot(this.#chosenIndex + this.#window);
  }

  /** The membership that decides slot `at`; `at` is not above the horizon. */
  governing(at: Slot): Membership {
    let found = this.#memberships[0];
    for (const candidate of this.#memberships) {
      if (candidate.fromSlot <= at) found = candidate;
    }
    assert(found !== undefined, "some membership governs the log");
    return found.membership;
  }

  /** Every membership that decides a slot that may be open now. */
  active(): readonly Membership[] {
    const governing = this.activeGoverning();
    if (this.#active.of !== governing) {
      this.#active = { of: governing, memberships: governing.map(({ membership }) => membership) };
    }
    return this.#active.memberships;
  }

  /** The same, with the first slot of each, in slot order. */
  activeGoverning(): readonly GoverningMembership[] {
    // A leader asks with every step, and it changes with a choice at most.
    const { at, memberships } = this.#governingNow;
    if (at !== this.#chosenIndex || memberships !== this.#memberships) {
      const governing = this.#governingOpenSlots();
      this.#governingNow = { at: this.#chosenIndex, memberships: this.#memberships, governing };
    }
    return this.#governingNow.governing;
  }

  /** As of slot `index`: the membership in force at index + 1, and those known then to come later. */
  membershipsFrom(index: Slot): readonly GoverningMembership[] {
    const known = this.#memberships.filter(({ fromSlot }) => fromSlot <= index + this.#window);
    return governingFrom(known, slot(index + 1));
  }

  entry(at: Slot): Entry | undefined {
    return this.#entries.get(at);
  }

  /** Entries above both `below` and the chosen index, in slot order. */
  openEntriesAbove(below: Slot): Entry[] {
    const from = Math.max(below, this.#chosenIndex);
    return [...this.#entries.values()]
      .filter((entry) => entry.slot > from)
      .toSorted((left, right) => left.slot - right.slot);
  }

  openFaultySlots(): FaultySlot[] {
    return [...this.#faulty]
      .filter(([at]) => at > this.#chosenIndex)
      .map(([at, ballot]) => ({ slot: at, ballot }));
  }

  /** Takes an entry that this node accepted; false if it was there already, else it goes to the disk. */
  accept(entry: Entry): boolean {
    assert(entry.slot > this.#truncationFloor, `slot ${entry.slot} is truncated`);
    const held = this.#entries.get(entry.slot);
    if (held !== undefined && sameBallot(held.ballot, entry.ballot)) return false;
    assert(
      held === undefined || isNewer(entry, held),
      `slot ${entry.slot} was accepted under a higher ballot`,
    );
    this.#entries.set(entry.slot, entry);
    this.#outbox.persist({ kind: "accepted", entry });
    const rotten = this.#faulty.get(entry.slot);
    if (rotten !== undefined && rotten !== null && compareBallots(entry.ballot, rotten) >= 0) {
      this.#faulty.delete(entry.slot);
    }
    return true;
  }

  /** Somebody said that everything up to `index` is chosen. */
  noteKnownChosen(index: Slot): void {
    if (index > this.#knownChosen) this.#knownChosen = index;
  }

  /** The entry of slot chosenIndex + 1 is chosen: it leaves for the state machine. */
  advance(entry: Entry): void {
    assert(entry.slot === this.#chosenIndex + 1, `slot ${entry.slot} is out of order`);
    this.#chosenIndex = entry.slot;
    this.noteKnownChosen(entry.slot);
    this.#faulty.delete(entry.slot);
    this.#outbox.chosen(entry);
    this.#noteTimestamp(entry);
    if (this.#noteMembership(entry)) {
      this.#outbox.persist({ kind: "memberships", memberships: this.#memberships });
      this.#outbox.membershipsChanged();
    }
  }

  /** Forgets everything up to `covered`, which a durable snapshot covers. */
  truncate(covered: Slot): void {
    // After a restart the state machine may know more to be chosen than this log does.
    const floor = slot(Math.min(covered, this.#chosenIndex));
    if (floor <= this.#truncationFloor) return;
    this.#truncationFloor = floor;
    this.#forget(floor);
    this.#memberships = governingFrom(this.#memberships, slot(floor + 1));
    this.#outbox.persist({ kind: "truncated", floor, memberships: this.#memberships });
  }

  /**
   * The state machine now stands at `index`, ahead of this log. The promise and what was accepted
   * above stay (faults rule 33).
   */
  installSnapshot(
    index: Slot,
    memberships: readonly GoverningMembership[],
    lastTimestampMicros: number,
  ): void {
    assert(index > this.#chosenIndex, `a snapshot at ${index} is not newer`);
    this.#chosenIndex = index;
    this.noteKnownChosen(index);
    this.#truncationFloor = index;
    this.#memberships = memberships;
    this.#lastTimestampMicros = Math.max(this.#lastTimestampMicros, lastTimestampMicros);
    this.#forget(index);
    this.#outbox.persist({ kind: "truncated", floor: index, memberships });
    this.#outbox.membershipsChanged();
  }

  /** Chosen entries from `from` on without gaps, up to about `bytesMax` bytes but at least one. */
  chosenFrom(from: Slot, bytesMax: number): Entry[] {
    const entries: Entry[] = [];
    let bytes = 0;
    for (let at = from; at <= this.#chosenIndex; at = slot(at + 1)) {
      const entry = this.#entries.get(at);
      if (entry === undefined || (bytes > 0 && bytes + entry.value.payload.length > bytesMax))
        break;
      bytes += entry.value.payload.length + 1;
      entries.push(entry);
    }
    return entries;
  }

  /** The highest chosen slot that this log cannot serve: truncated, or a hole. */
  unservableBelow(from: Slot): Slot {
    if (from > this.#chosenIndex || this.#entries.has(from)) return this.#truncationFloor;
    let lost = slot(Math.max(from, this.#truncationFloor));
    while (lost < this.#chosenIndex && !this.#entries.has(slot(lost + 1))) lost = slot(lost + 1);
    return lost;
  }

  #governingOpenSlots(): readonly GoverningMembership[] {
    const upTo = this.#memberships.filter(({ fromSlot }) => fromSlot <= this.horizon);
    return governingFrom(upTo, slot(this.#chosenIndex + 1));
  }

  #forget(floor: Slot): void {
    for (const at of this.#entries.keys()) if (at <= floor) this.#entries.delete(at);
    for (const at of this.#faulty.keys()) if (at <= floor) this.#faulty.delete(at);
  }

  #noteTimestamp(entry: Entry): void {
    if (entry.value.kind !== "batch") return;
    const stamped = timestampOf(entry.value.payload);
    this.#lastTimestampMicros = Math.max(this.#lastTimestampMicros, stamped);
  }

  #noteMembership(entry: Entry): boolean {
    if (entry.value.kind !== "membership") return false;
    const fromSlot = slot(entry.slot + this.#window);
    if (this.newest.fromSlot >= fromSlot) return false;
    const { basedOn, membership } = decodeMembershipEntry(entry.value.payload);
    if (basedOn !== this.newest.fromSlot) return false;
    this.#memberships = [...this.#memberships, { fromSlot, membership }];
    return true;
  }
}

function isNewer(entry: Entry, held: Entry): boolean {
  return compareBallots(entry.ballot, held.ballot) > 0;
}

/** The membership in force at `from`, and those that come later. */
function governingFrom(
  memberships: readonly GoverningMembership[],
  from: Slot,
): readonly GoverningMembership[] {
  const first = memberships.findLastIndex(({ fromSlot }) => fromSlot <= from);
  return memberships.slice(Math.max(first, 0));
}

/** The state of a node that never ran: `genesis` governs from slot 1. */
export function emptyState(genesis: Membership): InitialState {
  return {
    promised: BALLOT_ZERO,
    truncationFloor: slot(0),
    chosenIndex: slot(0),
    knownChosen: slot(0),
    entries: [],
    memberships: [{ fromSlot: slot(1), membership: genesis }],
    faulty: [],
    faultyAnywhere: false,
  };
}
