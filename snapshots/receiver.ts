/**
 * Receives one snapshot chunk by chunk, in any order and from any number of senders, into the
 * store's `receiving` directory. Nothing but the manifest says what was received: at a start the
 * chunks that are there are read and checked, so a crash can cost work but never correctness, and
 * another sender of the same manifest can go on where the first one stopped.
 *
 *   start ──► wanted / accept, until nothing is wanted ──► finish (checked whole, published)
 */
import { join } from "node:path";
import { assert } from "../src/base/assert.ts";
import type { File, Files } from "../src/base/files.ts";
import { readWhole, wrongChunks } from "./chunk-files.ts";
import {
  type ChunkPosition,
  chunkAt,
  chunkPositions,
  decodeManifest,
  equalBytes,
  MANIFEST_NAME,
  type Manifest,
  sha256,
  totalBytes,
} from "./manifest.ts";
import { type SnapshotInfo, type SnapshotStore, StaleSnapshotError } from "./store.ts";

export interface ReceiverProgress {
  readonly receivedBytes: number;
  readonly totalBytes: number;
}

export class Receiver {
  readonly manifest: Manifest;
  readonly #store: SnapshotStore;
  readonly #files: Files;
  readonly #directory: string;
  /** Chunks that are missing, by their key, in the order of the manifest. */
  #missing = new Map<string, ChunkPosition>();
  readonly #open = new Map<number, Promise<File>>();

  private constructor(store: SnapshotStore, manifest: Manifest) {
    this.manifest = manifest;
    this.#store = store;
    this.#files = store.receiving.files;
    this.#directory = store.receiving.directory;
  }

  /**
   * Goes on with what is there if it belongs to the same manifest, else starts over. Throws
   * MalformedError for bytes that are no manifest, StaleSnapshotError if the store has one as new.
   */
  static async start(store: SnapshotStore, manifestBytes: Uint8Array): Promise<Receiver> {
    const manifest = decodeManifest(manifestBytes);
    const newest = store.latest()?.slot ?? -1;
    if (manifest.slot <= newest) {
      throw new StaleSnapshotError(
        `snapshot of slot ${manifest.slot} is not newer than that of ${newest}`,
      );
    }
    const receiver = new Receiver(store, manifest);
    if (await receiver.#belongs(manifestBytes)) await receiver.#resume();
    else await receiver.#begin(manifestBytes);
    return receiver;
  }

  /** The next missing chunk; null if all are there. */
  wanted(): ChunkPosition | null {
    return this.wantedUpTo(1)[0] ?? null;
  }

  /** The next missing chunks, at most `limit`: to have several questions under way. */
  wantedUpTo(limit: number): readonly ChunkPosition[] {
    const wanted: ChunkPosition[] = [];
    for (const position of this.#missing.values()) {
      if (wanted.length === limit) break;
      wanted.push(position);
    }
    return wanted;
  }

  get progress(): ReceiverProgress {
    let missing = 0;
    for (const position of this.#missing.values()) {
      missing += chunkAt(this.manifest, position)?.bytes ?? 0;
    }
    const total = totalBytes(this.manifest);
    return { receivedBytes: total - missing, totalBytes: total };
  }

  /**
   * Stores a chunk, durable when resolved. False, with nothing stored, if the snapshot has no such
   * chunk or it is not as the manifest says: then it stays wanted. True for one that is there already.
   */
  async accept(file: number, chunk: number, bytes: Uint8Array): Promise<boolean> {
    const position = { file, chunk };
    const expected = chunkAt(this.manifest, position);
    if (expected === null) return false;
    if (bytes.length !== expected.bytes || !equalBytes(sha256(bytes), expected.digest))
      return false;
    if (!this.#missing.has(keyOf(position))) return true;
    const target = await this.#fileOf(file, expected.name);
    await target.write(expected.offset, bytes);
    // Synced one by one, so that the log's own syncs never queue behind a large one.
    await target.sync();
    this.#missing.delete(keyOf(position));
    return true;
  }

  /**
   * Checks everything that was received and publishes it. Nothing may be wanted any more. If the
   * check fails (DamagedSnapshotError), the bad chunks are wanted again.
   */
  async finish(): Promise<SnapshotInfo> {
    assert(this.wanted() === null, "all chunks were received");
    await this.close();
    try {
      return await this.#store.publishReceived();
    } catch (error) {
      if (!(error instanceof StaleSnapshotError)) await this.#resume();
      throw error;
    }
  }

  /** Closes the files; what was received stays for a later start. */
  async close(): Promise<void> {
    const open = [...this.#open.values()];
    this.#open.clear();
    for (const file of open) await (await file).close();
  }

  async #belongs(manifestBytes: Uint8Array): Promise<boolean> {
    const path = join(this.#directory, MANIFEST_NAME);
    if (!(await this.#files.exists(path))) return false;
    return equalBytes(await readWhole(this.#files, path), manifestBytes);
  }

  async #begin(manifestBytes: Uint8Array): Promise<void> {
    await this.#files.removeDirectory(this.#directory);
    await this.#files.makeDirectory(this.#directory);
    const file = await this.#files.open(join(this.#directory, MANIFEST_NAME), "create");
    try {
      await file.write(0, manifestBytes);
      await file.sync();
    } finally {
      await file.close();
    }
    await this.#makeFiles();
    this.#want([...chunkPositions(this.manifest)]);
  }

  async #resume(): Promise<void> {
    await this.#makeFiles();
    this.#want(await wrongChunks(this.#files, this.#directory, this.manifest));
  }

  /** Every file of the manifest, with its length, and no other. */
  async #makeFiles(): Promise<void> {
    const names = new Set([MANIFEST_NAME, ...this.manifest.files.map((file) => file.name)]);
    for (const name of await this.#files.list(this.#directory)) {
      if (!names.has(name)) await this.#files.remove(join(this.#directory, name));
    }
    for (const { name, bytes } of this.manifest.files) {
      const path = join(this.#directory, name);
      const mode = (await this.#files.exists(path)) ? "write" : "create";
      const file = await this.#files.open(path, mode);
      try {
        if ((await file.size()) !== bytes) await file.truncate(bytes);
        await file.sync();
      } finally {
        await file.close();
      }
    }
    await this.#files.syncDirectory(this.#directory);
  }

  #want(positions: readonly ChunkPosition[]): void {
    this.#missing = new Map(positions.map((position) => [keyOf(position), position]));
  }

  #fileOf(index: number, name: string): Promise<File> {
    const open = this.#open.get(index) ?? this.#files.open(join(this.#directory, name), "write");
    this.#open.set(index, open);
    return open;
  }
}

function keyOf({ file, chunk }: ChunkPosition): string {
  return `${file}/${chunk}`;
}
