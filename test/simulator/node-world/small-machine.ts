/**
 * A small deterministic state machine behind the interface of the real one: the same commands,
 * sessions, dedup table, digests and positions (StateFile and Dedupe of production), over a map
 * instead of SQLite. What a run with it cannot show is SQLite's own part; a share of the seeds runs
 * the real machine for that.
 */
import { join } from "node:path";
import { crc32 } from "../../../src/base/checksum.ts";
import type { Files } from "../../../src/base/files.ts";
import { BATCH_COMMANDS_MAX } from "../../../src/base/limits.ts";
import type { Random } from "../../../src/base/random.ts";
import {
  type Command,
  decodeCommand,
  type StatementsCommand,
  type TransactionCommand,
} from "../../../src/machine/command.ts";
import { keptForm } from "../../../src/machine/dedupe.ts";
import { addWord, digestText, EMPTY_DIGEST } from "../../../src/machine/digest.ts";
import type { SpeculationRequest, SpeculationResult } from "../../../src/machine/speculation.ts";
import { Speculations } from "../../../src/machine/speculations.ts";
import {
  endOfSlot,
  type PlacedCommand,
  StateFile,
  slotAppliedAt,
} from "../../../src/machine/state-file.ts";
import {
  type AppliedEntry,
  type ApplyReport,
  type CommandReport,
  LongQueryError,
  type MachineState,
  type Outcome,
  type ReadPage,
  type ReadRequest,
  type SnapshotFiles,
  StaleSchemaError,
  type StateMachine,
  ViewClosedError,
} from "../../../src/machine/state-machine.ts";
import { FIRST_DATABASE } from "../../../src/machine/system-file.ts";
import { firstConflict } from "../../../src/machine/transaction-run.ts";
import type { Catalog } from "../../../src/sql/catalog/catalog.ts";
import { SqlError } from "../../../src/sql/errors.ts";
import type { MachineCall } from "../../support/disk-machine.ts";
import { SmallExecutor } from "./small-executor.ts";
import { enterFirstRows, type SmallStatements } from "./small-statements.ts";
import { SmallTables } from "./small-tables.ts";

export interface SmallMachineParts {
  readonly node: number;
  /** The simulated disk, where snapshots are. */
  readonly files: Files;
  /** The file: it outlives the process. */
  readonly tables: SmallTables;
  readonly catalog: Catalog;
  readonly statements: SmallStatements;
  /** Awaited before each call is carried out; rejects to make it fail. */
  readonly before: (call: MachineCall) => Promise<void>;
}

const SNAPSHOT_FILE = "small.json";
const HASHED = ["list/", "ledger/", "account/", "person/", "fork/", "session/"];

/** A file to which nothing was applied: it has the first rows, as if a schema had entered them. */
export function emptyTables(): SmallTables {
  const tables = new SmallTables();
  tables.set("state/position", [BigInt(endOfSlot(0))]);
  tables.set("state/digest", [digestText(EMPTY_DIGEST)]);
  tables.set("state/clock", [0n]);
  enterFirstRows(tables);
  tables.sync();
  return tables;
}

export class SmallMachine implements StateMachine {
  readonly hasRunawayRead = false;
  readonly #parts: SmallMachineParts;
  readonly #executor: SmallExecutor;
  #speculations: Speculations;
  readonly #views = new Map<number, SmallTables>();
  #nextView = 1;
  readonly #shortViews = new Set<number>();
  #chances = 0;
  #file: StateFile;
  #appliedIndex = 0;
  /** Calls are carried out one after the other, as the writer's thread does. */
  #turn: Promise<unknown> = Promise.resolve();
  #alive = true;

  constructor(parts: SmallMachineParts) {
    this.#parts = parts;
    this.#executor = new SmallExecutor(parts.tables, parts.statements, parts.catalog);
    this.#speculations = this.#noSpeculations();
    this.#file = this.#openFile();
  }

