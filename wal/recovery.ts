/**
 * Decides what a log's files mean after a stop of any kind. Reads only; wal.ts then continues the
 * log in a fresh segment.
 *
 * Batches are numbered without gaps over all segments. `proven` is the highest sequence that
 * something written later shows to have been durable: the header of batch n proves n - 1, and a
 * segment header says what it proves (segment.ts).
 *
 * | row | what is found                                              | decision | reason |
 * | --- | ---------------------------------------------------------- | -------- | ------ |
 * | A | no segment at all, and none that `head` knows                  | new log | whether there should have been one, the caller's metadata knows |
 * | B | batch intact, sequence <= proven                             | deliver | |
 * | C | batch intact, sequence = proven + 1 (the last)               | deliver, and write it again to the fresh segment | it may have been acknowledged; the page cache may show what the disk does not have |
 * | D | last batch not proven and not intact, in the last segment    | drop as torn, as if it were never written | its sync never returned, or nothing shows that it did |
 * | D | last batch not proven and empty                             | drop likewise | it holds nothing |
 * | E | record damaged in a proven batch                             | report it, deliver the batch's other records | it was acknowledged; cutting here would lose it and all that follows |
 * | F | batch header lost, its record headers readable               | as if it were there | record headers carry sequence and count |
 * | G | sequences missing below proven                               | report one damage without identity; nothing if the next batch says that the lost one was a seal | lost batch, lost or misdirected write |
 * | H | batch of another segment, life or place                      | ignore | stale or misplaced; what should stand there is then missing: G |
 * | I | batch intact, but the next one names another checksum        | report all its records | stale but valid: a lost write |
 * | J | both copies of a segment's header lost                       | read its batches by their own headers; if there are none, report; D does not apply: the header may have proved the batch | no crash leaves this (segment.ts) |
 * | K | segment file missing, empty or of foreign content            | as J or G; the number is not used again | no crash leaves this |
 * | L | last segment shorter than its capacity, or missing though `head` (head.ts) knows it, or unreadable where its next batch would begin | report; D does not apply; one sequence is skipped, so that every later open reports it again | no crash leaves this |
 * | M | segment longer than its capacity                             | ignore what no batch claims | |
 * | N | batch with a sequence >= a later segment's first             | ignore | superseded: the later segment was begun with what recovery kept |
 * | O | segment wholly below the log start                           | remove | crash in the middle of a truncation |
 * | P | segment wholly superseded                                    | remove | crash, or idle life, right after an open |
 * | Q | other file names                                             | leave alone | not ours |
 * | R | another format version                                       | refuse to open | guessing would destroy it |
 * | S | sectors that the disk cannot read (EIO)                      | as if they held something else; a last batch with such a sector is reported, D does not apply | a torn write can be read |
 */

import { join } from "node:path";
import type { Files } from "../src/base/files.ts";
import { readReadable } from "./readable.ts";
import type { RecordIdentity, WalRecord } from "./record.ts";
import { type FoundBatch, isRefused, type SegmentScan, scanSegment } from "./scan.ts";
import { segmentNumber, segmentPath } from "./segment.ts";

/** Something that was durable once and cannot be read any more. */
export interface DamagedRecord {
  /** Segment number. */
  readonly segment: number;
  /** Offset in the segment's file. */
  readonly offset: number;
  /** Null if nothing says which records are lost: then the log's silence on any slot proves nothing. */
  readonly header: RecordIdentity | null;
  readonly reason: string;
}

/** A segment that stays. */
export interface KeptSegment {
  readonly number: number;
  readonly firstSequence: number;
  /** No record in it has a higher slot. */
  readonly highestSlot: number;
  /** Length of the file, after the cut if it is cut: a shorter one cannot be a segment again. */
  readonly bytes: number;
}

export interface SegmentCut {
  readonly number: number;
  readonly bytes: number;
}

