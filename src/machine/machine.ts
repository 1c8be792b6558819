/**
 * The replicated state machine in one thread: applies the log's entries to the files, one SQLite
 * transaction a file for as many entries as come at once.
 *
 * What becomes of a command for a database depends on that database's file alone, because after a
 * power loss the files may be at different places in the log and each replays only what it has not:
 *
 * 1. Sessions are opened in every file; a new database's file starts with those open at its place.
 * 2. A command at or before a file's position is passed over there.
 * 3. A new file is durable before the system file names it; the system file is durable without the
 *    name before a file is removed (machine-directory.ts has the cases).
 */
import { AssertionError, assert } from "../base/assert.ts";
import { type BlockingFiles, systemBlockingFiles } from "../base/files-blocking.ts";
import { BATCH_COMMANDS_MAX } from "../base/limits.ts";
import { CommandRunner } from "./command-runner.ts";
import type { Durability } from "./connection.ts";
import { DatabaseFile } from "./database-file.ts";
import { areShort, type DecodedEntry, decodeEntry, mayBeShort } from "./decoded-entry.ts";
import { addWord, type DigestState, digestText } from "./digest.ts";
import type { HandedFiles, Measured } from "./handed-files.ts";
import { MachineDirectory } from "./machine-directory.ts";
import { MachineError } from "./machine-error.ts";
import { MachineFiles } from "./machine-files.ts";
import { missingDatabase } from "./missing-database.ts";
import type { SpeculationRequest, SpeculationResult } from "./speculation.ts";
import type { Speculations } from "./speculations.ts";
import { endOfSlot, slotAppliedAt } from "./state-file.ts";
import type {
  AppliedEntry,
  ApplyReport,
  DatabaseId,
  MachineState,
  ReadPage,
  ReadRequest,
} from "./state-machine.ts";
import { SystemFile } from "./system-file.ts";

export interface MachineOptions {
  /** Belongs to the machine alone; created if it does not exist. */
  readonly directory: string;
  /** The NodeId of this node: outcomes of its gateway's commands are reported. */
  readonly node: number;
  readonly durability?: Durability;
  readonly files?: BlockingFiles;
  /**
   * It shares the files with another machine (writer.ts): what it applied is committed, and visible to
   * other connections, when `publish` is called or much has gathered, and it leaves it to the other to
   * call `tidy`.
   */
  readonly isNear?: boolean;
}

/** Commands after which the open transactions are committed, so that a long replay needs no more memory. */
const COMMANDS_PER_TRANSACTION = 8192;
/** Fewer where each commit is one of the moments in which nothing else runs. */
const NEAR_COMMANDS_PER_TRANSACTION = 500;

export class Machine {
  readonly #directory: MachineDirectory;
  readonly #durability: Durability;
  readonly #isNear: boolean;
  readonly #files: MachineFiles;
  readonly #commands: CommandRunner;
  #appliedIndex = 0;
  /** Another machine has them otherwise, and what this one knows of them may be outdated. */
  #hasFiles = false;
  /** Commands that were applied and not committed. */
  #uncommitted = 0;
  #broken: unknown = null;

  constructor({
    directory,
    node,
    durability = "lazy",
    files = systemBlockingFiles,
    isNear = false,
  }: MachineOptions) {
    this.#directory = new MachineDirectory(directory, files, durability);
    this.#durability = durability;
    this.#isNear = isNear;
    this.#files = new MachineFiles(this.#directory, durability);
    this.#commands = new CommandRunner(this.#directory, this.#files, node);
  }

  /** Every slot up to and including this one is applied to every file. */
  get appliedIndex(): number {
    return this.#appliedIndex;
  }

  /** Where the files in use are; stays the same over a restore. */
  get filesDirectory(): string {
    return this.#directory.inUse;
  }

  /** Opens the files, creating them where there are none; throws MachineError for damaged ones. */
  open(): MachineState {
    assert(!this.#files.areOpen, "the machine is open");
    const found = this.#directory.settle();
    return this.#guard(() => {
      const infos = this.#files.open();
      this.#hasFiles = true;
      this.#directory.removeStrays(new Set(infos.map(({ id }) => id)));
      for (const info of infos) this.#files.openDatabase(info);
      const positions = this.#files.all.map((file) => file.progress.position);
      this.#appliedIndex = slotAppliedAt(Math.min(...positions));
      const databases = this.#files.databases.map(({ info, catalog }) => ({ info, catalog }));
      return { appliedIndex: this.#appliedIndex, databases, ...found };
    });
  }

