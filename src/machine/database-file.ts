/** One database's file: runs commands in it and remembers what became of them. */
import { assert } from "../base/assert.ts";
import { RESERVED_VALUES_MAX } from "../base/limits.ts";
import { type Catalog, EMPTY_CATALOG } from "../sql/catalog/catalog.ts";
import { SqlError } from "../sql/errors.ts";
import { ADVISORY_LOCK_TABLES, AdvisoryLocks } from "./advisory-locks.ts";
import type {
  AdvisoryLockCommand,
  CommandIdentity,
  CommandStatement,
  ReserveCommand,
  SessionCommand,
  StatementsCommand,
  TransactionCommand,
} from "./command.ts";
import { type Connection, type Durability, openWriter, type Statement } from "./connection.ts";
import { keptForm, SESSION_TABLES, type SessionRow } from "./dedupe.ts";
import { brokenForeignKey } from "./foreign-key-check.ts";
import { MachineError, sqliteCode, statementError } from "./machine-error.ts";
import { letTablesBeRebuilt } from "./rebuild-mode.ts";
import type { HandedBlocks } from "./sequence-blocks.ts";
import type { ReservedValues } from "./sequences.ts";
import { Speculations } from "./speculations.ts";
import { createState, type PlacedCommand, StateFile } from "./state-file.ts";
import {
  type DatabaseInfo,
  type Outcome,
  type ReadPage,
  type ReadRequest,
  StaleSchemaError,
} from "./state-machine.ts";
import { StatementExecutor } from "./statement-executor.ts";
import { TRANSACTION_TABLES, TransactionIds } from "./transaction-ids.ts";
import { firstConflict } from "./transaction-run.ts";

const DATABASE_TABLES = `
  CREATE TABLE _synod_catalog (
    name TEXT PRIMARY KEY, kind TEXT NOT NULL, oid INTEGER NOT NULL, definition TEXT NOT NULL
  );
  CREATE TABLE _synod_sequences (
    name TEXT PRIMARY KEY, last_value INTEGER NOT NULL, is_called INTEGER NOT NULL,
    start INTEGER NOT NULL, increment INTEGER NOT NULL, minimum INTEGER NOT NULL,
    maximum INTEGER NOT NULL, cycle INTEGER NOT NULL
  );`;

/** A command that leaves nothing behind, with what becomes of it. */
class CommandFailure extends Error {
  readonly outcome: Outcome;

  constructor(outcome: Outcome) {
    super(outcome.kind);
    this.outcome = outcome;
  }
}

/** A command that runs statements. */
type RunCommand = StatementsCommand | TransactionCommand;

export class DatabaseFile {
  readonly info: DatabaseInfo;
  readonly state: StateFile;
  readonly speculations: Speculations;
  readonly advisoryLocks: AdvisoryLocks;
  readonly #connection: Connection;
  readonly #executor: StatementExecutor;
  readonly #transactionIds: TransactionIds;
  readonly #savepoint: Statement;
  readonly #release: Statement;

