/**
 * What the core wants to have on disk, as WAL records and metadata.
 *
 * | fact                | where                                                        |
 * | accepted no-op      | WAL record, type 1: slot and ballot in the header, no payload |
 * | accepted batch      | WAL record, type 2: the value's payload as it is             |
 * | accepted membership | WAL record, type 3: the value's payload as it is             |
 * | chosen mark         | WAL record, type 4: the index in the slot field, `above` in the round's; rides along with the next append |
 * | promise, floor, memberships, whether records were lost | metadata (durable-state.ts)                          |
 *
 * A failed write or sync is never tried again: `onFailure` must end the process (faults rule 30).
 */
import type { Metadata } from "../../wal/metadata.ts";
import type { Wal, WalRecord } from "../../wal/wal.ts";
import { BALLOT_ZERO } from "../paxos/ballot.ts";
import type { PersistRecord } from "../paxos/effects.ts";
import type { Entry, Slot, Value } from "../paxos/types.ts";
import { type DurableState, encodeDurableState } from "./durable-state.ts";

export const RECORD_TYPES = { noop: 1, batch: 2, membership: 3, chosen: 4 } as const;

const GROUP = 0;
const EMPTY = new Uint8Array(0);

type ChosenMark = Extract<PersistRecord, { kind: "chosen" }>;

export interface JournalParts {
  readonly wal: Wal;
  readonly metadata: Metadata;
  readonly state: DurableState;
  /** Everything up to this sequence is durable. */
  readonly onDurable: (sequence: number) => void;
  readonly onFailure: (error: unknown) => void;
}

export class Journal {
  readonly #wal: Wal;
  readonly #metadata: Metadata;
  readonly #onDurable: (sequence: number) => void;
  readonly #onFailure: (error: unknown) => void;
  #state: DurableState;
  #chosenMark: ChosenMark | null = null;
  /** Metadata is written one state after the other. */
  #metadataTail: Promise<void> = Promise.resolve();
  /** Sequences are reported in order, whichever file was faster. */
  #durableTail: Promise<void> = Promise.resolve();
  /** Segments below the floor go one truncation after the other; nothing waits for it but close. */
  #removalTail: Promise<void> = Promise.resolve();

  constructor(parts: JournalParts) {
    this.#wal = parts.wal;
    this.#metadata = parts.metadata;
    this.#state = parts.state;
    this.#onDurable = parts.onDurable;
    this.#onFailure = parts.onFailure;
  }

  /** Takes the records of one turn; `sequence` is reported when all of them are durable. */
  persist(records: readonly PersistRecord[], sequence: number): void {
    const appends: WalRecord[] = [];
    const work: Promise<void>[] = [];
    for (const record of records) {
      switch (record.kind) {
        case "accepted":
          appends.push(acceptedRecord(record.entry));
          break;
        case "chosen":
          this.#chosenMark = record;
          break;
        case "promised":
          work.push(this.#writeState({ ...this.#state, promised: record.ballot }));
          break;
        case "memberships":
          work.push(this.#writeState({ ...this.#state, memberships: record.memberships }));
          break;
        case "repaired":
          work.push(this.#writeState({ ...this.#state, lostRecords: false }));
          break;
        case "truncated":
          work.push(this.#truncate(record.floor, { ...this.#state, ...floorOf(record) }));
          break;
      }
    }
    if (appends.length > 0) work.push(this.#append(appends));
    if (work.length === 0) return;
    this.#durableTail = Promise.all([this.#durableTail, ...work]).then(() => {
      this.#onDurable(sequence);
    });
    this.#durableTail.catch(this.#onFailure);
  }

  /** Resolves when everything handed over so far is durable. */
  flushed(): Promise<void> {
    return this.#durableTail;
  }

  /** Waits for what is under way, writes the last chosen mark and closes the files. */
  async close(): Promise<void> {
    await this.#durableTail;
    await this.#removalTail;
    if (this.#chosenMark !== null) await this.#append([]);
    await this.#metadataTail;
    await this.#wal.close();
  }

  #append(records: WalRecord[]): Promise<void> {
    if (this.#chosenMark !== null) records.push(chosenRecord(this.#chosenMark));
    this.#chosenMark = null;
    return this.#wal.append(records);
  }

  #writeState(state: DurableState): Promise<void> {
    this.#state = state;
    this.#metadataTail = this.#metadataTail.then(() =>
      this.#metadata.write(encodeDurableState(state)),
    );
    return this.#metadataTail;
  }

  /** The floor is durable before the first byte goes (architecture, section 3, deletion). */
  #truncate(floor: Slot, state: DurableState): Promise<void> {
    const floorDurable = this.#writeState(state);
    this.#removalTail = Promise.all([this.#removalTail, floorDurable]).then(() =>
      this.#wal.truncateBelow(floor),
    );
    this.#removalTail.catch(this.#onFailure);
    return floorDurable;
  }
}

function floorOf(record: Extract<PersistRecord, { kind: "truncated" }>) {
  return { truncationFloor: record.floor, memberships: record.memberships };
}

function acceptedRecord(entry: Entry): WalRecord {
  return {
    type: RECORD_TYPES[entry.value.kind],
    group: GROUP,
    slot: entry.slot,
    ballotRound: entry.ballot.round,
    ballotNode: entry.ballot.node,
    payload: entry.value.payload,
  };
}

function chosenRecord({ index, above }: ChosenMark): WalRecord {
  return {
    type: RECORD_TYPES.chosen,
    group: GROUP,
    slot: index,
    ballotRound: above,
    ballotNode: BALLOT_ZERO.node,
    payload: EMPTY,
  };
}

/** The kind of value that a record type stands for, or null for other records. */
export function valueKindOf(type: number): Value["kind"] | null {
  switch (type) {
    case RECORD_TYPES.noop:
      return "noop";
    case RECORD_TYPES.batch:
      return "batch";
    case RECORD_TYPES.membership:
      return "membership";
    default:
      return null;
  }
}
