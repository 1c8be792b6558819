/**
 * One segment file: a header, then batches (batch.ts), each on a sector boundary.
 *
 *   wal/
 *     0000000000000007.wal   segments, numbered without gaps as they are made
 *     0000000000000008.wal   the highest is the active one: the only one that is written
 *     spare                  the next segment's file, already filled (spare.ts)
 *     head.a head.b          the highest number that was ever in use (head.ts)
 *
 * Life of a segment: the spare gets a header and, if there is one, its first batch; it is synced;
 * it is renamed to its number; the directory is synced; `head` is raised to it. So what carries a segment's name was whole
 * once: a short, empty or unreadable segment is damage, never the leftover of a crash. It is
 * active until the next one is made. It ends by removal, or by becoming the spare again.
 *
 * Segment header, 76 bytes, big endian, at 0 and once more at 512 (two sectors, two copies):
 *
 * | at | bytes | field |
 * | -- | ----- | ----- |
 * |  0 |   8   | magic "SYNODWAL" |
 * |  8 |   4   | format version |
 * | 12 |   4   | CRC-32 of bytes 8..11 and 16..75 |
 * | 16 |   8   | segment number |
 * | 24 |   8   | salt |
 * | 32 |   8   | first sequence: batches from here on are in this segment or later, whatever earlier segments hold |
 * | 40 |   8   | proven sequence: batches up to here were durable before this segment had its name |
 * | 48 |   8   | log start |
 * | 56 |   8   | capacity: length of the file |
 * | 64 |   4   | checksum of the batch before the first sequence; 0 if not known |
 * | 68 |   4   | number of records in it |
 * | 72 |   4   | zero |
 */
import { join } from "node:path";
import { assert } from "../src/base/assert.ts";
import { crc32 } from "../src/base/checksum.ts";
import type { File, Files } from "../src/base/files.ts";
import { SECTOR_BYTES, type SegmentIdentity } from "./batch.ts";
import { getU64, setU64, viewOf } from "./record.ts";

const WAL_FORMAT_VERSION = 1;
/** Where the first batch stands: behind both copies of the header. */
export const SEGMENT_HEADER_BYTES = 2 * SECTOR_BYTES;
const HEADER_FIELDS_BYTES = 76;
const MAGIC = new TextEncoder().encode("SYNODWAL");

/** Raised when a log was written by a version of this program that this one cannot read. */
export class WalFormatError extends Error {
  override readonly name = "WalFormatError";
}

export interface SegmentHeader {
  readonly segment: SegmentIdentity;
  readonly firstSequence: number;
  readonly provenSequence: number;
  readonly logStart: number;
  readonly capacity: number;
  readonly previousChecksum: number;
  readonly previousRecords: number;
}

/** The active segment: appends batches at its end. */
export class Segment {
  readonly header: SegmentHeader;
  readonly #file: File;
  #endOffset: number;

  private constructor(header: SegmentHeader, file: File, endOffset: number) {
    this.header = header;
    this.#file = file;
    this.#endOffset = endOffset;
  }

  /**
   * Turns the file at `sparePath` into a segment that holds `first`, already durable in file and
   * directory when the promise resolves.
   */
  static async create(
    place: { readonly files: Files; readonly directory: string; readonly sparePath: string },
    header: SegmentHeader,
    first: Uint8Array | null,
  ): Promise<Segment> {
    const { files, directory, sparePath } = place;
    const file = await files.open(sparePath, "write");
    await file.write(0, encodeSegmentHeader(header));
    if (first !== null) await file.write(SEGMENT_HEADER_BYTES, first);
    await file.sync();
    await file.close();
    const path = segmentPath(directory, header.segment.number);
    await files.rename(sparePath, path);
    await files.syncDirectory(directory);
    const appended = await files.open(path, "durable");
    return new Segment(header, appended, SEGMENT_HEADER_BYTES + (first?.length ?? 0));
  }

  /** Where the next batch will stand. */
  get endOffset(): number {
    return this.#endOffset;
  }

  /** Whether a batch of `length` bytes still fits. */
  fits(length: number): boolean {
    return this.#endOffset + length <= this.header.capacity;
  }

  /** Writes one encoded batch at the end, durably. */
  async append(bytes: Uint8Array): Promise<void> {
    assert(bytes.length % SECTOR_BYTES === 0, "a batch fills whole sectors");
    assert(this.fits(bytes.length), "a batch fits its segment");
    await this.#file.write(this.#endOffset, bytes);
    this.#endOffset += bytes.length;
  }

  async close(): Promise<void> {
    await this.#file.close();
  }
}

const SEGMENT_NAME = /^(\d{16})\.wal$/;

export function segmentPath(directory: string, number: number): string {
  return join(directory, `${String(number).padStart(16, "0")}.wal`);
}

/** The number in a segment's file name; null for other names. */
export function segmentNumber(name: string): number | null {
  const digits = SEGMENT_NAME.exec(name)?.[1];
  if (digits === undefined) return null;
  const number = Number(digits);
  return Number.isSafeInteger(number) && number > 0 ? number : null;
}

/** Both copies, as they stand at the start of the file. */
function encodeSegmentHeader(header: SegmentHeader): Uint8Array {
  const bytes = new Uint8Array(SEGMENT_HEADER_BYTES);
  const view = viewOf(bytes);
  bytes.set(MAGIC);
  view.setUint32(8, WAL_FORMAT_VERSION);
  setU64(view, 16, header.segment.number);
  setU64(view, 24, header.segment.salt);
  setU64(view, 32, header.firstSequence);
  setU64(view, 40, header.provenSequence);
  setU64(view, 48, header.logStart);
  setU64(view, 56, header.capacity);
  view.setUint32(64, header.previousChecksum);
  view.setUint32(68, header.previousRecords);
  view.setUint32(12, headerChecksum(bytes, 0));
  bytes.copyWithin(SECTOR_BYTES, 0, SECTOR_BYTES);
  return bytes;
}

/**
 * The header of segment `number`, from whichever copy is intact; null if none is. Throws
 * WalFormatError if an intact copy says another format version.
 */
export function readSegmentHeader(bytes: Uint8Array, number: number): SegmentHeader | null {
  return readHeaderCopy(bytes, 0, number) ?? readHeaderCopy(bytes, SECTOR_BYTES, number);
}

function readHeaderCopy(bytes: Uint8Array, at: number, number: number): SegmentHeader | null {
  if (at + HEADER_FIELDS_BYTES > bytes.length) return null;
  if (!MAGIC.every((byte, index) => bytes[at + index] === byte)) return null;
  const view = viewOf(bytes);
  if (view.getUint32(at + 12) !== headerChecksum(bytes, at)) return null;
  const version = view.getUint32(at + 8);
  if (version !== WAL_FORMAT_VERSION) {
    throw new WalFormatError(
      `WAL segment ${number} has format version ${version}; this program reads version ${WAL_FORMAT_VERSION}`,
    );
  }
  if (getU64(view, at + 16) !== number) return null;
  return {
    segment: { number, salt: getU64(view, at + 24) },
    firstSequence: getU64(view, at + 32),
    provenSequence: getU64(view, at + 40),
    logStart: getU64(view, at + 48),
    capacity: getU64(view, at + 56),
    previousChecksum: view.getUint32(at + 64),
    previousRecords: view.getUint32(at + 68),
  };
}

function headerChecksum(bytes: Uint8Array, at: number): number {
  const version = crc32(bytes.subarray(at + 8, at + 12));
  return crc32(bytes.subarray(at + 16, at + HEADER_FIELDS_BYTES), version);
}
