/**
 * One node's disk in a bounded world: a value, so that a state of the world can hold it.
 *
 * As in production (src/node/journal.ts) the metadata (promise, memberships) and the log (accepted
 * entries, chosen marks) are two files. Writes become durable one after another; a crash keeps what
 * was synced and, of each file by itself, any beginning of the rest. What a node starts from is
 * worked out as src/node/recover.ts does it, damaged records included.
 */
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

/** What a rotten record of an accepted entry still tells. */
export type Rot =
  /** Its header is intact: slot and ballot are known (wal/record.ts). */
  | "ballot known"
  /** Only the slot is known. Our log never yields this; the core's messages have room for it. */
  | "slot known"
  /** Nothing: the log lacks a record of some slot. */
  | "nothing known";

/** What one turn handed over: durable together, and reported under its sequence. */
export interface Batch {
  readonly records: readonly PersistRecord[];
  readonly sequence: number;
}

export interface Disk {
  readonly promised: Ballot;
  readonly memberships: readonly GoverningMembership[];
  /** Every entry that was ever durable here, rotten or not. */
  readonly accepted: readonly Entry[];
  readonly chosenMark: Slot;
  /** The one record that cannot be read any more. */
  readonly rotten: { readonly entry: Entry; readonly tells: Rot } | null;
  readonly pending: readonly Batch[];
}

export function emptyDisk(genesis: Membership): Disk {
  return {
    promised: BALLOT_ZERO,
    memberships: [{ fromSlot: slot(1), membership: genesis }],
    accepted: [],
    chosenMark: slot(0),
    rotten: null,
    pending: [],
  };
}

export function write(disk: Disk, records: readonly PersistRecord[], sequence: number): Disk {
  if (records.length === 0) return disk;
  return { ...disk, pending: [...disk.pending, { records, sequence }] };
}

/** The next sync ends: all up to the first batch that somebody waits for. Null: nobody waits. */
export function sync(disk: Disk): { disk: Disk; batch: Batch } | null {
  const first = disk.pending.findIndex(({ records }) => records.some(isWaitedFor));
  const batch = disk.pending[first];
  if (batch === undefined) return null;
  const done = disk.pending.slice(0, first + 1).flatMap(({ records }) => records);
  const kept = done.reduce(keep, disk);
  return { disk: { ...kept, pending: disk.pending.slice(first + 1) }, batch };
}

/** Every disk that a loss of power may leave behind, without what it keeps only in memory. */
export function afterCrash(disk: Disk): Disk[] {
  const open = disk.pending.flatMap(({ records }) => records);
  const metadata = open.filter(isMetadata);
  const log = open.filter((record) => !isMetadata(record));
  const left: Disk[] = [];
  for (let first = 0; first <= metadata.length; first += 1) {
    for (let second = 0; second <= log.length; second += 1) {
      const kept = [...metadata.slice(0, first), ...log.slice(0, second)];
      left.push({ ...kept.reduce(keep, disk), pending: [] });
    }
  }
  return left;
}

/** Power is lost, all that was not durable with it, and one durable record has rotted. */
export function afterRot(disk: Disk, tells: Rot): Disk[] {
  if (disk.rotten !== null) return [];
  return disk.accepted.map((entry) => ({ ...disk, pending: [], rotten: { entry, tells } }));
}

/** What a node that starts on this disk begins with. */
export function recover(disk: Disk): InitialState {
  const entries = new Map<Slot, Entry>();
  let { promised } = disk;
  for (const entry of disk.accepted) {
    if (entry === disk.rotten?.entry) continue;
    promised = higherBallot(promised, entry.ballot);
    const held = entries.get(entry.slot);
    if (held === undefined || compareBallots(entry.ballot, held.ballot) > 0) {
      entries.set(entry.slot, entry);
    }
  }
  const faulty = faultySlots(disk, entries);
  for (const { ballot } of faulty) if (ballot !== null) promised = higherBallot(promised, ballot);
  const faultyAnywhere = disk.rotten?.tells === "nothing known";
  const damaged = new Set(faulty.map((fault) => fault.slot));
  const mark = faultyAnywhere ? slot(0) : disk.chosenMark;
  let chosenIndex = slot(0);
  for (let next = slot(1); next <= mark; next = slot(next + 1)) {
    if (damaged.has(next) || !entries.has(next)) break;
    chosenIndex = next;
  }
  return {
    promised,
    truncationFloor: slot(0),
    chosenIndex,
    knownChosen: disk.chosenMark,
    entries: [...entries.values()],
    memberships: disk.memberships,
    faulty,
    faultyAnywhere,
  };
}

function faultySlots({ rotten }: Disk, entries: ReadonlyMap<Slot, Entry>): FaultySlot[] {
  if (rotten === null || rotten.tells === "nothing known") return [];
  const at = rotten.entry.slot;
  if (rotten.tells === "slot known") return [{ slot: at, ballot: null }];
  const intact = entries.get(at);
  if (intact !== undefined && compareBallots(intact.ballot, rotten.entry.ballot) >= 0) return [];
  return [{ slot: at, ballot: rotten.entry.ballot }];
}

/** The durable promise, as a start would find it if no record had rotted. */
export function durablePromise(disk: Disk): Ballot {
  return disk.accepted.reduce(
    (highest, { ballot }) => higherBallot(highest, ballot),
    disk.promised,
  );
}

function keep(disk: Disk, record: PersistRecord): Disk {
  switch (record.kind) {
    case "accepted":
      return { ...disk, accepted: [...disk.accepted, record.entry] };
    case "promised":
      return { ...disk, promised: higherBallot(disk.promised, record.ballot) };
    case "chosen":
      return { ...disk, chosenMark: slot(Math.max(disk.chosenMark, record.index)) };
    case "memberships":
      return { ...disk, memberships: record.memberships };
    // The damaged record is still there, and a start finds it again.
    case "repaired":
      return disk;
    case "truncated":
      throw new Error("no world truncates a log");
  }
}

function isMetadata(record: PersistRecord): boolean {
  return record.kind !== "accepted" && record.kind !== "chosen";
}

/** Nothing waits for a chosen mark (src/paxos/outbox.ts). */
function isWaitedFor(record: PersistRecord): boolean {
  return record.kind !== "chosen";
}
