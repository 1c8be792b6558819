/** One database's file: runs commands in it and remembers what became of them. */
import { assert } from "../base/assert.ts";
import { type Catalog, EMPTY_CATALOG } from "../sql/catalog/catalog.ts";
import { SqlError } from "../sql/errors.ts";
import { CatalogStore, defersConstraints } from "./catalog-store.ts";
import type { CommandStatement, StatementsCommand } from "./command.ts";
import { type Connection, type Durability, openWriter } from "./connection.ts";
import { keptForm, SESSION_TABLES, type SessionRow } from "./dedupe.ts";
import { brokenForeignKey } from "./foreign-key-check.ts";
import { registerFunctions } from "./function-registration.ts";
import { MachineError, sqliteCode, statementError } from "./machine-error.ts";
import { Sequences } from "./sequences.ts";
import { createState, type PlacedCommand, StateFile } from "./state-file.ts";
import type { DatabaseInfo, Outcome, StatementOutcome } from "./state-machine.ts";
import { StatementCache } from "./statement-cache.ts";
import { StatementContext } from "./statement-context.ts";

const DATABASE_TABLES = `
  CREATE TABLE _synod_catalog (
    name TEXT PRIMARY KEY, kind TEXT NOT NULL, oid INTEGER NOT NULL, definition TEXT NOT NULL
  );
  CREATE TABLE _synod_sequences (
    name TEXT PRIMARY KEY, last_value INTEGER NOT NULL, is_called INTEGER NOT NULL,
    start INTEGER NOT NULL, increment INTEGER NOT NULL, minimum INTEGER NOT NULL,
    maximum INTEGER NOT NULL, cycle INTEGER NOT NULL
  );`;

/** A command that failed; its statement's number makes the outcome. */
class CommandFailure extends Error {
  readonly statement: number;
  readonly error: SqlError;

  constructor(statement: number, error: SqlError) {
    super(error.message);
    this.statement = statement;
    this.error = error;
  }
}

export class DatabaseFile {
  readonly info: DatabaseInfo;
  readonly state: StateFile;
  readonly #connection: Connection;
  readonly #statements: StatementCache;
  readonly #sequences: Sequences;
  readonly #context: StatementContext;
  readonly #catalogs: CatalogStore;
  #catalog: Catalog;
  /** A deferred constraint is checked when the transaction ends: it must end with the command. */
  #defers: boolean;

  constructor(info: DatabaseInfo, path: string, durability: Durability) {
    this.info = info;
    this.#connection = openWriter(path, durability);
    this.state = new StateFile(this.#connection, durability);
    this.#statements = new StatementCache(this.#connection, "replicated");
    this.#sequences = new Sequences(this.#connection);
    this.#context = new StatementContext(this.#sequences, () => this.#catalog);
    this.#catalogs = new CatalogStore(this.#connection);
    this.#catalog = this.#catalogs.load(this.#catalogs.version());
    this.#defers = defersConstraints(this.#catalog);
    registerFunctions(this.#connection, this.#context);
  }

  get catalog(): Catalog {
    return this.#catalog;
  }

  /** Runs a command at its place, unless it ran before; the caller commits, sooner or later. */
  apply(placed: PlacedCommand, command: StatementsCommand, timestampMicros: number): Outcome {
    this.state.begin();
    const { dedupe } = this.state;
    const earlier = dedupe.earlier(command.identity);
    if (earlier !== null) {
      this.state.settle(placed, earlier, keptForm(earlier));
      return earlier;
    }
    this.#context.enter(this.state.clockAt(timestampMicros), command.seed);
    return this.#needsOwnTransaction(command)
      ? this.#applyAlone(placed, command)
      : this.#finish(placed, command, this.#execute(command));
  }

  /** A gateway's session, in this file. */
  openSession(placed: PlacedCommand, node: number, nonce: string): void {
    this.state.begin();
    const session = this.state.dedupe.open(placed.position, node, nonce);
    const outcome: Outcome = { kind: "sessionOpened", session };
    this.state.settle(placed, outcome, keptForm(outcome));
  }

  #finish(placed: PlacedCommand, command: StatementsCommand, outcome: Outcome): Outcome {
    const kept = keptForm(outcome);
    this.state.dedupe.record(command.identity, kept);
    this.state.settle(placed, outcome, kept);
    return outcome;
  }

  #needsOwnTransaction(command: StatementsCommand): boolean {
    return this.#defers || command.statements.some(({ kind }) => kind === "schema");
  }

