/**
 * How a segment begins: the fresh one with which an opened log goes on, and the next one when the
 * active one is full.
 */
import { assert } from "../src/base/assert.ts";
import type { Files } from "../src/base/files.ts";
import type { Random } from "../src/base/random.ts";
import { alignToSector, type BatchLink, type EncodedBatch, encodeBatch } from "./batch.ts";
import type { Head } from "./head.ts";
import type { WalRecord } from "./record.ts";
import type { KeptSegment, RecoveredLog } from "./recovery.ts";
import type { FoundBatch } from "./scan.ts";
import { SEGMENT_HEADER_BYTES, Segment, segmentPath } from "./segment.ts";
import type { Spare } from "./spare.ts";

/** Where segments are made. */
export interface SegmentMaker {
  readonly files: Files;
  readonly directory: string;
  readonly segmentBytes: number;
  readonly random: Random;
  readonly spare: Spare;
  readonly head: Head;
}

/** Where a log that was just opened goes on. */
export interface LogStart {
  readonly segment: Segment;
  readonly closed: readonly KeptSegment[];
  readonly highestSlot: number;
  /** Of the next batch. */
  readonly link: BatchLink;
}

/** Makes the fresh segment with which an opened log goes on. */
export async function startFresh(maker: SegmentMaker, log: RecoveredLog): Promise<LogStart> {
  const next: BatchLink = {
    sequence: log.lastSequence + 1,
    logStart: log.logStart,
    previousChecksum: log.lastChecksum,
    previousRecords: log.lastRecords,
  };
  const records = log.unproven === null ? null : recordsOf(log.unproven);
  const { batch, segment } = await beginSegment(maker, {
    number: log.highestNumber + 1,
    link: log.unproven === null ? next : { ...linkOf(log.unproven), logStart: log.logStart },
    provenSequence: log.lastSequence,
    records,
  });
  const isCopyLast = log.unproven?.sequence === log.lastSequence;
  return {
    segment,
    closed: log.kept,
    highestSlot: (records ?? []).reduce((highest, { slot }) => Math.max(highest, slot), 0),
    link: isCopyLast && batch !== null ? { ...next, previousChecksum: batch.checksum } : next,
  };
}

export interface SegmentBeginning {
  readonly number: number;
  readonly link: BatchLink;
  readonly provenSequence: number;
  /** Of its first batch; null if it begins without one. */
  readonly records: readonly WalRecord[] | null;
}

/** Makes a segment, durable under its name and known as the newest when resolved, with `records` as its first batch. */
export async function beginSegment(
  maker: SegmentMaker,
  beginning: SegmentBeginning,
): Promise<{ segment: Segment; batch: EncodedBatch | null }> {
  const { files, directory, segmentBytes, random, spare } = maker;
  const { number, link, provenSequence, records } = beginning;
  const identity = { number, salt: newSalt(random) };
  const batch =
    records === null ? null : encodeBatch(records, link, identity, SEGMENT_HEADER_BYTES);
  const needed = alignToSector(SEGMENT_HEADER_BYTES + (batch?.bytes.length ?? 0));
  const header = {
    segment: identity,
    firstSequence: link.sequence,
    provenSequence,
    logStart: link.logStart,
    capacity: Math.max(segmentBytes, needed),
    previousChecksum: link.previousChecksum,
    previousRecords: link.previousRecords,
  };
  const place = { files, directory, sparePath: await spare.take() };
  const segment = await Segment.create(place, header, batch?.bytes ?? null);
  spare.renamed();
  await maker.head.raise(number);
  return { segment, batch };
}

/** Removes what the fresh segment made superfluous. Losing any of it to a crash does no harm. */
export async function removeObsolete(
  { files, directory }: SegmentMaker,
  log: RecoveredLog,
): Promise<void> {
  for (const path of log.obsolete) await files.remove(path);
  if (log.obsolete.length > 0) await files.syncDirectory(directory);
  if (log.cut === null) return;
  const file = await files.open(segmentPath(directory, log.cut.number), "write");
  await file.truncate(log.cut.bytes);
  await file.close();
}

function recordsOf(batch: FoundBatch): WalRecord[] {
  return batch.records.flatMap((found) => (found.kind === "intact" ? [found.record] : []));
}

function linkOf(batch: FoundBatch): BatchLink {
  assert(batch.header !== null, "a batch that is copied is intact");
  return batch.header;
}

function newSalt(random: Random): number {
  return random.below(0x20_0000) * 0x1_0000_0000 + random.u32();
}
