/**
 * The small state that must outlive the log's records: kept in two checksummed copies beside the
 * WAL (wal/metadata.ts), because it cannot be had from other nodes (faults rule 29).
 *
 *   u8  format version (2)
 *   ballot promised            12 bytes
 *   u64 truncation floor
 *   memberships                as writeMemberships writes them
 *   u8  1 if records were lost, else 0; not in version 1, where it stands for 0
 */
import { ByteReader, ByteWriter, MalformedError } from "../base/bytes.ts";
import { type Ballot, readBallot, writeBallot } from "../paxos/ballot.ts";
import { decodeMembership, encodeMembership } from "../paxos/membership.ts";
import { type GoverningMembership, type Slot, slot } from "../paxos/types.ts";

export interface DurableState {
  /** The highest ballot promised; records of accepted entries may carry higher ones. */
  readonly promised: Ballot;
  readonly truncationFloor: Slot;
  /** In force at floor + 1, and those that were known to come later. */
  readonly memberships: readonly GoverningMembership[];
  /**
   * The log once lost records of which not even the slot is known, and this node has not repaired
   * since. It outlives the damaged segment: what was lost may lie above everything that is there,
   * and above the floor at which the segment goes.
   */
  readonly lostRecords: boolean;
}

const FORMAT_VERSION = 2;
const WITHOUT_LOST_RECORDS = 1;

export function encodeDurableState(state: DurableState): Uint8Array {
  const writer = new ByteWriter().u8(FORMAT_VERSION);
  writeBallot(writer, state.promised);
  writer.u64(state.truncationFloor);
  writeMemberships(writer, state.memberships);
  return writer.u8(state.lostRecords ? 1 : 0).finish();
}

/** Throws MalformedError on bytes that encodeDurableState did not write. */
export function decodeDurableState(bytes: Uint8Array): DurableState {
  const reader = new ByteReader(bytes);
  const version = reader.u8();
  if (version !== FORMAT_VERSION && version !== WITHOUT_LOST_RECORDS)
    throw new MalformedError(`state format ${version}`);
  const promised = readBallot(reader);
  const truncationFloor = slot(reader.u64());
  const memberships = readMemberships(reader);
  const lostRecords = version !== WITHOUT_LOST_RECORDS && reader.u8() === 1;
  reader.end();
  return { promised, truncationFloor, memberships, lostRecords };
}

/** u16 count, then for each: u64 first slot, the encoded membership behind its length. */
export function writeMemberships(
  writer: ByteWriter,
  memberships: readonly GoverningMembership[],
): void {
  writer.u16(memberships.length);
  for (const { fromSlot, membership } of memberships) {
    writer.u64(fromSlot).bytes(encodeMembership(membership));
  }
}

export function readMemberships(reader: ByteReader): GoverningMembership[] {
  const memberships: GoverningMembership[] = [];
  for (let left = reader.u16(); left > 0; left -= 1) {
    const fromSlot = slot(reader.u64());
    memberships.push({ fromSlot, membership: decodeMembership(reader.bytes()) });
  }
  return memberships;
}
