/** Reading a file of which the disk may refuse some places. */
import { type File, isUnreadable } from "../src/base/files.ts";
import { SECTOR_BYTES } from "./batch.ts";

export interface ReadableBytes {
  /** The whole file; blank where the disk refused, which no record is. */
  readonly bytes: Uint8Array;
  /** Numbers of the sectors that the disk refused. */
  readonly unreadable: ReadonlySet<number>;
}

/**
 * Reads a whole file. A read that fails with EIO is halved until the sectors are found that cannot
 * be read: one bad place must not cost a log, or a node (faults rule 26).
 */
export async function readReadable(file: File): Promise<ReadableBytes> {
  const size = await file.size();
  const bytes = new Uint8Array(size);
  const unreadable = new Set<number>();
  await readSectors(file, { from: 0, to: Math.ceil(size / SECTOR_BYTES) }, { bytes, unreadable });
  return { bytes, unreadable };
}

async function readSectors(
  file: File,
  { from, to }: { readonly from: number; readonly to: number },
  into: { readonly bytes: Uint8Array; readonly unreadable: Set<number> },
): Promise<void> {
  if (from === to) return;
  try {
    const start = from * SECTOR_BYTES;
    const end = Math.min(to * SECTOR_BYTES, into.bytes.length);
    into.bytes.set(await file.read(start, end - start), start);
  } catch (error) {
    if (!isUnreadable(error)) throw error;
    if (to - from === 1) {
      into.unreadable.add(from);
      return;
    }
    const middle = Math.floor((from + to) / 2);
    await readSectors(file, { from, to: middle }, into);
    await readSectors(file, { from: middle, to }, into);
  }
}
