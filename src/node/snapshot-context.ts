/**
 * What a snapshot's manifest carries beside the files, for the node that installs it: u8 format
 * version (1), then the memberships in force at snapshot index + 1 and those known to come later
 * (faults rule 34).
 */
import { ByteReader, ByteWriter, MalformedError } from "../base/bytes.ts";
import type { GoverningMembership } from "../paxos/types.ts";
import { readMemberships, writeMemberships } from "./durable-state.ts";

const FORMAT_VERSION = 1;

export function encodeSnapshotContext(memberships: readonly GoverningMembership[]): Uint8Array {
  const writer = new ByteWriter().u8(FORMAT_VERSION);
  writeMemberships(writer, memberships);
  return writer.finish();
}

/** Throws MalformedError on bytes that encodeSnapshotContext did not write. */
export function decodeSnapshotContext(bytes: Uint8Array): readonly GoverningMembership[] {
  const reader = new ByteReader(bytes);
  const version = reader.u8();
  if (version !== FORMAT_VERSION) throw new MalformedError(`snapshot context format ${version}`);
  const memberships = readMemberships(reader);
  reader.end();
  return memberships;
}
