/**
 * One node as far as consensus and storage go: the production core over the production journal,
 * log, metadata and snapshots on a faulty disk, opened by openStorage. No sockets, no threads, no
 * SQL. It is driven in rounds: what it is handed in one round leaves with the next turn.
 */
import { pino } from "pino";
import { Receiver } from "../../../snapshots/receiver.ts";
import { Sender } from "../../../snapshots/sender.ts";
import type { Files } from "../../../src/base/files.ts";
import { SeededRandom } from "../../../src/base/random.ts";
import { fileNames } from "../../../src/node/catch-up.ts";
import { Compaction } from "../../../src/node/compaction.ts";
import type { MemberIdentity } from "../../../src/node/identity.ts";
import { Journal } from "../../../src/node/journal.ts";
import type { NodeMetrics } from "../../../src/node/metrics.ts";
import { openStorage, type Storage } from "../../../src/node/open-storage.ts";
import { replayFrom } from "../../../src/node/recover.ts";
import { decodeSnapshotContext } from "../../../src/node/snapshot-context.ts";
import { decodeBatch } from "../../../src/paxos/batch.ts";
import type { ReplicaConfig } from "../../../src/paxos/config.ts";
import type { Effects } from "../../../src/paxos/effects.ts";
import type { Input } from "../../../src/paxos/inputs.ts";
import { encodeMembership } from "../../../src/paxos/membership.ts";
import { Replica } from "../../../src/paxos/replica.ts";
import { type Entry, type NodeId, nodeId, slot } from "../../../src/paxos/types.ts";
import type { FaultyDisk } from "../faulty-files.ts";
import { genesisOf } from "../genesis.ts";
import { ManualClock } from "../manual-clock.ts";
import { settle } from "../settle.ts";
import { emptyNotes, NoteMachine, type Notes } from "./note-machine.ts";
import { type BadPlaces, NO_BAD_PLACES, withReadErrors } from "./read-errors.ts";

export const DATA = "/data";
export const STATE_PATHS = [`${DATA}/state.a`, `${DATA}/state.b`] as const;
export const WAL = `${DATA}/wal`;
export const SNAPSHOTS = `${DATA}/snapshots`;
/** Small, so that a log of a few entries has several. */
const SEGMENT_BYTES = 4096;
const VOTERS = 3;
/** Longer than an idle log waits with its seal. */
const IDLE_MS = 50;

export class StoredNode {
  readonly id: NodeId;
  readonly disk: FaultyDisk;
  readonly notes: Notes;
  /** What it warned of in its log. */
  readonly complaints: readonly string[];
  readonly #clock: ManualClock;
  readonly #machine: NoteMachine;
  readonly #storage: Storage;
  readonly #replica: Replica;
  readonly #journal: Journal;
  #inputs: Input[] = [];

