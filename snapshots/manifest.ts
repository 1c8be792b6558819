/**
 * What a snapshot says of itself: the slot it covers, the ballot, what the caller must know to go
 * on from it, and each file with a checksum a chunk. Two manifests of the same bytes describe the
 * same snapshot, chunk for chunk, whoever took it.
 *
 * Manifest, big endian (ByteWriter's encodings; lengths are u32):
 *
 * | field | bytes |
 * | ----- | ----- |
 * | magic "SYNODSNP" | 8 |
 * | format version | 4 |
 * | SHA-256 of all that follows | 32 |
 * | slot, inclusive | 8 |
 * | ballot: round, node | 8 + 4 |
 * | context, opaque | length, bytes |
 * | chunk length | 4 |
 * | number of files | 4 |
 * | per file: name, size, and the SHA-256 of each chunk | length, text; 8; 32 a chunk |
 *
 * A file's chunks are its bytes from 0 on in pieces of the chunk length; the last one is shorter;
 * an empty file has none.
 */
import { createHash } from "node:crypto";
import { assert } from "../src/base/assert.ts";
import { ByteReader, ByteWriter, MalformedError } from "../src/base/bytes.ts";

const SNAPSHOT_FORMAT_VERSION = 1;
/** Of the snapshots that this program takes; it reads others as well. */
export const CHUNK_BYTES = 1024 * 1024;
const CHUNK_BYTES_MAX = 16 * 1024 * 1024;
const SNAPSHOT_FILES_MAX = 10_000;
const SNAPSHOT_CONTEXT_BYTES_MAX = 16 * 1024 * 1024;
/** The manifest's own file name in a snapshot's directory; no snapshot file may have it. */
export const MANIFEST_NAME = "manifest";

const MAGIC = new TextEncoder().encode("SYNODSNP");
const DIGEST_BYTES = 32;
const FILE_NAME = /^[A-Za-z0-9_-][A-Za-z0-9._-]{0,199}$/;

export interface SnapshotBallot {
  readonly round: number;
  readonly node: number;
}

export interface SnapshotFile {
  /** Letters, digits, dot, hyphen, underscore; no path. */
  readonly name: string;
  readonly bytes: number;
  /** SHA-256 of each chunk. */
  readonly chunks: readonly Uint8Array[];
}

export interface Manifest {
  /** The snapshot covers all slots up to and including this one. */
  readonly slot: number;
  readonly ballot: SnapshotBallot;
  /** The caller's: memberships and whatever else is needed to go on. */
  readonly context: Uint8Array;
  readonly chunkBytes: number;
  readonly files: readonly SnapshotFile[];
}

/** Where a chunk stands. */
export interface ChunkPosition {
  /** Index in the manifest's files. */
  readonly file: number;
  /** Index in the file, from 0. */
  readonly chunk: number;
}

export function encodeManifest(manifest: Manifest): Uint8Array {
  assert(manifest.files.length <= SNAPSHOT_FILES_MAX, "a snapshot has a bounded number of files");
  assert(manifest.context.length <= SNAPSHOT_CONTEXT_BYTES_MAX, "snapshot context is bounded");
  const body = new ByteWriter();
  body.u64(manifest.slot).u64(manifest.ballot.round).u32(manifest.ballot.node);
  body.bytes(manifest.context).u32(manifest.chunkBytes).u32(manifest.files.length);
  for (const file of manifest.files) {
    assert(isFileName(file.name), `not a snapshot file name: ${file.name}`);
    assert(
      file.chunks.length === chunkCount(file.bytes, manifest.chunkBytes),
      `${file.name}: one checksum a chunk`,
    );
    body.text(file.name).u64(file.bytes);
    for (const digest of file.chunks) body.raw(digest);
  }
  const bytes = body.finish();
  const head = new ByteWriter().raw(MAGIC).u32(SNAPSHOT_FORMAT_VERSION);
  return head.raw(sha256(bytes)).raw(bytes).finish();
}

