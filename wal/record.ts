/**
 * One record of the log, as bytes. A record is in two places of its batch (batch.ts): a header of
 * fixed size in the batch's directory, and its payload behind the directory. Each has a checksum
 * of its own, so a rotten payload still says which slot and ballot it was (faults rule 26).
 *
 * Record header, 64 bytes, big endian:
 *
 * | at | bytes | field |
 * | -- | ----- | ----- |
 * |  0 |   4   | CRC-32 of bytes 4..63, seeded with the segment's seed: a header of another segment, or of this file's earlier life, fails |
 * |  4 |   4   | index of the record in its batch, from 0 |
 * |  8 |   4   | number of records in the batch |
 * | 12 |   1   | type, 1..255 |
 * | 13 |   1   | zero |
 * | 14 |   2   | group |
 * | 16 |   8   | sequence of the batch |
 * | 24 |   8   | slot |
 * | 32 |   8   | ballot round |
 * | 40 |   4   | ballot node |
 * | 44 |   4   | CRC-32 of the payload |
 * | 48 |   4   | offset of the payload in the file |
 * | 52 |   4   | length of the payload |
 * | 56 |   8   | zero |
 */
import { assert } from "../src/base/assert.ts";
import { crc32 } from "../src/base/checksum.ts";

/** What the caller stores. The numbers' meaning is the caller's, but for `slot` in truncation. */
export interface WalRecord extends RecordIdentity {
  readonly payload: Uint8Array;
}

/** What a record says of itself even when its payload is damaged. */
export interface RecordIdentity {
  /** 1..255. */
  readonly type: number;
  /** 0..65535. */
  readonly group: number;
  /** 0 where the record concerns no slot; at most 2^53 - 1. */
  readonly slot: number;
  /** At most 2^53 - 1. */
  readonly ballotRound: number;
  /** At most 2^32 - 1. */
  readonly ballotNode: number;
}

/** A record's entry in its batch's directory. */
export interface RecordHeader extends RecordIdentity {
  readonly index: number;
  readonly count: number;
  readonly sequence: number;
  readonly payloadChecksum: number;
  /** Offset in the file. */
  readonly payloadOffset: number;
  readonly payloadBytes: number;
}

export const RECORD_HEADER_BYTES = 64;
const RECORD_PAYLOAD_BYTES_MAX = 256 * 1024 * 1024;

/** Asserts that every field of `record` fits its place on disk. */
export function assertRecord(record: WalRecord): void {
  const { type, group, slot, ballotRound, ballotNode, payload } = record;
  assert(Number.isInteger(type) && type >= 1 && type <= 0xff, `record type out of range: ${type}`);
  assert(
    Number.isInteger(group) && group >= 0 && group <= 0xffff,
    `record group out of range: ${group}`,
  );
  assert(Number.isSafeInteger(slot) && slot >= 0, `record slot out of range: ${slot}`);
  assert(
    Number.isSafeInteger(ballotRound) && ballotRound >= 0,
    `record ballot round out of range: ${ballotRound}`,
  );
  assert(
    Number.isInteger(ballotNode) && ballotNode >= 0 && ballotNode <= 0xffffffff,
    `record ballot node out of range: ${ballotNode}`,
  );
  assert(
    payload.length <= RECORD_PAYLOAD_BYTES_MAX,
    `record payload above its limit: ${payload.length} bytes`,
  );
}

/** Writes `header` at `at`; `seed` is the segment's (batch.ts). */
export function writeRecordHeader(
  bytes: Uint8Array,
  at: number,
  header: RecordHeader,
  seed: number,
): void {
  const view = viewOf(bytes);
  view.setUint32(at + 4, header.index);
  view.setUint32(at + 8, header.count);
  view.setUint8(at + 12, header.type);
  view.setUint8(at + 13, 0);
  view.setUint16(at + 14, header.group);
  setU64(view, at + 16, header.sequence);
  setU64(view, at + 24, header.slot);
  setU64(view, at + 32, header.ballotRound);
  view.setUint32(at + 40, header.ballotNode);
  view.setUint32(at + 44, header.payloadChecksum);
  view.setUint32(at + 48, header.payloadOffset);
  view.setUint32(at + 52, header.payloadBytes);
  setU64(view, at + 56, 0);
  view.setUint32(at, crc32(bytes.subarray(at + 4, at + RECORD_HEADER_BYTES), seed));
}

/** The header at `at`, or null if there is none that belongs to this segment. */
export function readRecordHeader(bytes: Uint8Array, at: number, seed: number): RecordHeader | null {
  if (at + RECORD_HEADER_BYTES > bytes.length) return null;
  const view = viewOf(bytes);
  // Most sectors of a fresh file are blank: not worth a checksum.
  if (view.getUint32(at + 4) >= view.getUint32(at + 8)) return null;
  if (view.getUint32(at) !== crc32(bytes.subarray(at + 4, at + RECORD_HEADER_BYTES), seed)) {
    return null;
  }
  return {
    index: view.getUint32(at + 4),
    count: view.getUint32(at + 8),
    type: view.getUint8(at + 12),
    group: view.getUint16(at + 14),
    sequence: getU64(view, at + 16),
    slot: getU64(view, at + 24),
    ballotRound: getU64(view, at + 32),
    ballotNode: view.getUint32(at + 40),
    payloadChecksum: view.getUint32(at + 44),
    payloadOffset: view.getUint32(at + 48),
    payloadBytes: view.getUint32(at + 52),
  };
}

/** Big-endian 64-bit counter of at most 2^53 - 1. */
export function setU64(view: DataView, at: number, value: number): void {
  view.setUint32(at, Math.floor(value / 0x1_0000_0000));
  view.setUint32(at + 4, value % 0x1_0000_0000);
}

/** The counter that setU64 wrote. */
export function getU64(view: DataView, at: number): number {
  return view.getUint32(at) * 0x1_0000_0000 + view.getUint32(at + 4);
}

export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
