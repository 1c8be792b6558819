/**
 * One batch: what one sync makes durable. A batch begins on a sector boundary, so writing it never
 * touches a sector that an earlier sync made durable. A batch without records is a seal.
 *
 *   | batch header | record headers (64 bytes each) | payloads, one behind the other | zeros up to the sector's end |
 *
 * Batch header, 64 bytes, big endian:
 *
 * | at | bytes | field |
 * | -- | ----- | ----- |
 * |  0 |   4   | magic "SWB1" |
 * |  4 |   4   | CRC-32 of bytes 8..63: the batch's checksum |
 * |  8 |   8   | segment number |
 * | 16 |   8   | the segment's salt |
 * | 24 |   8   | sequence: 1 for the log's first batch, rising over all segments |
 * | 32 |   8   | log start: lower sequences were truncated on purpose |
 * | 40 |   4   | offset of this header in the file |
 * | 44 |   4   | length of the batch without the zeros at its end |
 * | 48 |   4   | number of records |
 * | 52 |   4   | number of records in the batch before |
 * | 56 |   4   | checksum of the batch before; 0 if it is not known |
 * | 60 |   4   | CRC-32 of the directory (all record headers) |
 *
 * Invariants:
 * 1. Batch n is written only after the sync of batch n - 1 returned. So the header of batch n, and
 *    any record header of it, proves that batches 1..n-1 were durable.
 * 2. No place in a file is written twice in one life of a segment (a life has its own salt). So a
 *    header with the right segment, salt and offset is not stale.
 */
import { assert } from "../src/base/assert.ts";
import { crc32 } from "../src/base/checksum.ts";
import {
  getU64,
  RECORD_HEADER_BYTES,
  setU64,
  viewOf,
  type WalRecord,
  writeRecordHeader,
} from "./record.ts";

/** The unit that a disk writes whole or not at all. */
export const SECTOR_BYTES = 512;
export const BATCH_HEADER_BYTES = 64;
const BATCH_MAGIC = 0x53574231;
const BATCH_BYTES_MAX = 0xffff_0000;

/** One life of one segment file. */
export interface SegmentIdentity {
  readonly number: number;
  /** Random: tells this life of the file from earlier ones, and cannot be guessed by clients. */
  readonly salt: number;
}

/** How a batch continues the log. */
export interface BatchLink {
  readonly sequence: number;
  readonly logStart: number;
  /** Of the batch before; 0 if it is not known. */
  readonly previousChecksum: number;
  readonly previousRecords: number;
}

export interface BatchHeader extends BatchLink {
  readonly checksum: number;
  readonly segment: SegmentIdentity;
  readonly offset: number;
  /** Length without the zeros at its end. */
  readonly bytes: number;
  readonly records: number;
  readonly directoryChecksum: number;
}

export interface EncodedBatch {
  /** A multiple of SECTOR_BYTES. */
  readonly bytes: Uint8Array;
  readonly checksum: number;
}

/** Length on disk, zeros included. */
export function batchBytes(records: readonly WalRecord[]): number {
  let length = BATCH_HEADER_BYTES + records.length * RECORD_HEADER_BYTES;
  for (const record of records) length += record.payload.length;
  return alignToSector(length);
}

/** The batch as it stands at `offset` of the segment's file. Copies each payload once. */
export function encodeBatch(
  records: readonly WalRecord[],
  link: BatchLink,
  segment: SegmentIdentity,
  offset: number,
): EncodedBatch {
  const total = batchBytes(records);
  assert(offset + total <= BATCH_BYTES_MAX, `batch of ${total} bytes is above the format's limit`);
  const bytes = Buffer.allocUnsafe(total);
  const end = writeRecords(bytes, records, link.sequence, { segment, offset });
  bytes.fill(0, end);
  const directoryEnd = BATCH_HEADER_BYTES + records.length * RECORD_HEADER_BYTES;
  const view = viewOf(bytes);
  view.setUint32(0, BATCH_MAGIC);
  setU64(view, 8, segment.number);
  setU64(view, 16, segment.salt);
  setU64(view, 24, link.sequence);
  setU64(view, 32, link.logStart);
  view.setUint32(40, offset);
  view.setUint32(44, end);
  view.setUint32(48, records.length);
  view.setUint32(52, link.previousRecords);
  view.setUint32(56, link.previousChecksum);
  view.setUint32(60, crc32(bytes.subarray(BATCH_HEADER_BYTES, directoryEnd)));
  const checksum = crc32(bytes.subarray(8, BATCH_HEADER_BYTES));
  view.setUint32(4, checksum);
  return { bytes, checksum };
}

/** Writes directory and payloads; answers where the payloads end. */
function writeRecords(
  bytes: Uint8Array,
  records: readonly WalRecord[],
  sequence: number,
  place: { readonly segment: SegmentIdentity; readonly offset: number },
): number {
  const seed = segmentSeed(place.segment);
  let payloadAt = BATCH_HEADER_BYTES + records.length * RECORD_HEADER_BYTES;
  records.forEach((record, index) => {
    // Written out: a spread with more behind it is made field by field, and slowly, by the engine.
    const header = {
      type: record.type,
      group: record.group,
      slot: record.slot,
      ballotRound: record.ballotRound,
      ballotNode: record.ballotNode,
      index,
      count: records.length,
      sequence,
      payloadChecksum: crc32(record.payload),
      payloadOffset: place.offset + payloadAt,
      payloadBytes: record.payload.length,
    };
    writeRecordHeader(bytes, BATCH_HEADER_BYTES + index * RECORD_HEADER_BYTES, header, seed);
    bytes.set(record.payload, payloadAt);
    payloadAt += record.payload.length;
  });
  return payloadAt;
}

/**
 * The batch header at `at` if one was written there in this life of segment `number`, else null.
 * A null `salt` accepts any life: for segments whose own header is unreadable.
 */
export function readBatchHeader(
  bytes: Uint8Array,
  at: number,
  number: number,
  salt: number | null,
): BatchHeader | null {
  if (at + BATCH_HEADER_BYTES > bytes.length) return null;
  const view = viewOf(bytes);
  if (view.getUint32(at) !== BATCH_MAGIC) return null;
  const checksum = view.getUint32(at + 4);
  if (checksum !== crc32(bytes.subarray(at + 8, at + BATCH_HEADER_BYTES))) return null;
  const segment = { number: getU64(view, at + 8), salt: getU64(view, at + 16) };
  if (segment.number !== number || (salt !== null && segment.salt !== salt)) return null;
  if (view.getUint32(at + 40) !== at) return null;
  return {
    checksum,
    segment,
    sequence: getU64(view, at + 24),
    logStart: getU64(view, at + 32),
    offset: at,
    bytes: view.getUint32(at + 44),
    records: view.getUint32(at + 48),
    previousRecords: view.getUint32(at + 52),
    previousChecksum: view.getUint32(at + 56),
    directoryChecksum: view.getUint32(at + 60),
  };
}

/** What the checksums of a segment's record headers start from. */
export function segmentSeed(segment: SegmentIdentity): number {
  const bytes = new Uint8Array(16);
  const view = viewOf(bytes);
  setU64(view, 0, segment.number);
  setU64(view, 8, segment.salt);
  return crc32(bytes);
}

export function alignToSector(length: number): number {
  return Math.ceil(length / SECTOR_BYTES) * SECTOR_BYTES;
}
