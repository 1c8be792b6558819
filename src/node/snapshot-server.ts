/**
 * The serving side of a snapshot transfer: answers requests for the newest manifest and for single
 * chunks. A snapshot that is being sent is pinned until nobody has asked for it for a while.
 */
import { Sender } from "../../snapshots/sender.ts";
import { DamagedSnapshotError, type SnapshotStore } from "../../snapshots/store.ts";
import type { Clock, Timer } from "../base/clock.ts";
import { type NodeId, slot } from "../paxos/types.ts";
import type { SnapshotChunkRequest } from "../transport/peer-messages.ts";
import type { Transport } from "../transport/transport.ts";
import type { Compaction } from "./compaction.ts";

export interface SnapshotServerParts {
  readonly store: SnapshotStore;
  readonly compaction: Compaction;
  readonly transport: Transport;
  readonly clock: Clock;
  readonly onFailure: (what: string, error: unknown) => void;
}

interface Sending {
  readonly sender: Sender;
  readonly timer: Timer;
}

const IDLE_MS_MAX = 60_000;

export class SnapshotServer {
  readonly #parts: SnapshotServerParts;
  /** By snapshot index. */
  readonly #sending = new Map<number, Sending>();

  constructor(parts: SnapshotServerParts) {
    this.#parts = parts;
  }

  /** Answers with the newest snapshot's manifest; takes a snapshot if there is none. */
  manifestWanted(from: NodeId): void {
    this.#manifest()
      .then(({ index, bytes }) => {
        this.#parts.transport.send(from, { kind: "snapshotManifest", slot: slot(index), bytes });
      })
      .catch((error: unknown) => this.#parts.onFailure("offering a snapshot", error));
  }

  chunkWanted(from: NodeId, request: SnapshotChunkRequest): void {
    const { slot: index, file, chunk } = request;
    this.#chunk(index, file, chunk)
      .then((bytes) => {
        this.#parts.transport.send(from, {
          kind: "snapshotChunk",
          slot: index,
          file,
          chunk,
          bytes,
        });
      })
      .catch((error: unknown) => this.#failed(index, error));
  }

  stop(): void {
    for (const index of this.#sending.keys()) this.#release(index);
  }

  /** A damaged snapshot would be offered for ever: a new one takes its place. */
  #failed(index: number, error: unknown): void {
    this.#parts.onFailure("sending a snapshot", error);
    if (!(error instanceof DamagedSnapshotError)) return;
    this.#release(index);
    this.#parts.compaction
      .replace(index)
      .catch((cause: unknown) => this.#parts.onFailure("replacing a damaged snapshot", cause));
  }

  async #manifest(): Promise<{ index: number; bytes: Uint8Array }> {
    if (this.#parts.store.latest() === null) await this.#parts.compaction.take();
    const latest = this.#parts.store.latest();
    if (latest === null) throw new Error("no snapshot could be taken");
    return { index: latest.slot, bytes: this.#keep(latest.slot).manifestBytes };
  }

  /** Null: that snapshot is gone, or never had such a chunk. */
  async #chunk(index: number, file: number, chunk: number): Promise<Uint8Array | null> {
    if (!this.#parts.store.list().some((snapshot) => snapshot.slot === index)) return null;
    const sender = this.#keep(index);
    return sender.has(file, chunk) ? sender.chunk(file, chunk) : null;
  }

  /** The sender of that snapshot, which stays pinned for a while. */
  #keep(index: number): Sender {
    const sending = this.#sending.get(index);
    sending?.timer.cancel();
    const sender = sending?.sender ?? new Sender(this.#parts.store, index);
    const timer = this.#parts.clock.after(IDLE_MS_MAX, () => this.#release(index));
    this.#sending.set(index, { sender, timer });
    return sender;
  }

  #release(index: number): void {
    const sending = this.#sending.get(index);
    sending?.timer.cancel();
    sending?.sender.close();
    this.#sending.delete(index);
  }
}