  /** See StateMachine.apply. Throws MachineError; then only `close` may be called. */
  apply(entries: readonly AppliedEntry[]): ApplyReport {
    return this.#guard(() => this.#applyAll(entries.map(decodeEntry)));
  }

  /** As `apply`, with whether it was short. */
  applyMeasured(entries: readonly AppliedEntry[]): Measured<ApplyReport> {
    return this.#guard(() => {
      const all = entries.map(decodeEntry);
      const wasShort =
        mayBeShort(entries) && areShort(all, (command) => this.#commands.isShort(command));
      return { result: this.#applyAll(all), wasShort };
    });
  }

  /** As `apply`; null, and nothing was done, unless it is surely done in a moment. */
  applyIfShort(entries: readonly AppliedEntry[]): ApplyReport | null {
    if (!mayBeShort(entries)) return null;
    return this.#guard(() => {
      const all = entries.map(decodeEntry);
      return areShort(all, (command) => this.#commands.isShort(command))
        ? this.#applyAll(all)
        : null;
    });
  }

  /** See StateMachine.speculate. */
  speculate(request: SpeculationRequest): SpeculationResult {
    return this.#speculations(request.database).speculate(request);
  }

  /** As `speculate`, with whether it was short. */
  speculateMeasured(request: SpeculationRequest): Measured<SpeculationResult> {
    const speculations = this.#speculations(request.database);
    const wasShort = speculations.isShort(request);
    return { result: speculations.speculate(request), wasShort };
  }

  /** As `speculate`; null, and nothing was done, unless it is surely done in a moment. */
  speculateIfShort(request: SpeculationRequest): SpeculationResult | null {
    const speculations = this.#speculations(request.database);
    return speculations.isShort(request) ? speculations.speculate(request) : null;
  }

  /**
   * The rows of a query of no transaction, if it surely is done in a moment; null, and nothing ran, if
   * not. It sees what was applied, published or not. Throws StaleSchemaError and SqlError.
   */
  readIfShort(request: ReadRequest, seed: Uint8Array): ReadPage["rows"] | null {
    return this.#files.find(request.database)?.readIfShort(request, seed) ?? null;
  }

  /** See StateMachine.endTransaction. */
  endTransaction(database: DatabaseId, transaction: number): void {
    this.#files.find(database)?.speculations.end(transaction);
  }

  /** See StateMachine.checkpoint. */
  checkpoint(): number {
    return this.#guard(() => {
      assert(this.#hasFiles, "another machine has the files");
      for (const file of this.#files.all) {
        file.advance(endOfSlot(this.#appliedIndex));
        file.makeDurable();
        file.tidy();
      }
      return this.#appliedIndex;
    });
  }

  /**
   * Lets another machine of this process, over the same directory, take the files over: what it needs
   * that is not in them. Nothing may be asked of this one, `tidy` and `closeFiles` excepted, until it
   * takes them over again.
   */
  handOver(): HandedFiles {
    return this.#guard(() => {
      this.#commit();
      this.#hasFiles = false;
      const blocks = this.#files.databases.map((each) => [each.info.id, each.handOver()] as const);
      return { appliedIndex: this.#appliedIndex, blocks };
    });
  }

  /** Makes everything that was applied visible to other connections. */
  publish(): void {
    if (this.#uncommitted > 0) this.#guard(() => this.#commit());
  }

  /** Goes on where the machine stopped that has handed the files over; opens those that are not open here. */
  takeOver({ appliedIndex, blocks }: HandedFiles): void {
    this.#guard(() => {
      this.#files.refresh();
      this.#hasFiles = true;
      const handed = new Map(blocks);
      for (const each of this.#files.databases) each.takeOver(handed.get(each.info.id) ?? []);
      this.#appliedIndex = appliedIndex;
      for (const file of this.#files.all) {
        file.advance(endOfSlot(appliedIndex));
        if (this.#isNear) file.leaveCheckpoints();
      }
    });
  }

  /** Moves what was committed from the -wal into the files; how many pages there were to move. */
  tidy(): number {
    return this.#guard(() => this.#files.all.reduce((pages, file) => pages + file.tidy(), 0));
  }

  /** Closes the files as they are; `takeOver` opens them again. */
  closeFiles(): void {
    if (this.#files.areOpen) this.#files.close();
  }

  /** See StateMachine.restore. Throws and keeps the old state if the snapshot cannot be copied or opened. */
  restore(from: string, names: readonly string[]): MachineState {
    this.#directory.copyIncoming(from, names);
    this.#checkIncoming();
    return this.#guard(() => {
      this.#files.close();
      this.#directory.switchToIncoming();
      return this.open();
    });
  }

  /** Closes the files, durable unless the machine is broken or another one has them. */
  close(): void {
    if (!this.#files.areOpen) return;
    try {
      if (this.#broken === null && this.#hasFiles) this.checkpoint();
    } finally {
      this.#files.close();
    }
  }

  #applyAll(entries: readonly DecodedEntry[]): ApplyReport {
    assert(this.#hasFiles, "another machine has the files");
    for (const entry of entries) {
      const { slot, commands } = entry;
      if (slot <= this.#appliedIndex) continue;
      assert(slot === this.#appliedIndex + 1, `slot ${slot} leaves a gap`);
      this.#applyEntry(entry);
      this.#appliedIndex = slot;
      this.#uncommitted += commands.length;
      if (this.#uncommitted >= COMMANDS_PER_TRANSACTION) this.#commit();
    }
    if (!this.#isNear || this.#uncommitted >= NEAR_COMMANDS_PER_TRANSACTION) this.#commit();
    return {
      appliedIndex: this.#appliedIndex,
      ...this.#commands.takeReport(),
      digest: this.#digest(),
    };
  }

  #applyEntry({ slot, timestampMicros, commands }: DecodedEntry): void {
    assert(commands.length <= BATCH_COMMANDS_MAX, `${commands.length} commands in one slot`);
    for (const [place, { bytes, command }] of commands.entries()) {
      const position = slot * BATCH_COMMANDS_MAX + place;
      this.#commands.run({ placed: { position, bytes }, slot, timestampMicros }, command);
    }
  }

  #speculations(id: DatabaseId): Speculations {
    if (this.#broken !== null) {
      throw new MachineError("the machine has failed before", { cause: this.#broken });
    }
    const database = this.#files.find(id);
    if (database === undefined) throw missingDatabase();
    return database.speculations;
  }

  #commit(): void {
    this.#uncommitted = 0;
    for (const file of this.#files.all) {
      if (!file.isWriting) continue;
      file.advance(endOfSlot(this.#appliedIndex));
      file.commit();
    }
  }

  /** Empty while a file is ahead of the applied slot, as it may be during a replay: it cannot be compared. */
  #digest(): string {
    const end = endOfSlot(this.#appliedIndex);
    let state: DigestState = this.#files.system.state.progress.digest;
    if (this.#files.all.some((file) => file.progress.position > end)) return "";
    for (const { info, state: file } of this.#files.databases) {
      state = addWord(addWord(state, Math.floor(info.id / 2 ** 32)), info.id >>> 0);
      const { high, low } = file.progress.digest;
      state = addWord(addWord(state, high), low);
    }
    return digestText(state);
  }

  /** Opens the incoming files once, so that a snapshot that cannot be read never replaces anything. */
  #checkIncoming(): void {
    const system = new SystemFile(this.#directory.incomingSystemPath, this.#durability);
    try {
      for (const info of system.databases) {
        const path = this.#directory.incomingDatabasePath(info.id);
        new DatabaseFile(info, path, this.#durability).state.close();
      }
    } finally {
      system.state.close();
    }
  }

  /** Whatever is thrown while state changes means that this node must stop applying (faults rule 20). */
  #guard<Result>(work: () => Result): Result {
    if (this.#broken !== null) {
      throw new MachineError("the machine has failed before", { cause: this.#broken });
    }
    try {
      return work();
    } catch (error) {
      this.#broken = error;
      if (error instanceof MachineError || error instanceof AssertionError) throw error;
      const reason = error instanceof Error ? error.message : String(error);
      throw new MachineError(reason, { cause: error });
    }
  }
}
