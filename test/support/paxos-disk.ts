/**
 * One node's disk, as the core sees it: records become durable in order, but the metadata (promise,
 * floor, memberships) and the log of accepted entries are two files, so a crash may keep more of
 * the one than of the other. A crash keeps everything that was synced and any part of the rest.
 */
import type { Random } from "../../src/base/random.ts";
import { BALLOT_ZERO, type Ballot, compareBallots, higherBallot } from "../../src/paxos/ballot.ts";
import type { PersistRecord } from "../../src/paxos/effects.ts";
import type { InitialState } from "../../src/paxos/log.ts";
import {
  type Entry,
  type GoverningMembership,
  type Membership,
  type Slot,
  slot,
} from "../../src/paxos/types.ts";

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
  #floor: Slot = slot(0);
  #chosenMarks: Extract<PersistRecord, { kind: "chosen" }>[] = [];
  #entries = new Map<Slot, Entry>();
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

  /** The last sequence that was handed over; 0 before the first. */
  get lastSequence(): number {
    return this.#written.at(-1)?.sequence ?? 0;
  }

  /** What is durable or on its way there. */
  everyEntry(): Entry[] {
    const pending = this.pendingRecords().flatMap((record) =>
      record.kind === "accepted" ? [record.entry] : [],
    );
    return [...this.#entries.values(), ...pending];
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

  /** Power is lost: of each file, what was not synced is kept up to a random point. Returns what was kept beyond. */
  crash(random: Random): readonly PersistRecord[] {
    const open = this.pendingRecords();
    const files = [open.filter(isMetadata), open.filter((record) => !isMetadata(record))];
    const kept = files.flatMap((file) => file.slice(0, random.below(file.length + 1)));
    for (const record of kept) this.#keep(record);
    this.#written = [];
    this.#durable = 0;
    return kept;
  }

  /** What a node that starts on this disk begins with (src/node/recover.ts does the same with files). */
  recover(lastTimestampMicros: number): InitialState {
    const marks = this.#chosenMarks.filter(({ above }) => above <= this.#floor);
    const mark = slot(Math.max(this.#floor, ...marks.map(({ index }) => index)));
    let chosenIndex = this.#floor;
    while (chosenIndex < mark && this.#entries.has(slot(chosenIndex + 1))) {
      chosenIndex = slot(chosenIndex + 1);
    }
    return {
      promised: this.#promised,
      truncationFloor: this.#floor,
      chosenIndex,
      knownChosen: mark,
      entries: [...this.#entries.values()].filter((entry) => entry.slot > this.#floor),
      memberships: this.#memberships,
      faulty: [],
      faultyAnywhere: false,
      lastTimestampMicros,
    };
  }

  #keep(record: PersistRecord): void {
    switch (record.kind) {
      case "accepted":
        this.#promised = higherBallot(this.#promised, record.entry.ballot);
        this.#keepEntry(record.entry);
        return;
      case "promised":
        this.#promised = higherBallot(this.#promised, record.ballot);
        return;
      case "chosen":
        this.#chosenMarks.push(record);
        return;
      case "memberships":
        this.#memberships = record.memberships;
        return;
      case "truncated":
        this.#floor = record.floor;
        this.#memberships = record.memberships;
        for (const at of this.#entries.keys()) if (at <= record.floor) this.#entries.delete(at);
        return;
    }
  }

  #keepEntry(entry: Entry): void {
    const held = this.#entries.get(entry.slot);
    if (held === undefined || compareBallots(entry.ballot, held.ballot) > 0) {
      this.#entries.set(entry.slot, entry);
    }
  }
}

function isMetadata(record: PersistRecord): boolean {
  return record.kind !== "accepted" && record.kind !== "chosen";
}
