/**
 * From what is on disk to the state that the core starts from.
 *
 * The state machine says how far it got (its applied index: everything up to there was chosen); the
 * metadata says what was promised and up to where the log is truncated; the WAL has what was
 * accepted. The log is known to be chosen as far as the last chosen mark says and entries are
 * present without a gap; the rest is asked of the others. Of the two either may be ahead: what the
 * state machine lacks is replayed, what the log lacks is learned again and passed over there.
 *
 * Damaged records (wal/recovery.ts) become faulty slots: this node says "faulty" for them, never
 * "nothing" (faults rules 26, 27), and what the log says to be chosen ends before the first of them.
 */
import type { WalRecovery } from "../../wal/wal.ts";
import { type Ballot, compareBallots, higherBallot } from "../paxos/ballot.ts";
import type { InitialState } from "../paxos/log.ts";
import type { FaultySlot } from "../paxos/messages.ts";
import { type Entry, nodeId, type Slot, slot } from "../paxos/types.ts";
import type { DurableState } from "./durable-state.ts";
import { RECORD_TYPES, valueKindOf } from "./journal.ts";

/** `appliedIndex` is at or above the floor; a machine below it must be restored from a snapshot first. */
export function initialState(
  durable: DurableState,
  recovery: WalRecovery,
  appliedIndex: Slot,
): InitialState {
  const entries = new Map<Slot, Entry>();
  let promised = durable.promised;
  let chosenMark = durable.truncationFloor;
  for (const record of recovery.records) {
    if (record.type === RECORD_TYPES.chosen) {
      // The mark's `above` (journal.ts). Above the durable floor it speaks of a floor that was lost.
      if (record.ballotRound > durable.truncationFloor) continue;
      chosenMark = slot(Math.max(chosenMark, record.slot));
      continue;
    }
    const kind = valueKindOf(record.type);
    if (kind === null) continue;
    const ballot = { round: record.ballotRound, node: nodeId(record.ballotNode) };
    promised = higherBallot(promised, ballot);
    const value = { kind, payload: record.payload };
    keepHighest(entries, { slot: slot(record.slot), ballot, value });
  }
  const faulty = faultySlots(recovery, entries, durable.truncationFloor);
  const faultyAnywhere = durable.lostRecords || hasLostRecords(recovery);
  return {
    promised: faulty.reduce((highest, { ballot }) => higher(highest, ballot), promised),
    truncationFloor: durable.truncationFloor,
    chosenIndex: lastSure({ entries, faulty, faultyAnywhere }, durable.truncationFloor, chosenMark),
    knownChosen: slot(Math.max(chosenMark, appliedIndex)),
    entries: [...entries.values()].filter((entry) => entry.slot > durable.truncationFloor),
    memberships: durable.memberships,
    faulty,
    faultyAnywhere,
  };
}

/** Whether records are damaged of which not even the slot is known. */
export function hasLostRecords(recovery: WalRecovery): boolean {
  return recovery.damaged.some(({ header }) => header === null);
}

/** What the log has as chosen and the state machine lacks: a crash came between the two. */
export function replayFrom(initial: InitialState, appliedIndex: Slot): readonly Entry[] {
  return initial.entries
    .filter((entry) => entry.slot > appliedIndex && entry.slot <= initial.chosenIndex)
    .toSorted((left, right) => left.slot - right.slot);
}

function keepHighest(entries: Map<Slot, Entry>, entry: Entry): void {
  const held = entries.get(entry.slot);
  if (held === undefined || compareBallots(entry.ballot, held.ballot) > 0) {
    entries.set(entry.slot, entry);
  }
}

/** Slots with a damaged record that no intact record of the same or a higher ballot stands for. */
function faultySlots(
  recovery: WalRecovery,
  entries: ReadonlyMap<Slot, Entry>,
  floor: Slot,
): FaultySlot[] {
  const faulty = new Map<Slot, Ballot>();
  for (const { header } of recovery.damaged) {
    if (header === null || valueKindOf(header.type) === null || header.slot <= floor) continue;
    const at = slot(header.slot);
    const ballot = { round: header.ballotRound, node: nodeId(header.ballotNode) };
    const intact = entries.get(at);
    if (intact !== undefined && compareBallots(intact.ballot, ballot) >= 0) continue;
    faulty.set(at, higher(ballot, faulty.get(at) ?? null));
  }
  return [...faulty].map(([at, ballot]) => ({ slot: at, ballot }));
}

function higher(ballot: Ballot, other: Ballot | null): Ballot {
  return other === null ? ballot : higherBallot(ballot, other);
}

interface Found {
  readonly entries: ReadonlyMap<Slot, Entry>;
  readonly faulty: readonly FaultySlot[];
  readonly faultyAnywhere: boolean;
}

/**
 * Up to where `entries` are what was chosen. An intact record is not enough: it may be an earlier
 * proposal that lost, and the damaged one what was chosen. So nothing counts from the first faulty
 * slot on, and nothing at all when a lost record may have been any slot's.
 */
function lastSure({ entries, faulty, faultyAnywhere }: Found, floor: Slot, mark: Slot): Slot {
  if (faultyAnywhere) return floor;
  const damaged = new Set(faulty.map((fault) => fault.slot));
  let last = floor;
  for (let next = slot(last + 1); next <= mark && entries.has(next); next = slot(next + 1)) {
    if (damaged.has(next)) break;
    last = next;
  }
  return last;
}
