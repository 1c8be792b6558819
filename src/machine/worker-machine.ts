/**
 * The state machine of a running node: one thread that writes what may take long (Writer has the
 * rest), others that read, so that neither a long statement delays consensus nor a long query delays
 * applying. A copier thread lives as long as a snapshot or a content hash takes.
 *
 *     this thread ──apply, checkpoint, restore──► writer
 *                 ──read, readMore, closeCursor─► readers (Readers: a query on the one with the fewest waiting)
 *                 ──pin, copy, hash─────────────► copier
 *
 * A call with a Stop ends when that asks for it, where its statement calls synod_check() (stop.ts);
 * `close` asks for it everywhere. Otherwise a thread that is inside an SQLite statement cannot be
 * stopped: better-sqlite3 has no interrupt, Worker.terminate() waits until the statement ends, and
 * so does the exit of the process. `close` gives readers READER_CLOSE_MS_MAX, then leaves them
 * behind and says so in `hasRunawayRead`: the process must then end itself by SIGKILL, which loses
 * nothing, since the writer has closed its files.
 */

import { systemClock } from "../base/clock.ts";
import { CURSOR_IDLE_MS_MAX, NEAR_VIEWS_MAX, READ_CURSORS_MAX } from "../base/limits.ts";
import type { MaybePromise } from "../base/maybe-promise.ts";
import { systemRandom } from "../base/random.ts";
import type { Durability } from "./connection.ts";
import { Machine } from "./machine.ts";
import { filesDirectoryOf } from "./machine-directory.ts";
import type { MachineError } from "./machine-error.ts";
import { MachineThread } from "./machine-thread.ts";
import { Reader } from "./reader.ts";
import { Readers } from "./readers.ts";
import type { SpeculationRequest, SpeculationResult } from "./speculation.ts";
import type {
  AppliedEntry,
  ApplyReport,
  DatabaseId,
  MachineState,
  ReadPage,
  ReadRequest,
  SnapshotFiles,
  StateMachine,
} from "./state-machine.ts";
import { Stop } from "./stop.ts";
import type { CopierCalls, ReaderCalls, WriterCalls } from "./worker-protocol.ts";
import { Writer } from "./writer.ts";

export interface WorkerMachineOptions {
  /** Belongs to the machine alone; created if it does not exist. */
  readonly directory: string;
  /** The NodeId of this node. */
  readonly node: number;
  readonly durability?: Durability;
  /** Reader threads; 2 if not given. */
  readonly readers?: number;
  /** Open cursors of each reader. */
  readonly cursorsMax?: number;
  readonly cursorIdleMs?: number;
  /** The compiled worker.ts; beside this file if not given. */
  readonly workerUrl?: URL;
  /** The files cannot be used any more, or a thread ended by itself: what waited for it was rejected. */
  readonly onFailure?: (error: MachineError) => void;
}

const READERS = 2;
/** The writer ends as soon as its statement does, however long that takes: it must close its files. */
const WRITER_CLOSE_MS = 2_147_483_647;

export class WorkerMachine implements StateMachine {
  readonly #options: WorkerMachineOptions;
  readonly #writer: Writer;
  readonly #readers: Readers;
  /** Calls to the writer start when this has come: a snapshot holds them back while it pins. */
  #turn: Promise<void> | null = null;
  /** Reads start when this has come: a restore holds them back. */
  #readable: Promise<void> = Promise.resolve();
  #hasRunawayRead = false;