  #noSpeculations(): Speculations {
    return new Speculations(this.#executor, () => {
      throw new Error("the small machine has no system catalogs");
    });
  }

  #openFile(): StateFile {
    const release = (): void => this.#speculations.release();
    return new StateFile(this.#parts.tables.asConnection(), "lazy", release);
  }

  open(): Promise<MachineState> {
    return this.#call("open", async () =>
      this.#opened(this.#file.progress.position === endOfSlot(0)),
    );
  }

  apply(entries: readonly AppliedEntry[]): Promise<ApplyReport> {
    return this.#call("apply", async () => {
      const reports: CommandReport[] = [];
      for (const entry of entries) {
        if (entry.slot <= this.#appliedIndex) continue;
        if (entry.slot !== this.#appliedIndex + 1)
          throw new Error(`slot ${entry.slot} leaves a gap`);
        reports.push(...this.#applyEntry(entry));
        this.#appliedIndex = entry.slot;
        this.#file.advance(endOfSlot(entry.slot));
      }
      this.#file.commit();
      const { appliedIndex, digest } = { appliedIndex: this.#appliedIndex, digest: this.#digest() };
      return { appliedIndex, reports, changedDatabases: [], digest };
    });
  }

  async read(request: ReadRequest): Promise<ReadPage> {
    await this.#parts.before("read");
    if (request.catalogVersion !== this.#parts.catalog.version) {
      throw new StaleSchemaError("the schema is another one");
    }
    const { sql, parameters, inTransaction } = request;
    const { statements } = this.#parts;
    this.#speculations.release();
    if (inTransaction === undefined) {
      return { rows: statements.run(this.#parts.tables, sql, parameters).rows, cursor: null };
    }
    const view = typeof inTransaction.view === "number" ? inTransaction.view : this.#openView();
    if (inTransaction.view === "new" && this.#chance()) this.#shortViews.add(view);
    if (view === inTransaction.view && this.#shortViews.has(view) && this.#chance()) {
      throw new LongQueryError("a share of the queries is said to take long");
    }
    const tables = this.#views.get(view);
    if (tables === undefined) throw new ViewClosedError("the view was closed");
    const { rows } = statements.run(tables, sql, parameters);
    return { rows, cursor: null, view, wasShort: true };
  }

  closeView(view: number): void {
    this.#views.delete(view);
  }

  speculate(request: SpeculationRequest): Promise<SpeculationResult> {
    return this.#call("speculate", async () => this.#speculations.speculate(request));
  }

  endTransaction(_database: number, transaction: number): void {
    if (this.#alive) this.#speculations.end(transaction);
  }

  /** Every other time, so that each way is gone often. */
  #chance(): boolean {
    this.#chances += 1;
    return this.#chances % 2 === 0;
  }

  #openView(): number {
    const view = this.#nextView;
    this.#nextView += 1;
    this.#views.set(view, this.#parts.tables.view());
    return view;
  }

  readMore(): Promise<ReadPage> {
    return Promise.reject(new SqlError("34000", "all rows came at once"));
  }

  closeCursor(): void {
    // All rows come at once, so there is never a cursor.
  }

  /** The content is that of the call's turn; it is written while applying goes on. */
  async snapshot(directory: string): Promise<SnapshotFiles> {
    const taken = await this.#call("snapshot", async () => {
      this.#file.advance(endOfSlot(this.#appliedIndex));
      this.#file.begin();
      this.#file.commit();
      return { appliedIndex: this.#appliedIndex, content: this.#parts.tables.content() };
    });
    const text = JSON.stringify(taken.content, (_key, value: unknown) =>
      typeof value === "bigint" ? { bigint: String(value) } : value,
    );
    const file = await this.#parts.files.open(join(directory, SNAPSHOT_FILE), "create");
    await file.write(0, new TextEncoder().encode(text));
    await file.close();
    return { appliedIndex: taken.appliedIndex, files: [SNAPSHOT_FILE] };
  }

  restore(directory: string): Promise<MachineState> {
    return this.#call("restore", async () => {
      const file = await this.#parts.files.open(join(directory, SNAPSHOT_FILE), "read");
      const text = new TextDecoder().decode(await file.read(0, await file.size()));
      await file.close();
      const content = JSON.parse(text, (_key, value: unknown) =>
        isBigint(value) ? BigInt(value.bigint) : value,
      ) as Parameters<SmallTables["replace"]>[0];
      this.#speculations.release();
      this.#parts.tables.replace(content);
      this.#speculations = this.#noSpeculations();
      this.#views.clear();
      this.#file = this.#openFile();
      return this.#opened(false);
    });
  }

  /** Outcomes are left out: when they are trimmed depends on how many slots are applied at once. */
  contentHash(): Promise<{ appliedIndex: number; hash: string }> {
    return this.#call("contentHash", async () => {
      const { tables } = this.#parts;
      this.#speculations.release();
      const rows = HASHED.flatMap((kind) => [...tables.under(kind)]);
      const lines = rows.map(([key, row]) => `${key}=${row.join()}`).toSorted();
      const hash = addWord(
        this.#file.progress.digest,
        crc32(new TextEncoder().encode(lines.join("\n"))),
      );
      return { appliedIndex: this.#appliedIndex, hash: digestText(hash) };
    });
  }

  checkpoint(): Promise<number> {
    return this.#call("checkpoint", async () => {
      this.#file.advance(endOfSlot(this.#appliedIndex));
      this.#file.makeDurable();
      return this.#appliedIndex;
    });
  }

  async close(): Promise<void> {
    if (!this.#alive) return;
    await this.#turn;
    this.#alive = false;
    // As closing SQLite's file does: what was tried for a transaction that nobody ended is not in it.
    this.#speculations.release();
  }

  /** The process dies; `powerLoss`: and the file may be as it was at an earlier commit. */
  async crash(powerLoss: Random | null): Promise<void> {
    if (!this.#alive) return;
    this.#alive = false;
    this.#speculations.release();
    this.#parts.tables.crash(powerLoss);
  }

  /** A call of a process that is gone never comes back. */
  #call<Result>(call: MachineCall, work: () => Promise<Result>): Promise<Result> {
    const done = this.#turn.then(async () => {
      await this.#parts.before(call);
      if (!this.#alive) return new Promise<never>(() => undefined);
      return work();
    });
    this.#turn = done.then(
      () => undefined,
      () => undefined,
    );
    return done;
  }

  #opened(createdNow: boolean): MachineState {
    this.#appliedIndex = slotAppliedAt(this.#file.progress.position);
    const databases = [{ info: FIRST_DATABASE, catalog: this.#parts.catalog }];
    return { appliedIndex: this.#appliedIndex, databases, createdNow, restoreInterrupted: false };
  }

  #applyEntry({ slot, commands, timestampMicros }: AppliedEntry): CommandReport[] {
    return commands.flatMap((bytes, place) => {
      const placed = { position: slot * BATCH_COMMANDS_MAX + place, bytes };
      if (placed.position <= this.#file.progress.position) return [];
      this.#file.begin();
      this.#file.clockAt(timestampMicros);
      const command = decodeCommand(bytes);
      return this.#report(slot, command, this.#applyCommand(placed, command));
    });
  }

  #applyCommand(placed: PlacedCommand, command: Command): Outcome {
    if (command.kind === "closeSession") return this.#file.changeSessions(placed, command);
    if (command.kind === "openSession") {
      const session = this.#file.dedupe.open(placed.position, command.node, command.nonce);
      return this.#settle(placed, { kind: "sessionOpened", session });
    }
    if (command.kind !== "statements" && command.kind !== "transaction")
      throw new Error(`${command.kind} is not for this machine`);
    const earlier = this.#file.dedupe.earlier(command.identity);
    if (earlier !== null) return this.#settle(placed, earlier);
    const outcome = command.kind === "statements" ? this.#execute(command) : this.#judge(command);
    this.#file.dedupe.record(command.identity, keptForm(outcome));
    return this.#settle(placed, outcome);
  }

  #settle(placed: PlacedCommand, outcome: Outcome): Outcome {
    this.#file.settle(placed, outcome, keptForm(outcome));
    return outcome;
  }

  #execute({ catalogVersion, statements }: StatementsCommand): Outcome {
    if (catalogVersion !== this.#parts.catalog.version) return { kind: "staleSchema" };
    const { tables } = this.#parts;
    const savepoint = tables.savepoint();
    const results = [];
    for (const [at, { steps, returnsRows }] of statements.entries()) {
      try {
        for (const { sql, parameters } of steps) {
          const { count, rows } = this.#parts.statements.run(tables, sql, parameters);
          results.push({ count, rows: returnsRows ? rows : null, fromMemory: false });
        }
      } catch (error) {
        if (!(error instanceof SqlError)) throw error;
        tables.undo(savepoint);
        const { sqlState, message, fields } = error;
        return { kind: "failed", statement: at, sqlState, message, fields };
      }
    }
    this.#executor.noteWritten(statements);
    return { kind: "done", results };
  }

  /** An interactive transaction at its place in the log. */
  #judge(command: TransactionCommand): Outcome {
    if (command.catalogVersion !== this.#parts.catalog.version) return { kind: "staleSchema" };
    const { tables } = this.#parts;
    const savepoint = tables.savepoint();
    const statement = firstConflict(this.#executor, command, command.items);
    if (statement !== null) {
      tables.undo(savepoint);
      return { kind: "conflict", statement };
    }
    const ran = command.items.flatMap((item) =>
      item.kind === "statement" ? [item.statement] : [],
    );
    this.#executor.noteWritten(ran);
    return { kind: "done", results: [] };
  }

  #report(slot: number, command: Command, outcome: Outcome): CommandReport[] {
    const { node } = this.#parts;
    if (command.kind === "closeSession") {
      return [{ slot, session: 0, sequence: 0, nonce: "", outcome }];
    }
    if (command.kind === "openSession") {
      if (command.node !== node || outcome.kind !== "sessionOpened") return [];
      const { session } = outcome;
      return [{ slot, session, sequence: 0, nonce: command.nonce, outcome }];
    }
    const { session, sequence } = command.identity;
    const owner = this.#file.dedupe.nodeOf(session);
    if (owner !== null && owner !== node) return [];
    return [{ slot, session, sequence, nonce: "", outcome }];
  }

  #digest(): string {
    return digestText(this.#file.progress.digest);
  }
}

function isBigint(value: unknown): value is { readonly bigint: string } {
  return typeof value === "object" && value !== null && "bigint" in value;
}