  /** `databases`: every database that there is now. */
  constructor(
    info: DatabaseInfo,
    path: string,
    durability: Durability,
    databases: () => readonly DatabaseInfo[] = () => [info],
  ) {
    this.info = info;
    this.#connection = openWriter(path, durability);
    // Files of earlier versions do not have them.
    this.#connection.exec(TRANSACTION_TABLES + ADVISORY_LOCK_TABLES);
    this.#executor = new StatementExecutor(this.#connection);
    this.speculations = new Speculations(this.#executor, () => ({
      databases: databases(),
      currentDatabase: info.name,
    }));
    this.state = new StateFile(this.#connection, durability, () => this.speculations.release());
    this.#transactionIds = new TransactionIds(this.#connection);
    this.advisoryLocks = new AdvisoryLocks(this.#connection);
    this.#savepoint = this.#connection.prepare<unknown[]>("SAVEPOINT command");
    this.#release = this.#connection.prepare<unknown[]>("RELEASE command");
  }

  /** As the log has it; not to be asked while an open transaction is being tried. */
  get catalog(): Catalog {
    return this.#executor.catalog;
  }

  /** Whether a command surely runs in microseconds a statement (program.ts). */
  isShort(command: RunCommand): boolean {
    for (const statement of statementsOf(command)) {
      if (!this.#executor.isShort(statement)) return false;
    }
    return true;
  }

  /**
   * Frees the file for another connection, which writes it from now on: what it needs that is not in
   * the file.
   */
  handOver(): HandedBlocks {
    this.speculations.forgetAll();
    return this.speculations.blocks.takeAll();
  }

  /** Another connection has written the file and handed it over. */
  takeOver(blocks: HandedBlocks): void {
    this.state.refresh();
    this.#executor.refresh();
    this.speculations.blocks.addAll(blocks);
  }

  /**
   * The rows of a query that surely is short; null, and nothing ran: a reader has to run it. Throws
   * StaleSchemaError and SqlError.
   */
  readIfShort(request: ReadRequest, seed: Uint8Array): ReadPage["rows"] | null {
    // While a change of the schema is being tried, the catalog is not that of the log.
    if (!this.speculations.mayLook([])) return null;
    const { version } = this.catalog;
    if (version !== request.catalogVersion) {
      throw new StaleSchemaError(
        `the catalog has version ${version}, the query ${request.catalogVersion}`,
      );
    }
    this.#executor.context.enter(request.timestampMicros, seed);
    return this.#executor.readIfShort(request, (touched) => this.speculations.mayLook(touched));
  }

  /** Runs a command at its place, unless it ran before; the caller commits, sooner or later. */
  apply(placed: PlacedCommand, command: RunCommand, timestampMicros: number): Outcome {
    const earlier = this.#earlier(placed, command);
    if (earlier !== null) return earlier;
    const clockMicros = this.state.clockAt(timestampMicros);
    if (command.kind === "statements") {
      this.#executor.context.enter(clockMicros, command.seed);
    }
    return this.#needsOwnTransaction(command)
      ? this.#applyAlone(placed, command)
      : this.#finish(placed, command, this.#execute(command));
  }

  /** Sets values of a sequence aside for the gateway that asked; `isOurs`: this node is that gateway. */
  reserve(placed: PlacedCommand, command: ReserveCommand, isOurs: boolean): Outcome {
    const earlier = this.#earlier(placed, command);
    if (earlier !== null) return earlier;
    const { sequence, count, identity } = command;
    if (sequence === "") {
      const first = this.#transactionIds.reserve(count, identity.session);
      return this.#finish(placed, command, reserved({ first, increment: 1n, count }));
    }
    try {
      const { sequences } = this.#executor;
      sequences.load();
      const values = sequences.reserve(sequence, Math.min(count, RESERVED_VALUES_MAX));
      sequences.write();
      sequences.keep();
      if (isOurs) this.speculations.blocks.add(sequence, values);
      return this.#finish(placed, command, reserved(values));
    } catch (error) {
      return this.#finish(placed, command, failed(0, statementError(error, this.catalog)));
    }
  }

  /** Takes or lets go advisory locks of one client. */
  lock(placed: PlacedCommand, command: AdvisoryLockCommand): Outcome {
    const earlier = this.#earlier(placed, command);
    if (earlier !== null) return earlier;
    try {
      const count = this.advisoryLocks.run(command, placed.position);
      const results = [{ count, rows: null, fromMemory: false }];
      return this.#finish(placed, command, { kind: "done", results });
    } catch (error) {
      if (!(error instanceof SqlError)) throw error;
      return this.#finish(placed, command, failed(0, error));
    }
  }

  /** Gateways' sessions, in this file. */
  changeSessions(placed: PlacedCommand, command: SessionCommand): void {
    this.state.changeSessions(placed, command);
    this.advisoryLocks.releaseClosed();
  }

  /** What became of the command before; null if it is to be run now. */
  #earlier(
    placed: PlacedCommand,
    { identity }: { readonly identity: CommandIdentity },
  ): Outcome | null {
    this.state.begin();
    const earlier = this.state.dedupe.earlier(identity);
    if (earlier !== null) this.state.settle(placed, earlier, keptForm(earlier));
    return earlier;
  }

  #finish(
    placed: PlacedCommand,
    { identity }: { readonly identity: CommandIdentity },
    outcome: Outcome,
  ): Outcome {
    const kept = keptForm(outcome);
    this.state.dedupe.record(identity, kept);
    this.state.settle(placed, outcome, kept);
    return outcome;
  }

  #needsOwnTransaction(command: RunCommand): boolean {
    return this.#executor.defers || changesSchema(command);
  }

  /**
   * One SQLite transaction for this command alone: a deferred constraint is checked by COMMIT, and
   * foreign keys can be turned off only between transactions.
   */
  #applyAlone(placed: PlacedCommand, command: RunCommand): Outcome {
    this.state.commit();
    const statements = statementsOf(command);
    const rebuilds = statements.some(({ rebuildsTables }) => rebuildsTables);
    if (rebuilds) letTablesBeRebuilt(this.#connection, true);
    const before = this.state.progress;
    const catalogBefore = this.catalog;
    try {
      this.state.begin();
      const outcome = this.#finish(placed, command, this.#execute(command));
      this.state.commit();
      return outcome;
    } catch (error) {
      if (sqliteCode(error) !== "SQLITE_CONSTRAINT_FOREIGNKEY") throw error;
      const failure = statementError(error, this.catalog);
      this.state.rollback(before);
      this.#executor.returnTo(catalogBefore);
      this.state.begin();
      const outcome = failed(statements.length - 1, failure);
      if (command.kind === "transaction") this.#recordXid(command, "aborted");
      this.#finish(placed, command, outcome);
      this.state.commit();
      return outcome;
    } finally {
      if (rebuilds) letTablesBeRebuilt(this.#connection, false);
    }
  }

  /** Runs the statements inside the open transaction; a failing command leaves nothing in it. */
  #execute(command: RunCommand): Outcome {
    if (command.kind === "statements") return this.#attempt(command);
    const { xid, identity } = command;
    // What the log heard first of an id counts; one of a closed session is aborted: it must not commit.
    const isOwn = xid === 0 || this.#transactionIds.isOpen(xid, identity.session);
    const runs = isOwn && !command.aborts;
    const outcome: Outcome = runs ? this.#attempt(command) : { kind: "conflict", statement: -1 };
    const commits = runs && outcome.kind === "done";
    if (isOwn) this.#recordXid(command, commits ? "committed" : "aborted");
    return outcome;
  }

  #attempt(command: RunCommand): Outcome {
    if (command.catalogVersion !== this.catalog.version) return { kind: "staleSchema" };
    const { sequences } = this.#executor;
    const isSchema = changesSchema(command);
    const isSingle = this.#isSingle(command);
    if (!isSingle) this.#savepoint.run();
    const catalogBefore = this.catalog;
    sequences.set.clear();
    try {
      const outcome =
        command.kind === "statements" ? this.#runStatements(command) : this.#runItems(command);
      this.#checkRebuilt(command);
      this.#setVersion(command);
      if (!isSingle) this.#release.run();
      this.#kept(command, isSchema);
      return outcome;
    } catch (error) {
      if (!(error instanceof CommandFailure)) throw error;
      if (!this.#connection.inTransaction) {
        throw new MachineError("a statement ended the transaction", { cause: error.outcome });
      }
      if (!isSingle) this.#connection.exec("ROLLBACK TO command; RELEASE command");
      if (isSchema) {
        this.#executor.returnTo(catalogBefore);
        sequences.takeBack();
      } else if (command.kind === "transaction") {
        sequences.takeBack();
      } else {
        sequences.keepTaken();
      }
      return error.outcome;
    }
  }

  /** Whether nothing remains of the command by itself if it fails. */
  #isSingle(command: RunCommand): boolean {
    if (command.kind !== "statements") return false;
    const [statement, second] = command.statements;
    return (
      statement !== undefined && second === undefined && this.#executor.undoesItself(statement)
    );
  }

  /** The command is part of the transaction: what others hold of the state before may be outdated. */
  #kept(command: RunCommand, isSchema: boolean): void {
    const { sequences } = this.#executor;
    const { blocks } = this.speculations;
    sequences.keep();
    if (isSchema) blocks.clear();
    for (const name of sequences.set) blocks.drop(name);
    if (!this.#executor.versions.isWatched) return;
    this.#executor.noteWritten(statementsOf(command));
  }

  #runStatements({ statements }: StatementsCommand): Outcome {
    const results = statements.map((statement, index) => {
      try {
        return this.#executor.run(statement);
      } catch (error) {
        if (error instanceof SqlError) throw new CommandFailure(failed(index, error));
        throw error;
      }
    });
    return { kind: "done", results };
  }

  /** Runs an interactive transaction; throws CommandFailure if its client would have seen something else. */
  #runItems(command: TransactionCommand): Outcome {
    const statement = firstConflict(this.#executor, command, command.items);
    if (statement !== null) throw new CommandFailure({ kind: "conflict", statement });
    return { kind: "done", results: [] };
  }

  #recordXid({ xid }: TransactionCommand, status: "committed" | "aborted"): void {
    if (xid !== 0) this.#transactionIds.record(xid, status);
  }

  #checkRebuilt(command: RunCommand): void {
    if (!changesSchema(command)) return;
    const statements = statementsOf(command);
    const rebuilding = statements.findLastIndex(({ rebuildsTables }) => rebuildsTables);
    if (rebuilding === -1) return;
    const broken = brokenForeignKey(this.#connection, this.catalog);
    if (broken !== null) throw new CommandFailure(failed(rebuilding, broken));
  }

  #setVersion(command: RunCommand): void {
    const { catalogVersion, catalogVersionAfter } = command;
    if (catalogVersionAfter === catalogVersion && this.catalog.version === catalogVersion) return;
    if (catalogVersionAfter !== this.catalog.version) {
      const reason = new SqlError("XX000", "the command names a wrong catalog version");
      throw new CommandFailure(failed(statementsOf(command).length - 1, reason));
    }
    this.state.setState("catalog_version", catalogVersionAfter);
  }
}

