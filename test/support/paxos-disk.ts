/**
 * One node's disk, as the core sees it: records become durable in order, but the metadata (promise,
 * floor, memberships) and the log of accepted entries are two files, so a crash may keep more of
 * the one than of the other. A crash keeps everything that was synced and any part of the rest.
 *
 * Records of accepted entries may rot where they lie. What the damaged record was about is still
 * said by its header, unless that is damaged too (faults rules 26, 27).
 */
import type { Random } from "../../src/base/random.ts";
import { BALLOT_ZERO, type Ballot, compareBallots, higherBallot } from "../../src/paxos/ballot.ts";
import type { PersistRecord } from "../../src/paxos/effects.ts";
import type { InitialState } from "../../src/paxos/log.ts";
import type { FaultySlot } from "../../src/paxos/messages.ts";
import {
  type Entry,
  type GoverningMembership,
  type Membership,
  type Slot,
  slot,
} from "../../src/paxos/types.ts";

/** How much of what was not synced a crash leaves. */
export type Kept = "nothing" | "some" | "everything";

interface Written {
  readonly record: PersistRecord;
  readonly sequence: number;
}

export class PaxosDisk {
  readonly #genesis: Membership;
  #written: Written[] = [];
  /** How many of `#written` are durable. */
  #durable = 0;
  #promised: Ballot = BALLOT_ZERO;
  /** What the metadata says: without the ballots of accepted entries. */
  #promisedAlone: Ballot = BALLOT_ZERO;
  #floor: Slot = slot(0);
  #chosenMarks: Extract<PersistRecord, { kind: "chosen" }>[] = [];
  /** By slot, the intact record with the highest ballot. */
  #entries = new Map<Slot, Entry>();
  /** By slot, the record that the one in `#entries` outdid: it is still there. */
  readonly #outdone = new Map<Slot, Entry>();
  /** By slot, the highest ballot of a damaged record. */
  readonly #rotten = new Map<Slot, Ballot>();
  /** Records without a readable header may be of any slot up to here; 0: there are none. */
  #nameless: Slot = slot(0);
  /** A node that started here found such damage and has not repaired since. */
  #lostRecords = false;
  #memberships: readonly GoverningMembership[];

  constructor(genesis: Membership) {
    this.#genesis = genesis;
    this.#memberships = [{ fromSlot: slot(1), membership: this.#genesis }];
  }

  /** Records that are not durable yet. */
  get pending(): number {
    return this.#written.length - this.#durable;
  }

  get promised(): Ballot {
    return this.#promised;
  }

  get floor(): Slot {
    return this.#floor;
  }

