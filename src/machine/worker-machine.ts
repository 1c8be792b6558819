/**
 * The state machine of a running node: one thread that writes what may take long (Writer has the
 * rest), others that read, so that neither a long statement delays consensus nor a long query delays
 * applying. A copier thread lives as long as a snapshot or a content hash takes.
 *
 *     this thread ──apply, checkpoint, restore──► writer
 *                 ──read, readMore, closeCursor─► readers (a query on the one with the fewest waiting)
 *                 ──pin, copy, hash─────────────► copier
 *
 * A call with a Stop ends when that asks for it, where its statement calls synod_check() (stop.ts);
 * `close` asks for it everywhere. Otherwise a thread that is inside an SQLite statement cannot be
 * stopped: better-sqlite3 has no interrupt, Worker.terminate() waits until the statement ends, and
 * so does the exit of the process. `close` gives readers READER_CLOSE_MS_MAX, then leaves them
 * behind and says so in `hasRunawayRead`: the process must then end itself by SIGKILL, which loses
 * nothing, since the writer has closed its files.
 */
import { CURSOR_IDLE_MS_MAX, READ_CURSORS_MAX, READER_CLOSE_MS_MAX } from "../base/limits.ts";
import type { Durability } from "./connection.ts";
import { Machine } from "./machine.ts";
import { MachineError } from "./machine-error.ts";
import { MachineThread } from "./machine-thread.ts";
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
  readonly #readers: readonly MachineThread<ReaderCalls>[];
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
    this.#readers = Array.from({ length: readers }, () =>
      this.#start<ReaderCalls>({
        role: "reader",
        directory,
        cursorsMax: options.cursorsMax ?? READ_CURSORS_MAX,
        cursorIdleMs: options.cursorIdleMs ?? CURSOR_IDLE_MS_MAX,
      }),
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
      if (catalog !== null) continue;
      for (const reader of this.#readers) {
        reader.call("forget", info.id).catch(() => {
          // A reader that is gone holds no file; its failure was reported.
        });
      }
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
    this.#writer.publish();
    if (inTransaction === undefined || inTransaction.view === "new") {
      const index = this.#idlestReader();
      const page = await this.#reader(index).callUntil(stop, "read", request);
      return this.#withGlobalIds(page, index);
    }
    const index = inTransaction.view % this.#readers.length;
    const view = Math.floor(inTransaction.view / this.#readers.length);
    const local = { ...request, inTransaction: { ...inTransaction, view } };
    return this.#withGlobalIds(await this.#reader(index).callUntil(stop, "read", local), index);
  }

  speculate(request: SpeculationRequest, stop = new Stop()): Promise<SpeculationResult> {
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
    const index = cursor % this.#readers.length;
    const local = Math.floor(cursor / this.#readers.length);
    const page = await this.#reader(index).callUntil(stop, "readMore", local, rows);
    return this.#withGlobalIds(page, index);
  }

  closeCursor(cursor: number): void {
    const local = Math.floor(cursor / this.#readers.length);
    this.#reader(cursor % this.#readers.length)
      .call("closeCursor", local)
      .catch(() => {
        // The reader is gone and the cursor with it; its failure was reported.
      });
  }

  closeView(view: number): void {
    this.#reader(view % this.#readers.length)
      .call("closeView", Math.floor(view / this.#readers.length))
      .catch(() => {
        // The reader is gone and the view with it; its failure was reported.
      });
  }

  async snapshot(directory: string): Promise<SnapshotFiles> {
    return this.#withPinnedFiles((copier) => copier.call("copyTo", directory));
  }

  async contentHash(): Promise<{ appliedIndex: number; hash: string }> {
    return this.#withPinnedFiles((copier) => copier.call("contentHash"));
  }

  async restore(directory: string, files: readonly string[]): Promise<MachineState> {
    const restored = this.#holdingWriter(async () => {
      await this.#closeReaders();
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
    const ended = await Promise.all(this.#readers.map((reader) => reader.end(READER_CLOSE_MS_MAX)));
    this.#hasRunawayRead = ended.includes(false);
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

  /**
   * The last connection to close an SQLite file removes the -wal by its name, which after the switch
   * is the new file's: so no reader may hold the old files then.
   */
  async #closeReaders(): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const tooLong = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(
        () => reject(new MachineError("a query that does not end holds the files")),
        READER_CLOSE_MS_MAX,
      );
    });
    const closed = Promise.all(this.#readers.map((reader) => reader.call("closeFiles")));
    await Promise.race([closed, tooLong]).finally(() => clearTimeout(timer));
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

  #idlestReader(): number {
    let best = 0;
    for (const [index, reader] of this.#readers.entries()) {
      if (reader.waiting < this.#reader(best).waiting) best = index;
    }
    return best;
  }

  #reader(index: number): MachineThread<ReaderCalls> {
    const reader = this.#readers[index];
    if (reader === undefined) throw new RangeError(`no reader ${index}`);
    return reader;
  }

  /** Cursors and views are numbered by each reader; outside, the reader is part of the number. */
  #withGlobalIds({ rows, cursor, view }: ReadPage, index: number): ReadPage {
    const global = (id: number): number => id * this.#readers.length + index;
    const page = { rows, cursor: cursor === null ? null : global(cursor) };
    return view === undefined ? page : { ...page, view: global(view) };
  }
}

/** Comes when `promise` has ended, in whatever way. */
async function settled(promise: Promise<unknown>): Promise<void> {
  await promise.then(
    () => undefined,
    () => undefined,
  );
}