/** What stands on disk and how to go on. */
export interface RecoveredLog {
  readonly records: readonly WalRecord[];
  readonly damaged: readonly DamagedRecord[];
  /** Length of the last batch if it was dropped as torn, as far as its remains tell. */
  readonly tornBytes: number;
  /** Highest segment number that was ever in use; 0 in a new log. */
  readonly highestNumber: number;
  readonly logStart: number;
  /** Sequence of the last batch delivered or reported; 0 in a new log. */
  readonly lastSequence: number;
  /** Of batch `lastSequence`; 0 if it is not known. */
  readonly lastChecksum: number;
  readonly lastRecords: number;
  /** The last batch, if it has records and nothing proves it durable (row C). */
  readonly unproven: FoundBatch | null;
  readonly kept: readonly KeptSegment[];
  /** Paths of files to remove once the fresh segment is durable (rows O, P). */
  readonly obsolete: readonly string[];
  /** The segment that was active, and the length to which it may be cut. */
  readonly cut: SegmentCut | null;
}

/**
 * Scans all segments in `directory`; `head` is the number of the newest that was ever made, 0 if it
 * is not known. Throws WalFormatError on another format version (row R).
 */
export async function recoverLog(
  files: Files,
  directory: string,
  head: number,
): Promise<RecoveredLog> {
  const scans: SegmentScan[] = [];
  for (const name of await files.list(directory)) {
    const number = segmentNumber(name);
    if (number === null) continue;
    scans.push(await scanFile(files, join(directory, name), number));
  }
  return decideRecovery(scans, directory, head);
}

/** The decision alone; `scans` in the order of their numbers. */
export function decideRecovery(
  scans: readonly SegmentScan[],
  directory: string,
  head = 0,
): RecoveredLog {
  return new Recovery(scans, directory, head).decide();
}

async function scanFile(files: Files, path: string, number: number): Promise<SegmentScan> {
  const file = await files.open(path, "read");
  try {
    const { bytes, unreadable } = await readReadable(file);
    return scanSegment(bytes, number, unreadable);
  } finally {
    await file.close();
  }
}

/** A segment with its place in the sequence: batches from `first` up to, not including, `end` count. */
interface Extent {
  readonly scan: SegmentScan;
  readonly first: number;
  readonly end: number;
  readonly live: readonly FoundBatch[];
}

interface Gap {
  readonly from: number;
  readonly to: number;
}

class Recovery {
  readonly #directory: string;
  readonly #head: number;
  readonly #extents: readonly Extent[];
  readonly #logStart: number;
  readonly #proven: number;
  /** What later headers say of a batch, by its sequence. */
  readonly #claims: ReadonlyMap<number, { readonly checksum: number; readonly records: number }>;
  /** Something is known to be missing at the end, beyond all proof (rows J, K, L). */
  readonly #endLost: boolean;
  readonly #records: WalRecord[] = [];
  readonly #damaged: DamagedRecord[] = [];
  readonly #gaps: Gap[] = [];
  #tornBytes = 0;
  #last = { sequence: 0, checksum: 0, records: 0 };
  #unproven: FoundBatch | null = null;

  constructor(scans: readonly SegmentScan[], directory: string, head: number) {
    this.#directory = directory;
    this.#head = head;
    this.#logStart = logStartOf(scans);
    this.#extents = extentsOf(scans, this.#logStart);
    this.#proven = provenOf(this.#extents, this.#logStart);
    this.#claims = claimsOf(this.#extents);
    this.#endLost = this.#isHeadMissing || isCutShort(scans.at(-1));
  }

  decide(): RecoveredLog {
    this.#last = { sequence: this.#logStart - 1, checksum: 0, records: 0 };
    for (const extent of this.#extents) {
      for (const batch of extent.live) this.#take(batch, extent);
      if (isUnreadable(extent.scan)) this.#reportSegment(extent.scan, "segment unreadable");
    }
    this.#missing(this.#proven);
    if (this.#endLost) this.#loseEnd();
    return this.#result();
  }

  get #isHeadMissing(): boolean {
    return this.#head > (this.#extents.at(-1)?.scan.number ?? 0);
  }

