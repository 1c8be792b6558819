/**
 * The snapshots on one node's disk.
 *
 *   snapshots/
 *     0000000000000420/      a published snapshot, named by its slot
 *       manifest
 *       main.db …            its files
 *     aside-1/               being written by the state machine
 *     receiving/             being received from another node (receiver.ts)
 *     removing-3/            on its way out
 *
 * Publishing: sync each file and the directory, read the files back and checksum them, write and
 * sync the manifest, sync the directory, rename it to its slot, sync the store. Removing: rename to
 * removing-n, sync the store, remove what is in it. So what carries a slot as its name was complete
 * and durable once.
 *
 * | row | left by a crash, found at open            | decision |
 * | --- | ----------------------------------------- | -------- |
 * | A | aside-n, removing-n                         | remove |
 * | B | receiving, newer than every snapshot        | keep: the receiver goes on there |
 * | C | receiving, not newer or without a manifest that can be read | remove |
 * | D | slot directory with a readable manifest     | a snapshot |
 * | E | slot directory without one, or with another slot's | damaged: not offered, removed when a snapshot of its slot is published or by retain |
 * | F | other names                                 | leave alone |
 *
 * Invariants:
 * 1. A snapshot is published only if its slot is above every published one's.
 * 2. A pinned snapshot is not removed.
 */
import { join } from "node:path";
import { assert } from "../src/base/assert.ts";
import { MalformedError } from "../src/base/bytes.ts";
import { type Files, isMissing, isUnreadable } from "../src/base/files.ts";
import { describeFile, readChunk, readWhole, wrongChunks, wrongLengths } from "./chunk-files.ts";
import {
  CHUNK_BYTES,
  type ChunkPosition,
  decodeManifest,
  encodeManifest,
  MANIFEST_NAME,
  type Manifest,
  type SnapshotBallot,
  totalBytes,
} from "./manifest.ts";

/** Raised when a snapshot is not newer than one that is already there. */
export class StaleSnapshotError extends Error {
  override readonly name = "StaleSnapshotError";
}

/** Raised when a snapshot's files are not as its manifest says. */
export class DamagedSnapshotError extends Error {
  override readonly name = "DamagedSnapshotError";
}

export interface SnapshotInfo {
  /** Covers all slots up to and including this one. */
  readonly slot: number;
  readonly ballot: SnapshotBallot;
  readonly context: Uint8Array;
  /** Of its files, without the manifest. */
  readonly totalBytes: number;
  /** Where its files are; they must not be changed. */
  readonly directory: string;
  readonly manifest: Manifest;
}

export interface SnapshotStoreOptions {
  readonly files: Files;
  readonly directory: string;
  /** Of new snapshots; CHUNK_BYTES if left out. */
  readonly chunkBytes?: number;
}

/** What verify found; empty lists: all is well. */
export interface SnapshotDamage {
  readonly chunks: readonly ChunkPosition[];
  /** Files that are missing or have another length. */
  readonly files: readonly string[];
}

const SLOT_NAME = /^\d{16}$/;
const LEFTOVER_NAME = /^(aside|removing)-\d+$/;
const RECEIVING_NAME = "receiving";

export class SnapshotStore {
  readonly #files: Files;
  readonly #directory: string;
  readonly #chunkBytes: number;
  readonly #published = new Map<number, SnapshotInfo>();
  readonly #damaged = new Set<string>();
  readonly #pins = new Map<number, number>();
  #counter = 0;
  /** Publishing and removing take turns. */
  #turn: Promise<unknown> = Promise.resolve();

  private constructor(options: SnapshotStoreOptions) {
    this.#files = options.files;
    this.#directory = options.directory;
    this.#chunkBytes = options.chunkBytes ?? CHUNK_BYTES;
  }

  /** Opens the store in `directory` (made if missing) and clears up after a crash. */
  static async open(options: SnapshotStoreOptions): Promise<SnapshotStore> {
    const store = new SnapshotStore(options);
    await store.#files.makeDirectory(store.#directory);
    const names = await store.#files.list(store.#directory);
    for (const name of names) {
      if (SLOT_NAME.test(name)) await store.#adopt(name);
      else if (LEFTOVER_NAME.test(name)) await store.#files.removeDirectory(store.#path(name));
    }
    if (names.includes(RECEIVING_NAME)) await store.#keepOrDropReceiving();
    await store.#files.syncDirectory(store.#directory);
    return store;
  }

