/** Serves one snapshot to a peer, chunk by chunk, as the peer asks; pinned for that long. */
import { assert } from "../src/base/assert.ts";
import { encodeManifest } from "./manifest.ts";
import type { SnapshotInfo, SnapshotStore } from "./store.ts";

export class Sender {
  readonly #store: SnapshotStore;
  readonly #info: SnapshotInfo;
  /** What the receiver starts from. */
  readonly manifestBytes: Uint8Array;
  #closed = false;

  /** Pins the snapshot of `slot` until close. */
  constructor(store: SnapshotStore, slot: number) {
    this.#store = store;
    this.#info = store.pin(slot);
    this.manifestBytes = encodeManifest(this.#info.manifest);
  }

  get slot(): number {
    return this.#info.slot;
  }

  /** Whether the snapshot has this chunk: for questions of a peer, which may ask for anything. */
  has(file: number, chunk: number): boolean {
    return this.#info.manifest.files[file]?.chunks[chunk] !== undefined;
  }

  /** The chunk's bytes, checked before they leave. Throws DamagedSnapshotError if they cannot be read right. */
  chunk(file: number, chunk: number): Promise<Uint8Array> {
    assert(!this.#closed, "the sender is open");
    return this.#store.chunk(this.#info, { file, chunk });
  }

  /** Unpins; idempotent. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#store.unpin(this.#info.slot);
  }
}
