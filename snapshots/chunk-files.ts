/** Reading a snapshot's files chunk by chunk, to make or to check a manifest. */
import { join } from "node:path";
import { type File, type Files, isUnreadable } from "../src/base/files.ts";
import {
  type ChunkPosition,
  chunkAt,
  chunkCount,
  chunkPositions,
  equalBytes,
  type Manifest,
  type SnapshotFile,
  sha256,
} from "./manifest.ts";

/** Syncs the file and says what it holds. */
export async function describeFile(
  files: Files,
  path: { readonly directory: string; readonly name: string },
  chunkBytes: number,
): Promise<SnapshotFile> {
  return withFile(files, join(path.directory, path.name), async (file) => {
    await file.sync();
    const bytes = await file.size();
    const chunks: Uint8Array[] = [];
    for (let index = 0; index < chunkCount(bytes, chunkBytes); index += 1) {
      chunks.push(sha256(await file.read(index * chunkBytes, chunkBytes)));
    }
    return { name: path.name, bytes, chunks };
  });
}

/** The chunks in `directory` that are not as the manifest says; those of a missing file among them. */
export async function wrongChunks(
  files: Files,
  directory: string,
  manifest: Manifest,
): Promise<ChunkPosition[]> {
  const wrong: ChunkPosition[] = [];
  for (const position of chunkPositions(manifest)) {
    if ((await readChunk(files, directory, manifest, position)) === null) wrong.push(position);
  }
  return wrong;
}

/** Names of files whose length is not as the manifest says, the missing ones among them. */
export async function wrongLengths(
  files: Files,
  directory: string,
  manifest: Manifest,
): Promise<string[]> {
  const wrong: string[] = [];
  for (const { name, bytes } of manifest.files) {
    const path = join(directory, name);
    const size = (await files.exists(path))
      ? await withFile(files, path, (file) => file.size())
      : -1;
    if (size !== bytes) wrong.push(name);
  }
  return wrong;
}

/** One chunk; null if it is not there or not as the manifest says. */
export async function readChunk(
  files: Files,
  directory: string,
  manifest: Manifest,
  position: ChunkPosition,
): Promise<Uint8Array | null> {
  const chunk = chunkAt(manifest, position);
  if (chunk === null) return null;
  const path = join(directory, chunk.name);
  if (!(await files.exists(path))) return null;
  const bytes = await withFile(files, path, (file) => file.read(chunk.offset, chunk.bytes)).catch(
    blankIfUnreadable,
  );
  return bytes.length === chunk.bytes && equalBytes(sha256(bytes), chunk.digest) ? bytes : null;
}

/** What the disk cannot read is not as the manifest says. */
function blankIfUnreadable(error: unknown): Uint8Array {
  if (!isUnreadable(error)) throw error;
  return new Uint8Array(0);
}

/** Reads a whole file. */
export function readWhole(files: Files, path: string): Promise<Uint8Array> {
  return withFile(files, path, async (file) => file.read(0, await file.size()));
}

async function withFile<T>(
  files: Files,
  path: string,
  use: (file: File) => Promise<T>,
): Promise<T> {
  const file = await files.open(path, "read");
  try {
    return await use(file);
  } finally {
    await file.close();
  }
}
