/**
 * The small state that must outlive the log's records: kept in two checksummed copies beside the
 * WAL (wal/metadata.ts), because it cannot be had from other nodes (faults rule 29).
 *
 *   u8  format version (1)
 *   ballot promised            12 bytes
 *   u64 truncation floor
 *   memberships                as writeMemberships writes them
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
}

const FORMAT_VERSION = 1;

export function encodeDurableState(state: DurableState): Uint8Array {
  const writer = new ByteWriter().u8(FORMAT_VERSION);
  writeBallot(writer, state.promised);
  writer.u64(state.truncationFloor);
  writeMemberships(writer, state.memberships);
  return writer.finish();
}

/** Throws MalformedError on bytes that encodeDurableState did not write. */
export function decodeDurableState(bytes: Uint8Array): DurableState {
  const reader = new ByteReader(bytes);
  const version = reader.u8();
  if (version !== FORMAT_VERSION) throw new MalformedError(`state format ${version}`);
  const promised = readBallot(reader);
  const truncationFloor = slot(reader.u64());
  const memberships = readMemberships(reader);
  reader.end();
  return { promised, truncationFloor, memberships };
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