  /** What is durable or on its way there. */
  everyEntry(): Entry[] {
    const pending = this.pendingRecords().flatMap((record) =>
      record.kind === "accepted" ? [record.entry] : [],
    );
    return [...this.#entries.values(), ...pending];
  }

  /** Slots with an intact record, in order. */
  durableSlots(): Slot[] {
    return [...this.#entries.keys()].toSorted((left, right) => left - right);
  }

  durableEntry(at: Slot): Entry | undefined {
    return this.#entries.get(at);
  }

  write(records: readonly PersistRecord[], sequence: number): void {
    for (const record of records) this.#written.push({ record, sequence });
  }

  /** The newest records that were written, durable or not. */
  pendingRecords(): readonly PersistRecord[] {
    return this.#written.slice(this.#durable).map(({ record }) => record);
  }

  /** A sync of the first `count` pending records ended; returns them and the sequence to report. */
  sync(count: number): { records: readonly PersistRecord[]; through: number } {
    const done = this.#written.slice(this.#durable, this.#durable + count);
    this.#durable += done.length;
    for (const { record } of done) this.#keep(record);
    // A sequence is reported when all of its records are there.
    const unfinished = this.#written[this.#durable]?.sequence;
    const whole = done.filter(({ sequence }) => sequence !== unfinished).at(-1);
    return { records: done.map(({ record }) => record), through: whole?.sequence ?? 0 };
  }

  /** Power is lost: of each file, what was not synced is kept up to a point. Returns what was kept beyond. */
  crash(random: Random, keeps: Kept = "some"): readonly PersistRecord[] {
    const open = this.pendingRecords();
    const files = [open.filter(isMetadata), open.filter((record) => !isMetadata(record))];
    const lengths = {
      nothing: () => 0,
      some: (all: number) => random.below(all + 1),
      everything: (all: number) => all,
    };
    const kept = files.flatMap((file) => file.slice(0, lengths[keeps](file.length)));
    for (const record of kept) this.#keep(record);
    this.#written = [];
    this.#durable = 0;
    return kept;
  }

  /** The newest durable record of slot `at` rots; without its header nobody knows of which slot it was. */
  rot(at: Slot, loses: "payload" | "header"): void {
    const entry = this.#entries.get(at);
    if (entry === undefined) return;
    const older = this.#outdone.get(at);
    this.#outdone.delete(at);
    this.#entries.delete(at);
    if (older !== undefined) this.#entries.set(at, older);
    if (loses === "payload") {
      this.#rotten.set(at, higherBallot(entry.ballot, this.#rotten.get(at) ?? BALLOT_ZERO));
    } else {
      // It goes with its segment: when the log is cut above everything that is in it now.
      const known = [...this.#entries.keys(), ...this.#rotten.keys()];
      this.#nameless = slot(Math.max(...known, this.#nameless, this.#floor + 1));
      this.#promised = this.#entriesPromise();
    }
  }

  /** The ballots of slots whose newest record is damaged. */
  faulty(): FaultySlot[] {
    return [...this.#rotten].flatMap(([at, ballot]) => {
      const intact = this.#entries.get(at);
      const stoodIn = intact !== undefined && compareBallots(intact.ballot, ballot) >= 0;
      return stoodIn || at <= this.#floor ? [] : [{ slot: at, ballot }];
    });
  }

  get faultyAnywhere(): boolean {
    return this.#lostRecords || this.#nameless > this.#floor;
  }

  /** What a node that starts on this disk begins with (src/node/recover.ts does the same with files). */
  recover(lastTimestampMicros: number, appliedIndex: Slot = slot(0)): InitialState {
    this.#lostRecords = this.faultyAnywhere;
    const marks = this.#chosenMarks.filter(({ above }) => above <= this.#floor);
    const mark = slot(Math.max(this.#floor, ...marks.map(({ index }) => index)));
    const faulty = this.faulty();
    return {
      promised: this.#promised,
      truncationFloor: this.#floor,
      chosenIndex: this.#lastSure(mark, faulty),
      knownChosen: slot(Math.max(mark, appliedIndex)),
      entries: [...this.#entries.values()].filter((entry) => entry.slot > this.#floor),
      memberships: this.#memberships,
      faulty,
      faultyAnywhere: this.faultyAnywhere,
      lastTimestampMicros,
    };
  }

  /** The own snapshot covers more than the log can prove: the log begins behind it. */
  beginBehind(snapshot: {
    readonly index: Slot;
    readonly memberships: readonly GoverningMembership[];
  }): void {
    const last = snapshot.memberships.at(-1)?.fromSlot ?? 0;
    const later = this.#memberships.filter(({ fromSlot }) => fromSlot > last);
    const memberships = [...snapshot.memberships, ...later];
    this.#keep({ kind: "truncated", floor: snapshot.index, memberships });
  }

  #lastSure(mark: Slot, faulty: readonly FaultySlot[]): Slot {
    if (this.faultyAnywhere) return this.#floor;
    const damaged = new Set(faulty.map((fault) => fault.slot));
    let last = this.#floor;
    for (
      let next = slot(last + 1);
      next <= mark && this.#entries.has(next);
      next = slot(next + 1)
    ) {
      if (damaged.has(next)) break;
      last = next;
    }
    return last;
  }

  /** A promise that only a damaged record told of is gone with it. */
  #entriesPromise(): Ballot {
    const held = [...this.#entries.values(), ...this.#outdone.values()].map(({ ballot }) => ballot);
    return [...held, ...this.#rotten.values()].reduce(higherBallot, this.#promisedAlone);
  }

  #keep(record: PersistRecord): void {
    switch (record.kind) {
      case "accepted":
        this.#promised = higherBallot(this.#promised, record.entry.ballot);
        this.#keepEntry(record.entry);
        return;
      case "promised":
        this.#promised = higherBallot(this.#promised, record.ballot);
        this.#promisedAlone = higherBallot(this.#promisedAlone, record.ballot);
        return;
      case "chosen":
        this.#chosenMarks.push(record);
        return;
      case "repaired":
        this.#lostRecords = false;
        return;
      case "memberships":
        this.#memberships = record.memberships;
        return;
      case "truncated":
        this.#floor = record.floor;
        this.#memberships = record.memberships;
        for (const bySlot of [this.#entries, this.#outdone, this.#rotten]) {
          forget(bySlot, record.floor);
        }
        return;
    }
  }

  #keepEntry(entry: Entry): void {
    const held = this.#entries.get(entry.slot);
    if (held === undefined || compareBallots(entry.ballot, held.ballot) > 0) {
      if (held !== undefined) this.#outdone.set(entry.slot, held);
      this.#entries.set(entry.slot, entry);
    }
  }
}

function isMetadata(record: PersistRecord): boolean {
  return record.kind !== "accepted" && record.kind !== "chosen";
}

function forget(bySlot: Map<Slot, unknown>, floor: Slot): void {
  for (const at of bySlot.keys()) if (at <= floor) bySlot.delete(at);
}
