/**
 * When this node takes a snapshot, and how far its log may be truncated afterwards.
 *
 * Deletion in the tutorial's order: every replica that matters has agreed (the slots are chosen and
 * covered by a durable, verified snapshot here), what is older is fenced (the floor is durable, and
 * below it the answer is "truncated", never "nothing accepted"), then the bytes go, once.
 *
 * A tail of the log stays behind the snapshot so that a node that was away for a moment needs no
 * snapshot.
 */
import type { SnapshotStore } from "../../snapshots/store.ts";
import type { Clock } from "../base/clock.ts";
import type { StateMachine } from "../machine/state-machine.ts";
import type { Replica } from "../paxos/replica.ts";
import { type NodeId, type Slot, slot } from "../paxos/types.ts";
import { encodeSnapshotContext } from "./snapshot-context.ts";
import { isSnapshotDue } from "./snapshot-due.ts";

export interface CompactionParts {
  readonly self: NodeId;
  readonly clock: Clock;
  readonly machine: StateMachine;
  readonly store: SnapshotStore;
  readonly replica: Replica;
  /** Hands the new floor to the core. */
  readonly truncate: (floor: Slot) => void;
  readonly onFailure: (error: unknown) => void;
  readonly entriesMax: number;
  readonly bytesMax: number;
}

/** Snapshots that are kept. */
const KEPT_SNAPSHOTS = 2;
/** The part of `entriesMax` that stays in the log behind a snapshot. */
const TAIL_DIVISOR = 10;
/** Each try copies everything: on a full disk, say, not with every slot. */
const RETRY_MS = 10_000;

export class Compaction {
  readonly #parts: CompactionParts;
  #snapshotIndex: number;
  /** No snapshot by itself before this time: the last one could not be taken. */
  #notBeforeMs = Number.NEGATIVE_INFINITY;
  #bytesSince = 0;
  #running: Promise<number> | null = null;
  #stopped = false;

  constructor(parts: CompactionParts, snapshotIndex: number) {
    this.#parts = parts;
    this.#snapshotIndex = snapshotIndex;
  }

  /** The newest snapshot here covers up to this slot; 0 if there is none. */
  get snapshotIndex(): number {
    return this.#snapshotIndex;
  }

  /** A slot of that many bytes goes to the state machine. */
  received(bytes: number): void {
    this.#bytesSince += bytes;
  }

  /** Entries were applied up to `appliedIndex`. */
  applied(appliedIndex: number): void {
    const { store, clock, self: node } = this.#parts;
    const entries = appliedIndex - this.#snapshotIndex;
    // Asked for each batch that is applied: what is at hand comes first.
    if (entries < this.#parts.entriesMax && this.#bytesSince < this.#parts.bytesMax) return;
    if (this.#running !== null || clock.monotonicMs() < this.#notBeforeMs) return;
    const snapshotBytes = store.latest()?.totalBytes ?? 0;
    const since = { entries, bytes: this.#bytesSince, snapshotBytes, node };
    if (!isSnapshotDue(since, this.#parts)) return;
    this.#notBeforeMs = clock.monotonicMs() + RETRY_MS;
    this.take().catch(this.#parts.onFailure);
  }

  /** A snapshot came from elsewhere. */
  installed(index: number): void {
    this.#snapshotIndex = Math.max(this.#snapshotIndex, index);
    this.#bytesSince = 0;
  }

  /** Takes a snapshot now, or waits for the one under way; resolves with its index. */
  take(): Promise<number> {
    if (this.#stopped) return Promise.reject(new Error("the node is stopping"));
    this.#running ??= this.#take().finally(() => {
      this.#running = null;
    });
    return this.#running;
  }

  /** The snapshot at `index` turned out to be damaged: it goes, and a new one is taken. */
  async replace(index: number): Promise<void> {
    const { store } = this.#parts;
    await this.#running?.catch(() => undefined);
    if (!store.list().some((snapshot) => snapshot.slot === index)) return;
    await store.discard(index);
    this.#snapshotIndex = store.latest()?.slot ?? 0;
    await this.take();
  }

  /** Begins nothing more and waits for what is under way. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#running?.catch(() => undefined);
  }

  async #take(): Promise<number> {
    const aside = await this.#parts.store.createAside();
    try {
      const index = await this.#copyTo(aside);
      return index === null ? this.#snapshotIndex : await this.#truncateTo(index);
    } finally {
      // What was published has another name now; anything else would fill the disk.
      await this.#parts.store.discardAside(aside);
    }
  }

  /** Null: there is nothing newer to take a snapshot of. */
  async #copyTo(aside: string): Promise<number | null> {
    const { machine, store, replica } = this.#parts;
    const bytesBefore = this.#bytesSince;
    const { appliedIndex } = await machine.snapshot(aside);
    const { ballot, chosenIndex } = replica.status();
    // After a crash the files may be ahead of the log, which then cannot say which memberships were
    // in force: the snapshot waits until it has caught up.
    if (appliedIndex <= this.#snapshotIndex || appliedIndex > chosenIndex) return null;
    const index = slot(appliedIndex);
    const context = encodeSnapshotContext(replica.membershipsFrom(index));
    await store.publish(aside, { slot: index, ballot, context });
    this.#snapshotIndex = appliedIndex;
    this.#bytesSince -= bytesBefore;
    this.#notBeforeMs = Number.NEGATIVE_INFINITY;
    return appliedIndex;
  }

  async #truncateTo(appliedIndex: number): Promise<number> {
    const { machine, store, replica } = this.#parts;
    await store.retain(KEPT_SNAPSHOTS);
    const tail = Math.floor(this.#parts.entriesMax / TAIL_DIVISOR);
    // What a restart would have to replay stays as well, so that it needs no snapshot.
    const replayFrom = await machine.checkpoint();
    const floor = slot(Math.max(Math.min(appliedIndex - tail, replayFrom), 0));
    if (floor > replica.status().truncationFloor) this.#parts.truncate(floor);
    return appliedIndex;
  }
}
