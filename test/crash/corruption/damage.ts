/** Ways to damage the files of a stopped node. Each answers new files; the given ones stay as they are. */
import type { Random } from "../../../src/base/random.ts";
import { SECTOR_BYTES } from "../../../wal/batch.ts";
import type { DiskFiles } from "../../support/storage/disk-files.ts";
import { type RecordPlace, recordPlaces } from "./places.ts";

/** Which part of an item's record is hurt. */
export type Part = "payload" | "recordHeader" | "batchHeader" | "sector";

export const PARTS: readonly Part[] = ["payload", "recordHeader", "batchHeader", "sector"];

/** Hurts one part of the record of `slot`, in every place where it stands. */
export function hurtItem(files: DiskFiles, slot: number, part: Part): DiskFiles {
  let hurt = files;
  for (const place of recordPlaces(files)) {
    if (place.slot === slot) hurt = hurtPlace(hurt, place, part);
  }
  return hurt;
}

function hurtPlace(files: DiskFiles, place: RecordPlace, part: Part): DiskFiles {
  const { path, batchAt, headerAt, payloadAt, payloadBytes } = place;
  switch (part) {
    case "payload":
      return flip(files, path, payloadAt + Math.floor(payloadBytes / 2));
    case "recordHeader":
      return flip(files, path, headerAt + 20);
    case "batchHeader":
      return flip(files, path, batchAt + 20);
    case "sector":
      return overwrite(files, path, batchAt, new Uint8Array(SECTOR_BYTES));
  }
}

export function flip(files: DiskFiles, path: string, at: number): DiskFiles {
  return overwrite(files, path, at, new Uint8Array([(files.get(path)?.[at] ?? 0) ^ 0x41]));
}

export function overwrite(
  files: DiskFiles,
  path: string,
  at: number,
  bytes: Uint8Array,
): DiskFiles {
  const content = files.get(path)?.slice() ?? new Uint8Array(0);
  content.set(bytes.subarray(0, Math.max(0, content.length - at)), at);
  return replaced(files, path, content);
}

export function replaced(files: DiskFiles, path: string, content: Uint8Array): DiskFiles {
  return new Map([...files, [path, content]]);
}

export function without(files: DiskFiles, path: string): DiskFiles {
  return new Map([...files].filter(([name]) => name !== path));
}

/** One of the sectors of the files that `wanted` picks. */
export function drawSector(
  files: DiskFiles,
  random: Random,
  wanted: (path: string) => boolean,
): { readonly path: string; readonly sector: number } {
  const sectors = [...files].flatMap(([path, bytes]) =>
    wanted(path)
      ? Array.from({ length: Math.ceil(bytes.length / SECTOR_BYTES) }, (_, sector) => ({
          path,
          sector,
        }))
      : [],
  );
  const drawn = sectors[random.below(sectors.length)];
  if (drawn === undefined) throw new Error("there is no such sector");
  return drawn;
}

export function drawFrom<Item>(items: readonly Item[], random: Random): Item {
  const drawn = items[random.below(items.length)];
  if (drawn === undefined) throw new Error("nothing to draw from");
  return drawn;
}
