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
import type { Catalog } from "../sql/catalog/catalog.ts";
import type { LockGrant } from "./advisory-locks.ts";
import {
  type AdvisoryLockCommand,
  type Command,
  type DatabaseCommand,
  decodeCommand,
  type ReserveCommand,
  type SessionCommand,
  type StatementsCommand,
  type TransactionCommand,
} from "./command.ts";
import type { Durability } from "./connection.ts";
import { DatabaseFile } from "./database-file.ts";
import { addWord, type DigestState, digestText } from "./digest.ts";
import { MachineDirectory } from "./machine-directory.ts";
import { MachineError } from "./machine-error.ts";
import { missingDatabase } from "./missing-database.ts";
import type { HandedBlocks } from "./sequence-blocks.ts";
import type { SpeculationRequest, SpeculationResult } from "./speculation.ts";
import type { Speculations } from "./speculations.ts";
import { endOfSlot, type PlacedCommand, type StateFile, slotAppliedAt } from "./state-file.ts";
import type {
  AppliedEntry,
  ApplyReport,
  CommandReport,
  DatabaseId,
  DatabaseInfo,
  MachineState,
  Outcome,
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

/** Statements at once beyond which short ones take their time together. */
const SHORT_STATEMENTS_MAX = 1000;

/** What came of a call, and whether it surely was to be done in a moment (program.ts). */
export interface Measured<Result> {
  readonly result: Result;
  readonly wasShort: boolean;
}

/** What a machine hands over that is not in its files. */
export interface HandedFiles {
  readonly appliedIndex: number;
  readonly blocks: readonly (readonly [DatabaseId, HandedBlocks])[];
}

interface DecodedEntry {
  readonly slot: number;
  readonly timestampMicros: number;
  readonly commands: readonly { readonly bytes: Uint8Array; readonly command: Command }[];
}

/** One command being applied. */
interface Turn {
  readonly placed: PlacedCommand;
  readonly slot: number;
  readonly timestampMicros: number;
}

export class Machine {
  readonly #directory: MachineDirectory;
  readonly #durability: Durability;
  readonly #node: number;
  readonly #isNear: boolean;
  readonly #databases = new Map<DatabaseId, DatabaseFile>();
  #system: SystemFile | null = null;
  #appliedIndex = 0;
  /** Commands that were applied and not committed. */
  #uncommitted = 0;
  #broken: unknown = null;
  #reports: CommandReport[] = [];
  #changed = new Map<DatabaseId, { info: DatabaseInfo; catalog: Catalog | null }>();

  constructor({
    directory,
    node,
    durability = "lazy",
    files = systemBlockingFiles,
    isNear = false,
  }: MachineOptions) {
    this.#directory = new MachineDirectory(directory, files, durability);
    this.#durability = durability;
    this.#node = node;
    this.#isNear = isNear;
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
    assert(this.#system === null, "the machine is open");
    const found = this.#directory.settle();
    return this.#guard(() => {
      const system = new SystemFile(this.#directory.systemPath, this.#durability);
      this.#system = system;
      this.#directory.removeStrays(new Set(system.databases.map(({ id }) => id)));
      for (const info of system.databases) this.#openDatabase(info);
      const positions = this.#files().map((file) => file.progress.position);
      this.#appliedIndex = slotAppliedAt(Math.min(...positions));
      const databases = this.#list().map(({ info, catalog }) => ({ info, catalog }));
      return { appliedIndex: this.#appliedIndex, databases, ...found };
    });
  }

  /** See StateMachine.apply. Throws MachineError; then only `close` may be called. */
  apply(entries: readonly AppliedEntry[]): ApplyReport {
    return this.#guard(() => this.#applyAll(entries.map(decoded)));
  }

  /** As `apply`, with whether it was short. */
  applyMeasured(entries: readonly AppliedEntry[]): Measured<ApplyReport> {
    return this.#guard(() => {
      const all = entries.map(decoded);
      const wasShort = this.#areShort(all);
      return { result: this.#applyAll(all), wasShort };
    });
  }

  /** As `apply`; null, and nothing was done, unless it is surely done in a moment. */
  applyIfShort(entries: readonly AppliedEntry[]): ApplyReport | null {
    return this.#guard(() => {
      const all = entries.map(decoded);
      return this.#areShort(all) ? this.#applyAll(all) : null;
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
    return this.#databases.get(request.database)?.readIfShort(request, seed) ?? null;
  }

  /** See StateMachine.endTransaction. */
  endTransaction(database: DatabaseId, transaction: number): void {
    this.#databases.get(database)?.speculations.end(transaction);
  }

  /** See StateMachine.checkpoint. */
  checkpoint(): number {
    return this.#guard(() => {
      for (const file of this.#files()) {
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
      const blocks = this.#list().map((each) => [each.info.id, each.handOver()] as const);
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
      const system = this.#system ?? new SystemFile(this.#directory.systemPath, this.#durability);
      this.#system = system;
      system.refresh();
      const known = new Map(system.databases.map((info) => [info.id, info]));
      for (const [id, { state }] of this.#databases) {
        if (known.has(id)) continue;
        state.close();
        this.#databases.delete(id);
      }
      for (const info of known.values()) {
        if (!this.#databases.has(info.id)) this.#openDatabase(info);
      }
      const handed = new Map(blocks);
      for (const [id, database] of this.#databases) database.takeOver(handed.get(id) ?? []);
      this.#appliedIndex = appliedIndex;
      for (const file of this.#files()) {
        file.advance(endOfSlot(appliedIndex));
        if (this.#isNear) file.leaveCheckpoints();
      }
    });
  }

  /** Moves what was committed from the -wal into the files; how many pages there were to move. */
  tidy(): number {
    return this.#guard(() => this.#files().reduce((pages, file) => pages + file.tidy(), 0));
  }

  /** Closes the files as they are; `takeOver` opens them again. */
  closeFiles(): void {
    if (this.#system !== null) this.#closeFiles();
  }

  /** See StateMachine.restore. Throws and keeps the old state if the snapshot cannot be copied or opened. */
  restore(from: string, names: readonly string[]): MachineState {
    this.#directory.copyIncoming(from, names);
    this.#checkIncoming();
    return this.#guard(() => {
      this.#closeFiles();
      this.#directory.switchToIncoming();
      return this.open();
    });
  }

  /** Closes the files, durable unless the machine is broken. */
  close(): void {
    if (this.#system === null) return;
    try {
      if (this.#broken === null) this.checkpoint();
    } finally {
      this.#closeFiles();
    }
  }

  #applyAll(entries: readonly DecodedEntry[]): ApplyReport {
    this.#reports = [];
    this.#changed = new Map();
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
      reports: this.#reports,
      grants: this.#grants(),
      changedDatabases: [...this.#changed.values()],
      digest: this.#digest(),
    };
  }

  #applyEntry({ slot, timestampMicros, commands }: DecodedEntry): void {
    assert(commands.length <= BATCH_COMMANDS_MAX, `${commands.length} commands in one slot`);
    for (const [place, { bytes, command }] of commands.entries()) {
      const position = slot * BATCH_COMMANDS_MAX + place;
      const outcome = this.#dispatch({ placed: { position, bytes }, slot, timestampMicros }, command);
      if (outcome !== null) this.#report(slot, command, outcome);
    }
  }

  #areShort(entries: readonly DecodedEntry[]): boolean {
    let statements = 0;
    for (const { commands } of entries) {
      for (const { command } of commands) {
        if (!this.#isShort(command)) return false;
        statements += statementsIn(command);
        if (statements > SHORT_STATEMENTS_MAX) return false;
      }
    }
    return true;
  }

  #isShort(command: Command): boolean {
    switch (command.kind) {
      case "statements":
      case "transaction":
        return this.#databases.get(command.database)?.isShort(command) ?? true;
      case "reserve":
      case "advisoryLock":
        return true;
      default:
        return false;
    }
  }

  #speculations(id: DatabaseId): Speculations {
    if (this.#broken !== null) {
      throw new MachineError("the machine has failed before", { cause: this.#broken });
    }
    const database = this.#databases.get(id);
    if (database === undefined) throw missingDatabase();
    return database.speculations;
  }

  /** Null: the command is part of the file's state already. */
  #dispatch(turn: Turn, command: Command): Outcome | null {
    switch (command.kind) {
      case "statements":
      case "transaction":
        return this.#applyStatements(turn, command);
      case "reserve":
      case "advisoryLock":
        return this.#setAside(turn.placed, command);
      case "openSession":
      case "closeSession":
        return this.#changeSessions(turn.placed, command);
      case "createDatabase":
      case "dropDatabase":
        return this.#changeDatabases(turn.placed, command);
    }
  }

  #applyStatements(
    { placed, timestampMicros }: Turn,
    command: StatementsCommand | TransactionCommand,
  ): Outcome | null {
    const database = this.#databases.get(command.database);
    if (database === undefined) return this.#missing(placed);
    if (isPast(database.state, placed)) return null;
    database.speculations.release();
    const catalogBefore = database.catalog;
    const outcome = database.apply(placed, command, timestampMicros);
    const { info, catalog } = database;
    if (catalog !== catalogBefore) this.#changed.set(info.id, { info, catalog });
    return outcome;
  }

  /** What a gateway or a client gets for itself. */
  #setAside(placed: PlacedCommand, command: ReserveCommand | AdvisoryLockCommand): Outcome | null {
    const database = this.#databases.get(command.database);
    if (database === undefined) return this.#missing(placed);
    if (isPast(database.state, placed)) return null;
    if (command.kind === "advisoryLock") return database.lock(placed, command);
    const owner = this.#opened().state.dedupe.nodeOf(command.identity.session);
    return database.reserve(placed, command, owner === this.#node);
  }

  #missing(placed: PlacedCommand): Outcome | null {
    const system = this.#opened();
    return isPast(system.state, placed) ? null : system.missing(placed);
  }

  #changeSessions(placed: PlacedCommand, command: SessionCommand): Outcome | null {
    for (const database of this.#databases.values()) {
      if (!isPast(database.state, placed)) database.changeSessions(placed, command);
    }
    const { state } = this.#opened();
    return isPast(state, placed) ? null : state.changeSessions(placed, command);
  }

  #changeDatabases(placed: PlacedCommand, command: DatabaseCommand): Outcome | null {
    const system = this.#opened();
    if (isPast(system.state, placed)) return null;
    const earlier = system.earlier(placed, command);
    if (earlier !== null) return earlier;
    return command.kind === "createDatabase"
      ? this.#createDatabase(placed, command)
      : this.#dropDatabase(placed, command);
  }

  #createDatabase(placed: PlacedCommand, command: DatabaseCommand): Outcome {
    const system = this.#opened();
    const refusal = system.refusal(command.name);
    if (refusal !== null) {
      const { sqlState, message } = refusal;
      return system.finish(placed, command, failure(sqlState, message));
    }
    const info = { id: placed.position, name: command.name };
    this.#directory.createDatabase(info.id, placed.position, system.sessions());
    system.add(info);
    const { catalog } = this.#openDatabase(info);
    this.#changed.set(info.id, { info, catalog });
    return system.finish(placed, command, DONE);
  }

  #dropDatabase(placed: PlacedCommand, command: DatabaseCommand): Outcome {
    const system = this.#opened();
    const id = system.find(command.name);
    if (id === null) {
      const message = `database "${command.name}" does not exist`;
      return system.finish(placed, command, command.missingOk ? DONE : failure("3D000", message));
    }
    system.remove(id);
    const outcome = system.finish(placed, command, DONE);
    system.state.makeDurable();
    this.#databases.get(id)?.state.close();
    this.#databases.delete(id);
    this.#directory.removeDatabase(id);
    this.#changed.set(id, { info: { id, name: command.name }, catalog: null });
    return outcome;
  }

  #report(slot: number, command: Command, outcome: Outcome): void {
    if (command.kind === "openSession") {
      if (command.node !== this.#node || outcome.kind !== "sessionOpened") return;
      const { session } = outcome;
      this.#reports.push({ slot, session, sequence: 0, nonce: command.nonce, outcome });
      return;
    }
    if (command.kind === "closeSession") {
      this.#reports.push({ slot, session: 0, sequence: 0, nonce: "", outcome });
      return;
    }
    const { session, sequence } = command.identity;
    // Whose a closed session was is not remembered; a gateway that waits for it must hear of it.
    const node = this.#opened().state.dedupe.nodeOf(session);
    if (node !== null && node !== this.#node) return;
    this.#reports.push({ slot, session, sequence, nonce: "", outcome });
  }

  #grants(): LockGrant[] {
    const { dedupe } = this.#opened().state;
    const grants = this.#list().flatMap(({ advisoryLocks }) => advisoryLocks.takeGrants());
    return grants.filter(({ session }) => dedupe.nodeOf(session) === this.#node);
  }

  #commit(): void {
    this.#uncommitted = 0;
    for (const file of this.#files()) {
      if (!file.isWriting) continue;
      file.advance(endOfSlot(this.#appliedIndex));
      file.commit();
    }
  }

  /** Empty while a file is ahead of the applied slot, as it may be during a replay: it cannot be compared. */
  #digest(): string {
    const end = endOfSlot(this.#appliedIndex);
    let state: DigestState = this.#opened().state.progress.digest;
    if (this.#files().some((file) => file.progress.position > end)) return "";
    for (const { info, state: file } of this.#list()) {
      state = addWord(addWord(state, Math.floor(info.id / 2 ** 32)), info.id >>> 0);
      const { high, low } = file.progress.digest;
      state = addWord(addWord(state, high), low);
    }
    return digestText(state);
  }

  #openDatabase(info: DatabaseInfo): DatabaseFile {
    const system = this.#opened();
    const path = this.#directory.databasePath(info.id);
    const database = new DatabaseFile(info, path, this.#durability, () => system.databases);
    this.#databases.set(info.id, database);
    return database;
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

  /** The system file and the databases, in the order of their ids. */
  #files(): readonly StateFile[] {
    return [this.#opened().state, ...this.#list().map(({ state }) => state)];
  }

  #list(): readonly DatabaseFile[] {
    // Ids only grow, so the order of insertion is theirs.
    return [...this.#databases.values()];
  }

  #opened(): SystemFile {
    assert(this.#system !== null, "the machine is not open");
    return this.#system;
  }

  #closeFiles(): void {
    for (const file of this.#files()) file.close();
    this.#databases.clear();
    this.#system = null;
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

const DONE: Outcome = { kind: "done", results: [{ count: 0, rows: null, fromMemory: false }] };

function failure(sqlState: string, message: string): Outcome {
  return { kind: "failed", statement: 0, sqlState, message, fields: {} };
}

/** Whether the command at this place is part of the file's state already. */
function isPast(file: StateFile, { position }: PlacedCommand): boolean {
  return position <= file.progress.position;
}

function decoded({ slot, timestampMicros, commands }: AppliedEntry): DecodedEntry {
  return {
    slot,
    timestampMicros,
    commands: commands.map((bytes) => ({ bytes, command: decodeCommand(bytes) })),
  };
}

function statementsIn(command: Command): number {
  if (command.kind === "statements") return command.statements.length;
  return command.kind === "transaction" ? command.items.length : 1;
}
