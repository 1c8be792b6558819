/**
 * Reads one segment's bytes and says what stands in it, without deciding what it means
 * (recovery.ts does). Walks sector by sector: where a batch header is intact its batch is read and
 * stepped over; where only the batch header is lost, the record headers behind it still tell the
 * batch (they carry sequence and count); anything else is stepped over by one sector.
 */
import { crc32 } from "../src/base/checksum.ts";
import {
  alignToSector,
  BATCH_HEADER_BYTES,
  type BatchHeader,
  readBatchHeader,
  SECTOR_BYTES,
  segmentSeed,
} from "./batch.ts";
import {
  RECORD_HEADER_BYTES,
  type RecordHeader,
  type RecordIdentity,
  readRecordHeader,
  type WalRecord,
} from "./record.ts";
import { readSegmentHeader, SEGMENT_HEADER_BYTES, type SegmentHeader } from "./segment.ts";

export interface SegmentScan {
  readonly number: number;
  /** Null if both copies are unreadable. */
  readonly header: SegmentHeader | null;
  /** In the order of the file; sequences rise. */
  readonly batches: readonly FoundBatch[];
  readonly sizeBytes: number;
  /** Behind the last batch that was found. */
  readonly endOffset: number;
  /** The sectors that the disk could not read; blank in what was scanned. */
  readonly unreadable: ReadonlySet<number>;
}

export interface FoundBatch {
  readonly sequence: number;
  readonly offset: number;
  readonly endOffset: number;
  /** Null if only record headers told the batch. */
  readonly header: BatchHeader | null;
  readonly records: readonly FoundRecord[];
  /** Header and all records are readable. */
  readonly intact: boolean;
}

export type FoundRecord =
  | { readonly kind: "intact"; readonly record: WalRecord }
  | {
      readonly kind: "damaged";
      readonly identity: RecordIdentity | null;
      readonly offset: number;
      readonly reason: string;
    };

/** Scans the whole content of the file of segment `number`. Throws WalFormatError on another version. */
export function scanSegment(
  bytes: Uint8Array,
  number: number,
  unreadable: ReadonlySet<number> = new Set(),
): SegmentScan {
  const header = readSegmentHeader(bytes, number);
  const salt = header?.segment.salt ?? findSalt(bytes, number);
  const batches = salt === null ? [] : findBatches(bytes, { number, salt });
  const endOffset = batches.at(-1)?.endOffset ?? Math.min(SEGMENT_HEADER_BYTES, bytes.length);
  return { number, header, batches, sizeBytes: bytes.length, endOffset, unreadable };
}

/** Whether the disk refused a part of the bytes from `from` up to, not including, `to`. */
export function isRefused({ unreadable }: SegmentScan, from: number, to: number): boolean {
  const last = Math.ceil(to / SECTOR_BYTES);
  for (let sector = Math.floor(from / SECTOR_BYTES); sector < last; sector += 1) {
    if (unreadable.has(sector)) return true;
  }
  return false;
}

/** The salt of a segment whose own header is lost, from its first readable batch. */
function findSalt(bytes: Uint8Array, number: number): number | null {
  for (let at = SEGMENT_HEADER_BYTES; at < bytes.length; at += SECTOR_BYTES) {
    const header = readBatchHeader(bytes, at, number, null);
    if (header !== null) return header.segment.salt;
  }
  return null;
}

function findBatches(
  bytes: Uint8Array,
  segment: { readonly number: number; readonly salt: number },
): FoundBatch[] {
  const seed = segmentSeed(segment);
  const batches: FoundBatch[] = [];
  let sequence = 0;
  let at = SEGMENT_HEADER_BYTES;
  while (at < bytes.length) {
    const header = readBatchHeader(bytes, at, segment.number, segment.salt);
    const batch = readBatch(bytes, at, header, seed);
    if (batch !== null && batch.sequence > sequence) {
      batches.push(batch);
      sequence = batch.sequence;
      at = batch.endOffset;
    } else {
      at += SECTOR_BYTES;
    }
  }
  return batches;
}

/** The batch at `at` as far as it can be read; null if neither its header nor its first record header can. */
function readBatch(
  bytes: Uint8Array,
  at: number,
  header: BatchHeader | null,
  seed: number,
): FoundBatch | null {
  const directoryAt = at + BATCH_HEADER_BYTES;
  const told = header ?? toldByFirstRecord(readRecordHeader(bytes, directoryAt, seed));
  if (told === null) return null;
  const { sequence, records: count } = told;
  const { records, endOffset } = readRecords(bytes, directoryAt, { sequence, count, seed });
  const whole = header !== null && directoryHolds(bytes, header);
  return {
    sequence,
    offset: at,
    endOffset: alignToSector(Math.max(endOffset, at + (header?.bytes ?? 0))),
    header,
    records,
    intact: whole && records.every((record) => record.kind === "intact"),
  };
}

/** What the first record header says of a batch whose own header is lost. */
function toldByFirstRecord(
  first: RecordHeader | null,
): { readonly sequence: number; readonly records: number } | null {
  return first?.index === 0 ? { sequence: first.sequence, records: first.count } : null;
}

function readRecords(
  bytes: Uint8Array,
  directoryAt: number,
  batch: { readonly sequence: number; readonly count: number; readonly seed: number },
): { records: FoundRecord[]; endOffset: number } {
  const records: FoundRecord[] = [];
  let endOffset = directoryAt + batch.count * RECORD_HEADER_BYTES;
  for (let index = 0; index < batch.count; index += 1) {
    const place = directoryAt + index * RECORD_HEADER_BYTES;
    const found = readRecordHeader(bytes, place, batch.seed);
    const own = found?.sequence === batch.sequence && found.index === index ? found : null;
    records.push(readRecord(bytes, own, place));
    if (own !== null) endOffset = Math.max(endOffset, own.payloadOffset + own.payloadBytes);
  }
  return { records, endOffset };
}

function readRecord(bytes: Uint8Array, header: RecordHeader | null, place: number): FoundRecord {
  if (header === null) {
    return damaged(null, place, "record header unreadable");
  }
  const { type, group, slot, ballotRound, ballotNode, payloadOffset, payloadBytes } = header;
  const identity = { type, group, slot, ballotRound, ballotNode };
  if (payloadOffset + payloadBytes > bytes.length) {
    return damaged(identity, payloadOffset, "payload lies behind the end of the file");
  }
  const payload = bytes.slice(payloadOffset, payloadOffset + payloadBytes);
  if (crc32(payload) !== header.payloadChecksum) {
    return damaged(identity, payloadOffset, "payload checksum does not match");
  }
  return { kind: "intact", record: { ...identity, payload } };
}

function damaged(identity: RecordIdentity | null, offset: number, reason: string): FoundRecord {
  return { kind: "damaged", identity, offset, reason };
}

function directoryHolds(bytes: Uint8Array, header: BatchHeader): boolean {
  const start = header.offset + BATCH_HEADER_BYTES;
  const directory = bytes.subarray(start, start + header.records * RECORD_HEADER_BYTES);
  return crc32(directory) === header.directoryChecksum;
}