  #take(batch: FoundBatch, extent: Extent): void {
    if (batch.sequence <= this.#last.sequence) return;
    const isProven = batch.sequence <= this.#proven;
    // An unproven seal holds nothing; its sequence is used again.
    if (!isProven && batch.header?.records === 0) return;
    const isWhole = extent.scan.header !== null && !this.#endLost;
    const inActive = extent === this.#extents.at(-1) && isWhole;
    const isRead = !isRefused(extent.scan, batch.offset, batch.endOffset);
    if (!isProven && !batch.intact && inActive && isRead) {
      this.#tornBytes = batch.endOffset - batch.offset;
      return;
    }
    this.#missing(batch.sequence - 1);
    this.#deliver(batch, extent.scan.number);
    if (!isProven && batch.intact) this.#unproven = batch;
    this.#last = {
      sequence: batch.sequence,
      checksum: batch.header?.checksum ?? 0,
      records: batch.records.length,
    };
  }

  #deliver(batch: FoundBatch, segment: number): void {
    const claimed = this.#claims.get(batch.sequence)?.checksum ?? 0;
    const isStale = claimed !== 0 && batch.header !== null && batch.header.checksum !== claimed;
    for (const found of batch.records) {
      if (found.kind === "intact" && !isStale) this.#records.push(found.record);
      else if (found.kind === "intact") {
        const { payload: _, ...header } = found.record;
        const reason = "stale: the next batch names another checksum";
        this.#damaged.push({ segment, offset: batch.offset, header, reason });
      } else {
        const { identity: header, offset, reason } = found;
        this.#damaged.push({ segment, offset, header, reason });
      }
    }
  }

  /** Reports what is missing after the last batch taken, up to and including `sequence`. */
  #missing(sequence: number): void {
    const from = this.#last.sequence + 1;
    if (sequence < from) return;
    const claim = this.#claims.get(sequence);
    this.#last = { sequence, checksum: claim?.checksum ?? 0, records: claim?.records ?? 0 };
    const isSeal = from === sequence && claim?.records === 0;
    if (!isSeal) this.#reportGap({ from, to: sequence });
  }

  #reportGap({ from, to }: Gap): void {
    this.#gaps.push({ from, to });
    const before = this.#extents.findLast((extent) => extent.first <= from);
    const lastBefore = before?.live.findLast((batch) => batch.sequence < from);
    this.#damaged.push({
      segment: before?.scan.number ?? this.#extents[0]?.scan.number ?? 0,
      offset: lastBefore?.endOffset ?? 0,
      header: null,
      reason: `batches ${from} to ${to} are missing`,
    });
  }

  #reportSegment({ number }: { readonly number: number }, reason: string): void {
    this.#damaged.push({ segment: number, offset: 0, header: null, reason });
  }

  /** Row L: skips a sequence, so that the log says for ever that something is missing here. */
  #loseEnd(): void {
    const lost = this.#last.sequence + 1;
    this.#gaps.push({ from: lost, to: lost });
    const tail = this.#extents.at(-1)?.scan;
    if (this.#isHeadMissing) this.#reportSegment({ number: this.#head }, "segment missing");
    else if (tail !== undefined && !isUnreadable(tail)) {
      this.#reportSegment(tail, "segment shorter than it was made, or its end unreadable");
    }
    this.#last = { sequence: lost, checksum: 0, records: 0 };
  }

  #result(): RecoveredLog {
    const cut = this.#cut();
    const fresh = this.#unproven?.sequence ?? this.#last.sequence + 1;
    const kept: KeptSegment[] = [];
    const obsolete: string[] = [];
    const highest = highestSlotOf(this.#extents.flatMap((extent) => extent.live));
    for (const extent of this.#extents) {
      if (this.#isObsolete(extent, fresh)) {
        obsolete.push(segmentPath(this.#directory, extent.scan.number));
      } else {
        const slot = this.#isUnknown(extent) ? highest : highestSlotOf(extent.live);
        const { number, sizeBytes } = extent.scan;
        const bytes = cut?.number === number ? cut.bytes : sizeBytes;
        kept.push({ number, firstSequence: extent.first, highestSlot: slot, bytes });
      }
    }
    return {
      records: this.#records,
      damaged: this.#damaged,
      tornBytes: this.#tornBytes,
      highestNumber: Math.max(this.#head, this.#extents.at(-1)?.scan.number ?? 0),
      logStart: this.#logStart,
      lastSequence: this.#last.sequence,
      lastChecksum: this.#last.checksum,
      lastRecords: this.#last.records,
      unproven: this.#unproven,
      kept,
      obsolete,
      cut: cut !== null && kept.some(({ number }) => number === cut.number) ? cut : null,
    };
  }

  #isObsolete(extent: Extent, fresh: number): boolean {
    if (isUnreadable(extent.scan)) return false;
    const end = Math.min(extent.end, fresh);
    return end <= this.#logStart || end <= extent.first;
  }

  /** Whether records may have been in the segment of which not even the slot is known. */
  #isUnknown(extent: Extent): boolean {
    if (isUnreadable(extent.scan)) return true;
    if (this.#gaps.some((gap) => gap.from < extent.end && gap.to >= extent.first)) return true;
    return extent.live.some((batch) =>
      batch.records.some((found) => found.kind === "damaged" && found.identity === null),
    );
  }

  /** Nothing behind the last batch of an intact segment is of use; its room goes back to the disk. */
  #cut(): SegmentCut | null {
    const tail = this.#extents.at(-1)?.scan;
    if (tail === undefined || this.#damaged.length > 0 || this.#endLost) return null;
    return { number: tail.number, bytes: tail.endOffset };
  }
}

function isUnreadable(scan: SegmentScan): boolean {
  return scan.header === null && scan.batches.length === 0;
}

function isCutShort(scan: SegmentScan | undefined): boolean {
  if (scan === undefined) return false;
  if (isUnreadable(scan) || isRefused(scan, scan.endOffset, scan.endOffset + 1)) return true;
  return scan.header !== null && scan.sizeBytes < scan.header.capacity;
}

function logStartOf(scans: readonly SegmentScan[]): number {
  let start = 1;
  for (const { header, batches } of scans) {
    start = Math.max(start, header?.logStart ?? 1);
    for (const batch of batches) start = Math.max(start, batch.header?.logStart ?? 1);
  }
  return start;
}

function extentsOf(scans: readonly SegmentScan[], logStart: number): Extent[] {
  const firsts: number[] = [];
  let behind = logStart;
  for (const { header, batches } of scans) {
    const first = header?.firstSequence ?? batches[0]?.sequence ?? behind;
    // What is missing before the first segment there is belongs to it.
    firsts.push(firsts.length === 0 ? Math.min(first, logStart) : first);
    behind = Math.max(behind, (batches.at(-1)?.sequence ?? 0) + 1);
  }
  return scans.map((scan, index) => {
    const end = Math.min(...endsBehind(scans, firsts, index), Number.MAX_SAFE_INTEGER);
    const live = scan.batches.filter((batch) => batch.sequence >= logStart && batch.sequence < end);
    return { scan, first: firsts[index] ?? logStart, end, live };
  });
}

/** First sequences of the later segments; of an unreadable one it is only a guess, and supersedes nothing. */
function endsBehind(
  scans: readonly SegmentScan[],
  firsts: readonly number[],
  index: number,
): number[] {
  return firsts.filter((_, at) => {
    const scan = scans[at];
    return at > index && scan !== undefined && !isUnreadable(scan);
  });
}

function provenOf(extents: readonly Extent[], logStart: number): number {
  let proven = logStart - 1;
  for (const { scan, live } of extents) {
    proven = Math.max(proven, scan.header?.provenSequence ?? 0, (live.at(-1)?.sequence ?? 0) - 1);
  }
  return proven;
}

function claimsOf(
  extents: readonly Extent[],
): Map<number, { readonly checksum: number; readonly records: number }> {
  const claims = new Map<number, { checksum: number; records: number }>();
  for (const { scan, live } of extents) {
    if (scan.header !== null) {
      const { firstSequence, previousChecksum, previousRecords } = scan.header;
      if (previousChecksum !== 0) {
        claims.set(firstSequence - 1, { checksum: previousChecksum, records: previousRecords });
      }
    }
    for (const { header } of live) {
      if (header === null || header.previousChecksum === 0) continue;
      const { sequence, previousChecksum: checksum, previousRecords: records } = header;
      claims.set(sequence - 1, { checksum, records });
    }
  }
  return claims;
}

function highestSlotOf(batches: readonly FoundBatch[]): number {
  let highest = 0;
  for (const batch of batches) {
    for (const found of batch.records) {
      const slot = found.kind === "intact" ? found.record.slot : (found.identity?.slot ?? 0);
      highest = Math.max(highest, slot);
    }
  }
  return highest;
}
