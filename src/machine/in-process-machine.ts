/** The state machine in the caller's own thread: for simulations, tests and tools. */

import { type Clock, systemClock } from "../base/clock.ts";
import { type BlockingFiles, systemBlockingFiles } from "../base/files-blocking.ts";
import { type Random, systemRandom } from "../base/random.ts";
import { Machine, type MachineOptions } from "./machine.ts";
import { filesDirectoryOf } from "./machine-directory.ts";
import { PinnedFiles } from "./pinned-files.ts";
import { Reader, type ReaderOptions } from "./reader.ts";
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
import type { Stop } from "./stop.ts";

export interface InProcessMachineOptions
  extends MachineOptions,
    Pick<ReaderOptions, "cursorsMax" | "cursorIdleMs" | "viewIdleMs"> {
  readonly clock?: Clock;
  readonly random?: Random;
}

export class InProcessMachine implements StateMachine {
  /** A call has returned before `close` can be asked for. */
  readonly hasRunawayRead = false;
  readonly #machine: Machine;
  readonly #reader: Reader;
  readonly #files: BlockingFiles;
  readonly #filesDirectory: string;

  constructor(options: InProcessMachineOptions) {
    this.#machine = new Machine(options);
    this.#files = options.files ?? systemBlockingFiles;
    this.#filesDirectory = filesDirectoryOf(options.directory);
    this.#reader = new Reader({
      ...options,
      filesDirectory: this.#filesDirectory,
      clock: options.clock ?? systemClock,
      random: options.random ?? systemRandom,
    });
  }

  async open(): Promise<MachineState> {
    return this.#machine.open();
  }

  async apply(entries: readonly AppliedEntry[]): Promise<ApplyReport> {
    const report = this.#machine.apply(entries);
    for (const { info, catalog } of report.changedDatabases) {
      if (catalog === null) this.#reader.forget(info.id);
    }
    return report;
  }

  async read(request: ReadRequest, stop?: Stop): Promise<ReadPage> {
    stop?.check();
    return this.#reader.read(request);
  }

  speculate(request: SpeculationRequest, stop?: Stop): SpeculationResult {
    stop?.check();
    return this.#machine.speculate(request);
  }

  endTransaction(database: DatabaseId, transaction: number): void {
    this.#machine.endTransaction(database, transaction);
  }

  async readMore(cursor: number, rows: number, stop?: Stop): Promise<ReadPage> {
    stop?.check();
    return this.#reader.readMore(cursor, rows);
  }

  closeCursor(cursor: number): void {
    this.#reader.closeCursor(cursor);
  }

  closeView(view: number): void {
    this.#reader.closeView(view);
  }

  async snapshot(directory: string): Promise<SnapshotFiles> {
    const pinned = this.#pin();
    try {
      return await pinned.copyTo(directory, this.#files);
    } finally {
      pinned.close();
    }
  }

  async restore(directory: string, files: readonly string[]): Promise<MachineState> {
    this.#reader.closeFiles();
    return this.#machine.restore(directory, files);
  }

  async contentHash(): Promise<{ appliedIndex: number; hash: string }> {
    const pinned = this.#pin();
    try {
      return pinned.contentHash();
    } finally {
      pinned.close();
    }
  }

  async checkpoint(): Promise<number> {
    return this.#machine.checkpoint();
  }

  async close(): Promise<void> {
    this.#reader.closeFiles();
    this.#machine.close();
  }

  #pin(): PinnedFiles {
    return new PinnedFiles(this.#filesDirectory, this.#machine.appliedIndex);
  }
}
