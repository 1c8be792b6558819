/** Where the parts of each record lie on a disk, found with the production reader. */
import { basename } from "node:path";
import { RECORD_TYPES } from "../../../src/node/journal.ts";
import { BATCH_HEADER_BYTES, SECTOR_BYTES, segmentSeed } from "../../../wal/batch.ts";
import { RECORD_HEADER_BYTES, readRecordHeader } from "../../../wal/record.ts";
import { type FoundBatch, scanSegment } from "../../../wal/scan.ts";
import { segmentNumber } from "../../../wal/segment.ts";
import type { DiskFiles } from "../../support/storage/disk-files.ts";
import type { DamagedNode } from "./experiment.ts";
import type { Template } from "./template.ts";

/** One accepted entry's record. Offsets in the file. */
export interface RecordPlace {
  readonly path: string;
  readonly slot: number;
  readonly batchAt: number;
  readonly headerAt: number;
  readonly payloadAt: number;
  readonly payloadBytes: number;
}

/** Every record of an accepted value, in the order of the log. */
export function recordPlaces(files: DiskFiles): readonly RecordPlace[] {
  const places: RecordPlace[] = [];
  for (const [path, bytes] of files) {
    const number = segmentNumber(basename(path));
    if (number === null) continue;
    const scan = scanSegment(bytes, number);
    if (scan.header === null) continue;
    for (const batch of scan.batches) {
      places.push(
        ...placesOf(bytes, batch, segmentSeed(scan.header.segment)).map((at) => ({ path, ...at })),
      );
    }
  }
  return places;
}

function placesOf(
  bytes: Uint8Array,
  { offset: batchAt, records }: FoundBatch,
  seed: number,
): Omit<RecordPlace, "path">[] {
  return [...records.keys()].flatMap((index) => {
    const headerAt = batchAt + BATCH_HEADER_BYTES + index * RECORD_HEADER_BYTES;
    const header = readRecordHeader(bytes, headerAt, seed);
    if (header === null || header.type === RECORD_TYPES.chosen) return [];
    const { slot, payloadOffset: payloadAt, payloadBytes } = header;
    return [{ slot, batchAt, headerAt, payloadAt, payloadBytes }];
  });
}

/** Whether the seal behind the last record of node `id` is not what it was: nothing proves that record then. */
export function isProofLost(
  template: Template,
  id: number,
  damaged: DamagedNode | undefined,
): boolean {
  const before = template.disks.get(id);
  const last = before === undefined ? undefined : recordPlaces(before).at(-1);
  const bytes = last === undefined ? undefined : before?.get(last.path);
  if (last === undefined || bytes === undefined || damaged === undefined) return false;
  const scan = scanSegment(bytes, segmentNumber(basename(last.path)) ?? 0);
  const seal = scan.batches.find(
    ({ offset, records }) => offset > last.batchAt && records.length === 0,
  );
  if (seal === undefined) return false;
  const after = damaged.files.get(last.path)?.subarray(seal.offset, seal.endOffset);
  const isRefused = damaged.bad?.sectors.get(last.path)?.has(seal.offset / SECTOR_BYTES) === true;
  const isSame =
    after !== undefined && Buffer.compare(after, bytes.subarray(seal.offset, seal.endOffset)) === 0;
  return isRefused || !isSame;
}