/** Throws MalformedError if `bytes` are no manifest, not whole, or of another format version. */
export function decodeManifest(bytes: Uint8Array): Manifest {
  const reader = new ByteReader(bytes);
  if (!equalBytes(reader.raw(MAGIC.length), MAGIC)) {
    throw new MalformedError("not a snapshot manifest");
  }
  const version = reader.u32();
  if (version !== SNAPSHOT_FORMAT_VERSION) {
    throw new MalformedError(
      `snapshot has format version ${version}; this program reads version ${SNAPSHOT_FORMAT_VERSION}`,
    );
  }
  const digest = reader.raw(DIGEST_BYTES);
  const body = reader.raw(reader.remaining);
  if (!equalBytes(digest, sha256(body))) {
    throw new MalformedError("snapshot manifest does not match its checksum");
  }
  return decodeBody(new ByteReader(body));
}

function decodeBody(reader: ByteReader): Manifest {
  const slot = reader.u64();
  const ballot = { round: reader.u64(), node: reader.u32() };
  const context = reader.bytes().slice();
  const chunkBytes = reader.u32();
  if (chunkBytes < 1 || chunkBytes > CHUNK_BYTES_MAX) {
    throw new MalformedError(`snapshot chunk length out of range: ${chunkBytes}`);
  }
  const count = reader.u32();
  if (count > SNAPSHOT_FILES_MAX) throw new MalformedError(`snapshot with ${count} files`);
  const files: SnapshotFile[] = [];
  const names = new Set<string>();
  for (let index = 0; index < count; index += 1) {
    const file = decodeFile(reader, chunkBytes);
    if (names.has(file.name)) throw new MalformedError(`snapshot names ${file.name} twice`);
    names.add(file.name);
    files.push(file);
  }
  reader.end();
  return { slot, ballot, context, chunkBytes, files };
}

function decodeFile(reader: ByteReader, chunkBytes: number): SnapshotFile {
  const name = reader.text();
  if (!isFileName(name)) throw new MalformedError("snapshot file name is not allowed");
  const bytes = reader.u64();
  const count = chunkCount(bytes, chunkBytes);
  if (count * DIGEST_BYTES > reader.remaining) {
    throw new MalformedError(`${name}: fewer checksums than chunks`);
  }
  const chunks: Uint8Array[] = [];
  for (let index = 0; index < count; index += 1) chunks.push(reader.raw(DIGEST_BYTES).slice());
  return { name, bytes, chunks };
}

/** Whether a snapshot may have a file of this name. */
function isFileName(name: string): boolean {
  return FILE_NAME.test(name) && name !== MANIFEST_NAME;
}

export function totalBytes(manifest: Manifest): number {
  return manifest.files.reduce((sum, file) => sum + file.bytes, 0);
}

/** Number of chunks of a file of `bytes` bytes. */
export function chunkCount(bytes: number, chunkBytes: number): number {
  return Math.ceil(bytes / chunkBytes);
}

/** Where a chunk stands in its file and what it must hash to; null if the manifest has no such chunk. */
export function chunkAt(
  manifest: Manifest,
  position: ChunkPosition,
): { name: string; offset: number; bytes: number; digest: Uint8Array } | null {
  const file = manifest.files[position.file];
  const digest = file?.chunks[position.chunk];
  if (file === undefined || digest === undefined) return null;
  const offset = position.chunk * manifest.chunkBytes;
  const bytes = Math.min(manifest.chunkBytes, file.bytes - offset);
  return { name: file.name, offset, bytes, digest };
}

/** All chunks, file by file. */
export function* chunkPositions(manifest: Manifest): Generator<ChunkPosition> {
  for (const [file, { chunks }] of manifest.files.entries()) {
    for (let chunk = 0; chunk < chunks.length; chunk += 1) yield { file, chunk };
  }
}

export function sha256(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(createHash("sha256").update(bytes).digest());
}

export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}