  constructor(options: WorkerMachineOptions) {
    this.#options = options;
    const { directory, node, durability = "lazy", readers = READERS } = options;
    this.#writer = new Writer({
      thread: this.#start<WriterCalls>({ role: "writer", directory, node, durability }),
      near: new Machine({ directory, node, durability, isNear: true }),
      nowMs: () => performance.now(),
      onFailure: (error) => this.#options.onFailure?.(error),
    });
    const cursors = {
      cursorsMax: options.cursorsMax ?? READ_CURSORS_MAX,
      cursorIdleMs: options.cursorIdleMs ?? CURSOR_IDLE_MS_MAX,
    };
    this.#readers = new Readers(
      Array.from({ length: readers }, () =>
        this.#start<ReaderCalls>({ role: "reader", directory, ...cursors }),
      ),
      new Reader({
        filesDirectory: filesDirectoryOf(directory),
        clock: systemClock,
        random: systemRandom,
        idleMax: NEAR_VIEWS_MAX,
        ...cursors,
      }),
      () => performance.now(),
    );
  }

  /** After `close`: a reader is still inside a statement and only SIGKILL ends this process. */
  get hasRunawayRead(): boolean {
    return this.#hasRunawayRead;
  }

  async open(): Promise<MachineState> {
    return this.#writer.open();
  }

  async apply(entries: readonly AppliedEntry[]): Promise<ApplyReport> {
    // Messages and records of this turn go on their way first.
    await Promise.resolve();
    while (this.#turn !== null) await this.#turn;
    const report = await this.#writer.apply(entries);
    for (const { info, catalog } of report.changedDatabases) {
      if (catalog === null) this.#readers.forget(info.id);
    }
    return report;
  }

  async read(request: ReadRequest, stop = new Stop()): Promise<ReadPage> {
    await this.#readable;
    const { inTransaction, usesSystemRelations } = request;
    if (inTransaction === undefined && !usesSystemRelations) {
      stop.check();
      const page = this.#writer.readHere(request);
      if (page !== null) return page;
    }
    if (typeof inTransaction?.view !== "number") this.#writer.publish();
    return this.#readers.read(request, stop);
  }

  speculate(request: SpeculationRequest, stop = new Stop()): MaybePromise<SpeculationResult> {
    const turn = this.#turn;
    if (turn === null) return this.#writer.speculate(request, stop);
    return turn.then(() => this.speculate(request, stop));
  }

  endTransaction(database: DatabaseId, transaction: number): void {
    this.#writer.endTransaction(database, transaction).catch(() => {
      // The writer is gone and its open transactions with it; its failure was reported.
    });
  }

  async readMore(cursor: number, rows: number, stop = new Stop()): Promise<ReadPage> {
    await this.#readable;
    return this.#readers.readMore(cursor, rows, stop);
  }

  closeCursor(cursor: number): void {
    this.#readers.closeCursor(cursor);
  }

  closeView(view: number): void {
    this.#readers.closeView(view);
  }

  async snapshot(directory: string): Promise<SnapshotFiles> {
    return this.#withPinnedFiles((copier) => copier.call("copyTo", directory));
  }

  async contentHash(): Promise<{ appliedIndex: number; hash: string }> {
    return this.#withPinnedFiles((copier) => copier.call("contentHash"));
  }

  async restore(directory: string, files: readonly string[]): Promise<MachineState> {
    const restored = this.#holdingWriter(async () => {
      // The last connection to close an SQLite file removes the -wal by its name, which after the switch
      // is the new file's: so no reader may hold the old files then.
      await this.#readers.closeFiles();
      return this.#writer.restore(directory, files);
    });
    this.#readable = settled(restored);
    return restored;
  }

  async checkpoint(): Promise<number> {
    while (this.#turn !== null) await this.#turn;
    return this.#writer.checkpoint();
  }

  async close(): Promise<void> {
    while (this.#turn !== null) await this.#turn;
    await this.#writer.end(WRITER_CLOSE_MS);
    this.#hasRunawayRead = !(await this.#readers.end());
  }

  /** Pins every file between two batches, and lets applying go on while `work` runs. */
  async #withPinnedFiles<Result>(
    work: (copier: MachineThread<CopierCalls>) => Promise<Result>,
  ): Promise<Result> {
    const { directory } = this.#options;
    const copier = this.#start<CopierCalls>({ role: "copier", directory });
    try {
      await copier.call("ready");
      await this.#holdingWriter(async () => {
        const appliedIndex = await this.#writer.appliedIndex();
        await copier.call("pin", appliedIndex);
      });
      return await work(copier);
    } finally {
      await copier.end(WRITER_CLOSE_MS);
    }
  }

  /** Runs `work` with nothing under way in the writer but what `work` asks of it. */
  async #holdingWriter<Result>(work: () => Promise<Result>): Promise<Result> {
    while (this.#turn !== null) await this.#turn;
    const held = this.#writer.appliedIndex().then(work);
    this.#turn = settled(held).then(() => {
      this.#turn = null;
    });
    return held;
  }

  #start<Calls>(role: ConstructorParameters<typeof MachineThread>[1]): MachineThread<Calls> {
    const url = this.#options.workerUrl ?? new URL("./worker.js", import.meta.url);
    return new MachineThread<Calls>(url, role, (error) => this.#options.onFailure?.(error));
  }
}

/** Comes when `promise` has ended, in whatever way. */
async function settled(promise: Promise<unknown>): Promise<void> {
  await promise.then(
    () => undefined,
    () => undefined,
  );
}