  private constructor(disk: FaultyDisk, opened: Opened, storage: Storage) {
    this.id = nodeId(opened.id);
    this.disk = disk;
    this.notes = opened.notes;
    this.complaints = opened.complaints;
    this.#clock = opened.clock;
    this.#machine = opened.machine;
    this.#storage = storage;
    const { wal, metadata, durable, initial } = storage;
    this.#replica = new Replica(configOf(this.id), initial);
    this.#journal = new Journal({
      wal,
      metadata,
      state: durable,
      onDurable: (through) => this.input({ kind: "persisted", through }),
      // Whoever drives the node waits for `flushed` and `close`, which reject with it.
      onFailure: () => undefined,
    });
    this.#note(replayFrom(initial, slot(this.notes.appliedIndex)));
    this.input({ kind: "applied", index: slot(this.notes.appliedIndex) });
  }

  /** Opens what is on the disk as production does; throws what it throws. */
  static async start(parts: NodeFiles): Promise<StoredNode> {
    const { id, disk, bad = NO_BAD_PLACES, notes = emptyNotes(), salt = 0 } = parts;
    const files = withReadErrors(disk.files, bad);
    const machine = new NoteMachine(files, notes);
    const opened = { id, notes, machine, complaints: [], clock: new ManualClock(), salt };
    return new StoredNode(disk, opened, await openOn(files, opened));
  }

  get storage(): Storage {
    return this.#storage;
  }

  get replica(): Replica {
    return this.#replica;
  }

  get chosenIndex(): number {
    return this.#replica.status().chosenIndex;
  }

  input(input: Input): void {
    this.#inputs.push(input);
  }

  /** Steps what was handed in and carries out what it leads to; sends and answers are the caller's. */
  turn(): Effects {
    const inputs = this.#inputs;
    this.#inputs = [];
    this.#replica.step({ kind: "clock", wallMicros: 1_000_000 });
    for (const input of inputs) this.#replica.step(input);
    const effects = this.#replica.drain();
    if (effects.persist.length > 0) {
      this.#journal.persist(effects.persist, effects.persistSequence);
    }
    this.#note(effects.chosen);
    if (effects.chosen.length > 0) {
      this.input({ kind: "applied", index: slot(this.notes.appliedIndex) });
    }
    return effects;
  }

  flushed(): Promise<void> {
    return this.#journal.flushed();
  }

  /** Takes a snapshot and truncates the log up to it. */
  async compact(): Promise<void> {
    const { store } = this.#storage;
    const compaction = new Compaction(
      {
        self: this.id,
        clock: this.#clock,
        machine: this.#machine,
        store,
        replica: this.#replica,
        // At once: whatever is not durable by now is seen to be missing.
        truncate: (floor) => {
          this.input({ kind: "truncate", floor });
          this.turn();
        },
        onFailure: (error) => {
          throw error;
        },
        entriesMax: 1,
        bytesMax: 1,
      },
      store.latest()?.slot ?? 0,
    );
    await compaction.take();
  }

  /** As src/node/catch-up.ts does it, with all answers at once. */
  async install(source: StoredNode): Promise<void> {
    const newest = source.storage.store.latest();
    if (newest === null || newest.slot <= this.chosenIndex) return;
    const sender = new Sender(source.storage.store, newest.slot);
    const snapshot = await receiveFrom(sender, this.#storage).finally(() => sender.close());
    if (snapshot === null) return;
    const index = slot(snapshot.slot);
    const memberships = decodeSnapshotContext(snapshot.context);
    this.input({ kind: "snapshotInstalled", index, memberships });
    this.turn();
    await this.flushed();
    if (this.notes.appliedIndex < index) {
      await this.#machine.restore(snapshot.directory, fileNames(snapshot));
    }
    this.input({ kind: "applied", index: slot(this.notes.appliedIndex) });
  }

  /** So much time without anything to do that the log seals its last batch. */
  async idle(): Promise<void> {
    this.#clock.advance(IDLE_MS);
    await settle();
  }

  /** A stop in order. */
  close(): Promise<void> {
    return this.#journal.close();
  }

  #note(entries: readonly Entry[]): void {
    const fresh = entries.filter((entry) => entry.slot > this.notes.appliedIndex);
    this.#machine.note(
      fresh.map(({ slot: at, value }) =>
        value.kind === "batch"
          ? { slot: at, ...decodeBatch(value.payload) }
          : { slot: at, timestampMicros: 0, commands: [new Uint8Array(Buffer.from(value.kind))] },
      ),
    );
  }
}

/** What a node is started on. */
export interface NodeFiles {
  readonly id: number;
  readonly disk: FaultyDisk;
  readonly bad?: BadPlaces;
  readonly notes?: Notes;
  /** Tells lives apart: each draws its own salts. */
  readonly salt?: number;
}

interface Opened {
  readonly id: number;
  readonly notes: Notes;
  readonly machine: NoteMachine;
  readonly complaints: string[];
  readonly clock: ManualClock;
  readonly salt: number;
}

function openOn(files: Files, opened: Opened): Promise<Storage> {
  const { id, machine, complaints, clock, salt } = opened;
  return openStorage({
    paths: { path: DATA, walPath: WAL, snapshotsPath: SNAPSHOTS },
    files,
    clock,
    random: new SeededRandom(id, salt),
    segmentBytes: SEGMENT_BYTES,
    makeMachine: () => machine,
    identity: identityOf(id),
    log: pino({ level: "warn", base: null }, { write: (line: string) => complaints.push(line) }),
    metrics: NO_METRICS,
  });
}

async function receiveFrom(sender: Sender, { store }: Storage) {
  const receiver = await Receiver.start(store, sender.manifestBytes);
  for (let next = receiver.wanted(); next !== null; next = receiver.wanted()) {
    const bytes = await sender.chunk(next.file, next.chunk).catch(() => null);
    if (bytes === null) return null;
    await receiver.accept(next.file, next.chunk, bytes);
  }
  return receiver.finish();
}

function identityOf(id: number): MemberIdentity {
  return {
    kind: "member",
    name: `n${id}`,
    incarnation: `n${id}`,
    addresses: { sql: "", peer: "", http: null },
    clusterId: "stored",
    nodeId: nodeId(id),
    window: 8,
    membership: encodeMembership(genesisOf(VOTERS)),
  };
}

function configOf(self: NodeId): ReplicaConfig {
  const random = new SeededRandom(self, 77);
  return {
    self,
    electionTicks: 6,
    heartbeatTicks: 2,
    retryTicks: 4,
    diskStallTicks: 30,
    healTicks: 100,
    window: 8,
    pipelineSlots: 4,
    batchCommandsMax: 1,
    batchBytesMax: 64 * 1024,
    queueBytesMax: 1024 * 1024,
    transferBytesMax: 64 * 1024,
    random: (bound) => random.below(bound),
  };
}

const NO_METRICS: NodeMetrics = {
  observeCommit: () => undefined,
  observeSync: () => undefined,
  observeBatch: () => undefined,
  countLeaderChange: () => undefined,
  setSessions: () => undefined,
  countError: () => undefined,
};