  /**
   * One transaction for this command alone: a deferred constraint is checked by COMMIT, and foreign
   * keys can be turned off only between transactions.
   */
  #applyAlone(placed: PlacedCommand, command: StatementsCommand): Outcome {
    this.state.commit();
    const rebuilds = command.statements.some(({ rebuildsTables }) => rebuildsTables);
    if (rebuilds) this.#letTablesBeRebuilt("OFF");
    const before = this.state.progress;
    const catalogBefore = this.#catalog;
    try {
      this.state.begin();
      const outcome = this.#finish(placed, command, this.#execute(command));
      this.state.commit();
      return outcome;
    } catch (error) {
      if (sqliteCode(error) !== "SQLITE_CONSTRAINT_FOREIGNKEY") throw error;
      const failure = statementError(error, this.#catalog);
      this.state.rollback(before);
      this.#forget(catalogBefore);
      this.state.begin();
      const outcome = failed(command.statements.length - 1, failure);
      this.#finish(placed, command, outcome);
      this.state.commit();
      return outcome;
    } finally {
      if (rebuilds) this.#letTablesBeRebuilt("ON");
    }
  }

  /**
   * While tables are replaced by new ones under their name, foreign keys must not follow the old
   * table out, and views and triggers that name it must not be checked or rewritten (SQLite's
   * ALTER TABLE page, section 7).
   */
  #letTablesBeRebuilt(foreignKeys: "ON" | "OFF"): void {
    this.#connection.pragma(`foreign_keys = ${foreignKeys}`);
    this.#connection.pragma(`legacy_alter_table = ${foreignKeys === "OFF" ? "ON" : "OFF"}`);
  }

  /** Runs the statements inside the open transaction; a failing command leaves nothing in it. */
  #execute(command: StatementsCommand): Outcome {
    if (command.catalogVersion !== this.#catalog.version) return { kind: "staleSchema" };
    const { statements } = command;
    const [first] = statements;
    const isSingle =
      statements.length === 1 && first?.steps.length === 1 && first.kind !== "schema";
    if (!isSingle) this.#connection.exec("SAVEPOINT command");
    const catalogBefore = this.#catalog;
    try {
      const results = statements.map((statement, index) => this.#runStatement(statement, index));
      this.#checkRebuilt(statements);
      this.#setVersion(command);
      if (!isSingle) this.#connection.exec("RELEASE command");
      this.#sequences.keep();
      return { kind: "done", results };
    } catch (error) {
      if (!(error instanceof CommandFailure)) throw error;
      if (!this.#connection.inTransaction) {
        throw new MachineError("a statement ended the transaction", { cause: error.error });
      }
      if (!isSingle) this.#connection.exec("ROLLBACK TO command; RELEASE command");
      if (statements.some(({ kind }) => kind === "schema")) {
        this.#forget(catalogBefore);
        this.#sequences.takeBack();
      } else {
        this.#sequences.keepTaken();
      }
      return failed(error.statement, error.error);
    }
  }

  #runStatement(statement: CommandStatement, index: number): StatementOutcome {
    try {
      return statement.kind === "schema"
        ? this.#changeSchema(statement)
        : this.#runSteps(statement);
    } catch (error) {
      throw new CommandFailure(index, statementError(error, this.#catalog));
    }
  }

  #runSteps(statement: CommandStatement): StatementOutcome {
    let count = 0;
    let rows: StatementOutcome["rows"] = null;
    this.#sequences.load();
    for (const step of statement.steps) {
      const result = this.#statements.prepare(step.sql).run(step.parameters);
      count = result.changes;
      rows = result.rows;
    }
    this.#sequences.write();
    return { count, rows: statement.returnsRows ? rows : null, fromMemory: false };
  }

  #changeSchema(statement: CommandStatement): StatementOutcome {
    for (const step of statement.steps) {
      this.#sequences.load();
      this.#statements.prepare(step.sql).run(step.parameters);
      this.#sequences.write();
      this.#sequences.reload();
    }
    this.#forget(this.#catalogs.load(this.#catalog.version + 1));
    return { count: 0, rows: null, fromMemory: false };
  }

  /** The catalog is another one now: drops what was derived from the one before. */
  #forget(catalog: Catalog): void {
    this.#catalog = catalog;
    this.#defers = defersConstraints(catalog);
    this.#statements.clear();
    this.#sequences.reload();
  }

  #checkRebuilt(statements: readonly CommandStatement[]): void {
    const rebuilding = statements.findLastIndex(({ rebuildsTables }) => rebuildsTables);
    if (rebuilding === -1) return;
    const broken = brokenForeignKey(this.#connection, this.#catalog);
    if (broken !== null) throw new CommandFailure(rebuilding, broken);
  }

  #setVersion({ catalogVersion, catalogVersionAfter, statements }: StatementsCommand): void {
    if (catalogVersionAfter === catalogVersion && this.#catalog.version === catalogVersion) return;
    if (catalogVersionAfter !== this.#catalog.version) {
      const reason = new SqlError("XX000", "the command names a wrong catalog version");
      throw new CommandFailure(statements.length - 1, reason);
    }
    this.state.setState("catalog_version", catalogVersionAfter);
  }
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
    connection.exec(SESSION_TABLES + DATABASE_TABLES);
    const insert = connection.prepare<unknown[]>("INSERT INTO _synod_sessions VALUES (?, ?, ?)");
    for (const [session, node, nonce] of sessions) insert.run(session, node, nonce);
    connection.exec("COMMIT");
  } finally {
    connection.close();
  }
}
