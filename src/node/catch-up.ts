/**
 * The receiving side of a snapshot transfer: what this node lacks is gone from the others' logs.
 *
 *   needed ──manifest──► receiving ──every chunk verified──► published in the own store
 *          ──durable: floor and memberships──► the state machine is replaced ──► the log goes on
 *
 * The floor is durable before the state machine moves: a crash in between leaves a machine below
 * the floor and a published snapshot, from which the next start restores it. A crash before that
 * leaves a published snapshot above the log's end, which is installed without another transfer. A
 * transfer that breaks off keeps its verified chunks and is resumed when the core asks again, also
 * from another node.
 */
import { Receiver } from "../../snapshots/receiver.ts";
import type { SnapshotInfo, SnapshotStore } from "../../snapshots/store.ts";
import { assert } from "../base/assert.ts";
import type { Clock } from "../base/clock.ts";
import type { StateMachine } from "../machine/state-machine.ts";
import { type NodeId, type Slot, slot } from "../paxos/types.ts";
import type { PeerMessage, SnapshotChunk, SnapshotManifest } from "../transport/peer-messages.ts";
import type { Transport } from "../transport/transport.ts";
import type { Catalogs } from "./catalogs.ts";
import type { Compaction } from "./compaction.ts";
import type { Node } from "./node.ts";
import { decodeSnapshotContext } from "./snapshot-context.ts";

export interface CatchUpParts {
  readonly node: Node;
  readonly machine: StateMachine;
  readonly store: SnapshotStore;
  readonly catalogs: Catalogs;
  readonly compaction: Compaction;
  readonly transport: Transport;
  readonly clock: Clock;
  readonly onProgress: (text: string) => void;
  /** The transfer or the installation failed; the core will ask again. */
  readonly onFailure: (what: string, error: unknown) => void;
  /** The state machine could not be replaced: this node cannot go on. */
  readonly onBroken: (error: unknown) => void;
}

type Answer = SnapshotManifest | SnapshotChunk;

interface Waiting {
  readonly from: NodeId;
  readonly sinceMs: number;
  readonly matches: (answer: Answer) => boolean;
  readonly resolve: (answer: Answer | null) => void;
}

const ANSWER_MS_MAX = 10_000;
const ATTEMPTS_MAX = 5;
/** Silent for this long, a node is given up if another one could help. */
const SILENCE_MS_MAX = 2_000;
const PROGRESS_STEP_CHUNKS = 64;

export class CatchUp {
  readonly #parts: CatchUpParts;
  #running: Promise<void> | null = null;
  #waiting: Waiting | null = null;
  #stopped = false;
  /** The node that is asked does not answer, and another one could. */
  #givenUp = false;

  constructor(parts: CatchUpParts) {
    this.#parts = parts;
  }

  /** Starts a transfer from `from` unless one is under way with a node that answers. */
  needed(from: NodeId): void {
    if (this.#stopped) return;
    if (this.#running !== null) {
      this.#giveUpIfSilent(from);
      return;
    }
    this.#running = this.#run(from)
      .catch((error: unknown) => this.#parts.onFailure("catching up from a snapshot", error))
      .finally(() => {
        this.#running = null;
      });
  }

  /** A manifest or chunk arrived. */
  answered(from: NodeId, answer: Answer): void {
    const waiting = this.#waiting;
    if (waiting !== null && waiting.from === from && waiting.matches(answer)) {
      waiting.resolve(answer);
    }
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#waiting?.resolve(null);
    await this.#running;
  }

  /** The core asks again, and will once more: then `other` gets its chance. */
  #giveUpIfSilent(other: NodeId): void {
    const waiting = this.#waiting;
    if (waiting === null || waiting.from === other) return;
    if (this.#parts.clock.monotonicMs() - waiting.sinceMs < SILENCE_MS_MAX) return;
    this.#givenUp = true;
    waiting.resolve(null);
  }

  async #run(from: NodeId): Promise<void> {
    this.#givenUp = false;
    const { node } = this.#parts;
    const own = await this.#ownSnapshot();
    if (own !== null) return this.#install(own);
    const manifest = await this.#ask(
      from,
      { kind: "snapshotManifestRequest" },
      (answer) => answer.kind === "snapshotManifest",
    );
    const bytes = manifest?.bytes ?? null;
    if (manifest === null || bytes === null) return;
    if (manifest.slot <= node.status.chosenIndex) return;
    this.#parts.onProgress(`receiving snapshot ${manifest.slot} from ${this.#nameOf(from)}`);
    const snapshot = await this.#fetch(from, manifest.slot, bytes);
    if (snapshot === null) return;
    this.#parts.onProgress(`snapshot ${snapshot.slot} is here and verified; installing it`);
    await this.#install(snapshot);
  }