  /** For the receiver: the disk, and the directory of the snapshot that is coming in. */
  get receiving(): { readonly files: Files; readonly directory: string } {
    return { files: this.#files, directory: this.#path(RECEIVING_NAME) };
  }

  /** The newest snapshot. */
  latest(): SnapshotInfo | null {
    return this.list().at(-1) ?? null;
  }

  /** All snapshots, oldest first. */
  list(): readonly SnapshotInfo[] {
    return [...this.#published.values()].toSorted((a, b) => a.slot - b.slot);
  }

  /** Names of slot directories that hold no readable snapshot (row E). */
  get damaged(): readonly string[] {
    return [...this.#damaged];
  }

  /** A new, empty directory for the caller to write a snapshot's files into. */
  async createAside(): Promise<string> {
    this.#counter += 1;
    const aside = this.#path(`aside-${this.#counter}`);
    await this.#files.makeDirectory(aside);
    return aside;
  }

  /** Gives up a directory that createAside made. */
  async discardAside(aside: string): Promise<void> {
    await this.#files.removeDirectory(aside);
  }

  /**
   * Makes the files in `aside` the snapshot of `slot`, durable when resolved. The files must not be
   * changed any more. Throws StaleSnapshotError, and removes `aside`, if it is not the newest.
   */
  publish(
    aside: string,
    facts: { readonly slot: number; readonly ballot: SnapshotBallot; readonly context: Uint8Array },
  ): Promise<SnapshotInfo> {
    return this.#inTurn(async () => {
      const described = [];
      for (const name of await this.#files.list(aside)) {
        described.push(
          await describeFile(this.#files, { directory: aside, name }, this.#chunkBytes),
        );
      }
      const { slot, ballot, context } = facts;
      const manifest = { slot, ballot, context, chunkBytes: this.#chunkBytes, files: described };
      await this.#refuseStale(slot, aside);
      await this.#writeManifest(aside, encodeManifest(manifest));
      return this.#install(aside, manifest);
    });
  }

  /**
   * Makes the directory that was received the newest snapshot, after checking it whole. Throws
   * DamagedSnapshotError, and leaves it, if anything is not as its manifest says.
   */
  publishReceived(): Promise<SnapshotInfo> {
    return this.#inTurn(async () => {
      const directory = this.#path(RECEIVING_NAME);
      const manifest = decodeManifest(await readWhole(this.#files, join(directory, MANIFEST_NAME)));
      const damage = await this.#damageIn(directory, manifest);
      const extra = await this.#foreignNames(directory, manifest);
      if (damage.chunks.length + damage.files.length + extra.length > 0) {
        throw new DamagedSnapshotError(
          `received snapshot of slot ${manifest.slot} is not as its manifest says`,
        );
      }
      await this.#refuseStale(manifest.slot, directory);
      await this.#files.syncDirectory(directory);
      return this.#install(directory, manifest);
    });
  }

  /** Keeps the snapshot of `slot` from being removed until unpin; pins are counted. */
  pin(slot: number): SnapshotInfo {
    const info = this.#published.get(slot);
    assert(info !== undefined, `there is a snapshot of slot ${slot}`);
    this.#pins.set(slot, (this.#pins.get(slot) ?? 0) + 1);
    return info;
  }

  unpin(slot: number): void {
    const count = this.#pins.get(slot) ?? 0;
    assert(count > 0, `the snapshot of slot ${slot} is pinned`);
    if (count === 1) this.#pins.delete(slot);
    else this.#pins.set(slot, count - 1);
  }

  /** Removes all but the `count` newest snapshots and those that are pinned, and what is damaged. */
  retain(count: number): Promise<void> {
    assert(Number.isInteger(count) && count >= 1, "at least one snapshot is retained");
    return this.#inTurn(async () => {
      for (const name of this.#damaged) await this.#removeSlot(name);
      for (const { slot } of this.list().slice(0, -count)) {
        if (!this.#pins.has(slot)) await this.#removeSlot(slotName(slot));
      }
    });
  }

  /** Reads the snapshot of `slot` again and checks every checksum. */
  verify(slot: number): Promise<SnapshotDamage> {
    const info = this.#published.get(slot);
    assert(info !== undefined, `there is a snapshot of slot ${slot}`);
    return this.#damageIn(info.directory, info.manifest);
  }

  /** Removes a snapshot that verify found damaged. It must not be pinned. */
  discard(slot: number): Promise<void> {
    assert(!this.#pins.has(slot), `the snapshot of slot ${slot} is not pinned`);
    return this.#inTurn(() => this.#removeSlot(slotName(slot)));
  }

  /** One chunk of a snapshot. Throws DamagedSnapshotError if it is not as the manifest says. */
  async chunk(info: SnapshotInfo, position: ChunkPosition): Promise<Uint8Array> {
    const bytes = await readChunk(this.#files, info.directory, info.manifest, position);
    if (bytes !== null) return bytes;
    throw new DamagedSnapshotError(
      `snapshot of slot ${info.slot}: file ${position.file}, chunk ${position.chunk} cannot be read`,
    );
  }

  async #adopt(name: string): Promise<void> {
    const directory = this.#path(name);
    const manifest = await this.#readManifest(directory);
    if (manifest?.slot === Number(name)) {
      this.#published.set(manifest.slot, infoOf(directory, manifest));
    } else {
      this.#damaged.add(name);
    }
  }

  async #keepOrDropReceiving(): Promise<void> {
    const directory = this.#path(RECEIVING_NAME);
    const manifest = await this.#readManifest(directory);
    if (manifest !== null && manifest.slot > this.#newestSlot()) return;
    await this.#files.removeDirectory(directory);
  }

  async #readManifest(directory: string): Promise<Manifest | null> {
    try {
      return decodeManifest(await readWhole(this.#files, join(directory, MANIFEST_NAME)));
    } catch (error) {
      if (error instanceof MalformedError || isMissing(error) || isUnreadable(error)) return null;
      throw error;
    }
  }

  #newestSlot(): number {
    return this.latest()?.slot ?? -1;
  }

  async #refuseStale(slot: number, directory: string): Promise<void> {
    const newest = this.#newestSlot();
    if (slot > newest) return;
    await this.#files.removeDirectory(directory);
    throw new StaleSnapshotError(`snapshot of slot ${slot} is not newer than that of ${newest}`);
  }

  async #writeManifest(directory: string, bytes: Uint8Array): Promise<void> {
    await this.#files.syncDirectory(directory);
    const file = await this.#files.open(join(directory, MANIFEST_NAME), "create");
    try {
      await file.write(0, bytes);
      await file.sync();
    } finally {
      await file.close();
    }
    await this.#files.syncDirectory(directory);
  }

  async #install(from: string, manifest: Manifest): Promise<SnapshotInfo> {
    const name = slotName(manifest.slot);
    if (this.#damaged.has(name)) await this.#removeSlot(name);
    const directory = this.#path(name);
    await this.#files.rename(from, directory);
    await this.#files.syncDirectory(this.#directory);
    const info = infoOf(directory, manifest);
    this.#published.set(manifest.slot, info);
    return info;
  }

  async #removeSlot(name: string): Promise<void> {
    this.#counter += 1;
    const removing = this.#path(`removing-${this.#counter}`);
    this.#published.delete(Number(name));
    await this.#files.rename(this.#path(name), removing);
    await this.#files.syncDirectory(this.#directory);
    await this.#files.removeDirectory(removing);
    this.#damaged.delete(name);
  }

  async #damageIn(directory: string, manifest: Manifest): Promise<SnapshotDamage> {
    return {
      chunks: await wrongChunks(this.#files, directory, manifest),
      files: await wrongLengths(this.#files, directory, manifest),
    };
  }

  async #foreignNames(directory: string, manifest: Manifest): Promise<string[]> {
    const expected = new Set([MANIFEST_NAME, ...manifest.files.map((file) => file.name)]);
    return (await this.#files.list(directory)).filter((name) => !expected.has(name));
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(work);
    this.#turn = done.catch(() => undefined);
    return done;
  }

  #path(name: string): string {
    return join(this.#directory, name);
  }
}

function infoOf(directory: string, manifest: Manifest): SnapshotInfo {
  const { slot, ballot, context } = manifest;
  return { slot, ballot, context, totalBytes: totalBytes(manifest), directory, manifest };
}

function slotName(slot: number): string {
  return String(slot).padStart(16, "0");
}