function statementsOf(command: RunCommand): readonly CommandStatement[] {
  if (command.kind === "statements") return command.statements;
  const statements: CommandStatement[] = [];
  for (const item of command.items) if (item.kind === "statement") statements.push(item.statement);
  return statements;
}

function changesSchema(command: RunCommand): boolean {
  if (command.kind === "statements") {
    return command.statements.some(({ kind }) => kind === "schema");
  }
  return command.items.some(
    (item) => item.kind === "statement" && item.statement.kind === "schema",
  );
}

function reserved({ first, increment, count }: ReservedValues): Outcome {
  const rows = [[first, increment, BigInt(count)]];
  return { kind: "done", results: [{ count: 1, rows, fromMemory: false }] };
}

function failed(statement: number, error: SqlError): Outcome {
  const { sqlState, message, fields } = error;
  return { kind: "failed", statement, sqlState, message, fields };
}

/**
 * Creates a database's file at `path`, whole and closed. `position` is that of the command that
 * creates it: earlier ones do not concern it. `sessions` copies the sessions open at that place.
 */
export function createDatabaseFile(
  path: string,
  position: number,
  sessions: Iterable<SessionRow>,
  durability: Durability,
): void {
  assert(position > 0, "a database is created by a command");
  const connection = openWriter(path, durability);
  try {
    if (durability === "lazy") connection.pragma("synchronous = FULL");
    connection.exec("BEGIN IMMEDIATE");
    createState(connection, position);
    const insertState = connection.prepare<unknown[]>("INSERT INTO _synod_state VALUES (?, ?)");
    insertState.run("catalog_version", BigInt(EMPTY_CATALOG.version));
    insertState.run("next_oid", BigInt(EMPTY_CATALOG.nextOid));
    connection.exec(SESSION_TABLES + DATABASE_TABLES + TRANSACTION_TABLES + ADVISORY_LOCK_TABLES);
    const insert = connection.prepare<unknown[]>("INSERT INTO _synod_sessions VALUES (?, ?, ?)");
    for (const [session, node, nonce] of sessions) insert.run(session, node, nonce);
    connection.exec("COMMIT");
  } finally {
    connection.close();
  }
}