  /** One that is here already and goes beyond the log. A damaged one must not be in a better one's way. */
  async #ownSnapshot(): Promise<SnapshotInfo | null> {
    const { store, node, onFailure } = this.#parts;
    const own = store.latest();
    if (own === null || own.slot <= node.status.chosenIndex) return null;
    const { chunks, files } = await store.verify(own.slot);
    if (chunks.length + files.length === 0) return own;
    onFailure("reading the own snapshot", new Error(`snapshot ${own.slot} is damaged`));
    await store.discard(own.slot);
    return null;
  }

  #nameOf(id: NodeId): string {
    return this.#parts.transport.peers().find((peer) => peer.id === id)?.name ?? `node ${id}`;
  }

  /** Null: the transfer broke off. */
  async #fetch(from: NodeId, index: Slot, manifest: Uint8Array): Promise<SnapshotInfo | null> {
    const receiver = await Receiver.start(this.#parts.store, manifest);
    try {
      return (await this.#receive(from, receiver, index)) ? await receiver.finish() : null;
    } finally {
      await receiver.close();
    }
  }

  /** False: the transfer broke off. */
  async #receive(from: NodeId, receiver: Receiver, index: Slot): Promise<boolean> {
    let received = 0;
    let wrong = 0;
    for (let wanted = receiver.wanted(); wanted !== null; wanted = receiver.wanted()) {
      const { file, chunk } = wanted;
      const answer = await this.#ask(
        from,
        { kind: "snapshotChunkRequest", slot: index, file, chunk },
        (candidate) =>
          candidate.kind === "snapshotChunk" &&
          candidate.slot === index &&
          candidate.file === file &&
          candidate.chunk === chunk,
      );
      const bytes = answer?.bytes ?? null;
      if (bytes === null) return false;
      if (!(await receiver.accept(file, chunk, bytes))) {
        wrong += 1;
        if (wrong > ATTEMPTS_MAX) return false;
        continue;
      }
      received += 1;
      if (received % PROGRESS_STEP_CHUNKS === 0) {
        const { receivedBytes, totalBytes } = receiver.progress;
        this.#parts.onProgress(`snapshot ${index}: ${receivedBytes} of ${totalBytes} bytes`);
      }
    }
    return true;
  }

  async #install(snapshot: SnapshotInfo): Promise<void> {
    const { node, compaction } = this.#parts;
    const index = slot(snapshot.slot);
    await node.applier.pause();
    if (node.status.chosenIndex >= index) {
      compaction.installed(index);
      node.applier.resume(node.applier.appliedIndex);
      return;
    }
    try {
      const memberships = decodeSnapshotContext(snapshot.context);
      await node.inputDurably({ kind: "snapshotInstalled", index, memberships });
      // After a crash only the log may be behind: then the state machine has all of it already.
      if (node.applier.appliedIndex < index) await this.#restore(snapshot);
      compaction.installed(index);
      node.applier.resume(Math.max(node.applier.appliedIndex, index));
      node.snapshotInstalled(slot(node.applier.appliedIndex));
    } catch (error) {
      this.#parts.onBroken(error);
    }
  }

  async #restore(snapshot: SnapshotInfo): Promise<void> {
    const { machine, catalogs } = this.#parts;
    const state = await machine.restore(snapshot.directory, fileNames(snapshot));
    catalogs.replaceAll(state.databases);
    assert(state.appliedIndex === snapshot.slot, "the machine stands where the snapshot says");
  }

  /** Null: no answer after several tries. */
  async #ask(
    from: NodeId,
    question: PeerMessage,
    matches: (answer: Answer) => boolean,
  ): Promise<Answer | null> {
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt += 1) {
      if (this.#stopped || this.#givenUp) return null;
      const answer = await new Promise<Answer | null>((resolve) => {
        const timer = this.#parts.clock.after(ANSWER_MS_MAX, () => resolve(null));
        this.#waiting = {
          from,
          sinceMs: this.#parts.clock.monotonicMs(),
          matches,
          resolve: (given) => {
            timer.cancel();
            resolve(given);
          },
        };
        this.#parts.transport.send(from, question);
      });
      this.#waiting = null;
      if (answer !== null) return answer;
    }
    return null;
  }
}

/** The files of a snapshot, as the machine restores them. */
export function fileNames(snapshot: SnapshotInfo): readonly string[] {
  return snapshot.manifest.files.map(({ name }) => name);
}
