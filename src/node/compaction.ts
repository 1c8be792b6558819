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
import type { StateMachine } from "../machine/state-machine.ts";
import type { Replica } from "../paxos/replica.ts";
import { type Slot, slot } from "../paxos/types.ts";
import { encodeSnapshotContext } from "./snapshot-context.ts";

export interface CompactionParts {
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

export class Compaction {
  readonly #parts: CompactionParts;
  #snapshotIndex: number;
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
    const { entriesMax, bytesMax } = this.#parts;
    const due = appliedIndex - this.#snapshotIndex >= entriesMax || this.#bytesSince >= bytesMax;
    if (due && this.#running === null) this.take().catch(this.#parts.onFailure);
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

  /** Begins nothing more and waits for what is under way. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#running?.catch(() => undefined);
  }

  async #take(): Promise<number> {
    const { machine, store, replica } = this.#parts;
    this.#bytesSince = 0;
    const aside = await store.createAside();
    const { appliedIndex } = await machine.snapshot(aside);
    // After a crash the files may be ahead of the log, which then cannot say which memberships were
    // in force: the snapshot waits until it has caught up.
    if (appliedIndex <= this.#snapshotIndex || appliedIndex > replica.status().chosenIndex) {
      await store.discardAside(aside);
      return this.#snapshotIndex;
    }
    const index = slot(appliedIndex);
    const { ballot } = replica.status();
    await store.publish(aside, {
      slot: index,
      ballot,
      context: encodeSnapshotContext(replica.membershipsFrom(index)),
    });
    await store.retain(KEPT_SNAPSHOTS);
    this.#snapshotIndex = appliedIndex;
    const tail = Math.floor(this.#parts.entriesMax / TAIL_DIVISOR);
    // What a restart would have to replay stays as well, so that it needs no snapshot.
    const replayFrom = await machine.checkpoint();
    const floor = slot(Math.max(Math.min(appliedIndex - tail, replayFrom), 0));
    if (floor > replica.status().truncationFloor) this.#parts.truncate(floor);
    return appliedIndex;
  }
}
