/**
 * Runs the statements of one database's writing connection, inside a transaction that the caller
 * has begun: when the log is applied, and when an interactive transaction tries what it would do.
 */
import { STATEMENT_ROWS_MAX } from "../base/limits.ts";
import type { Catalog } from "../sql/catalog/catalog.ts";
import { notSupported } from "../sql/errors.ts";
import type { SqliteValue } from "../sql/values.ts";
import { CatalogStore, defersConstraints } from "./catalog-store.ts";
import type { CommandStatement } from "./command.ts";
import type { Connection } from "./connection.ts";
import { registerFunctions } from "./function-registration.ts";
import { statementError } from "./machine-error.ts";
import { Sequences } from "./sequences.ts";
import type { ReadRequest, StatementOutcome } from "./state-machine.ts";
import { StatementCache } from "./statement-cache.ts";
import { readOnlySequences, StatementContext } from "./statement-context.ts";
import { isShortText } from "./statement-text.ts";
import { SystemRelations } from "./system-relations.ts";
import { TableVersions } from "./table-versions.ts";
import { refuseTables, type Touched, together } from "./touched.ts";
import type { SystemSource, TransactionExecutor } from "./transaction-executor.ts";

const SEQUENCES: Touched = [{ table: "_synod_sequences", rows: "all", isWritten: true }];

export class StatementExecutor implements TransactionExecutor {
  readonly connection: Connection;
  readonly sequences: Sequences;
  readonly context: StatementContext;
  readonly versions = new TableVersions();
  readonly #statements: StatementCache;
  readonly #looks: StatementCache;
  readonly #system: SystemRelations;
  readonly #catalogs: CatalogStore;
  #catalog: Catalog;
  #defers: boolean;
  #movesNoted = 0;

  /** `rowsMax`: rows that a statement may look at. Part of what replicas answer. */
  constructor(connection: Connection, rowsMax = STATEMENT_ROWS_MAX) {
    this.connection = connection;
    this.#statements = new StatementCache(connection, "replicated");
    this.#system = new SystemRelations(connection, "writer");
    this.#looks = new StatementCache(connection, "read");
    this.sequences = new Sequences(connection);
    this.context = new StatementContext(this.sequences, () => this.#catalog, rowsMax);
    this.#catalogs = new CatalogStore(connection);
    this.#catalog = this.#catalogs.load(this.#catalogs.version());
    this.#defers = defersConstraints(this.#catalog);
    registerFunctions(connection, this.context);
  }

  /** As the transaction that is open sees it. */
  get catalog(): Catalog {
    return this.#catalog;
  }

  /** A deferred constraint is checked when the transaction ends: it must end with the command. */
  get defers(): boolean {
    return this.#defers;
  }

  /** Throws SqlError; what the statement did before it failed is for the caller to undo (`atomically`). */
  run(statement: CommandStatement): StatementOutcome {
    this.context.takeLastValues();
    this.context.restart();
    try {
      return statement.kind === "schema"
        ? this.#changeSchema(statement)
        : this.#runSteps(statement);
    } catch (error) {
      throw this.context.located(statementError(error, this.#catalog));
    }
  }

  /**
   * Whether nothing remains of the statement by itself if it fails: SQLite undoes what a single step
   * did. But when its rows turn out to be too many, that step is done.
   */
  undoesItself(statement: CommandStatement): boolean {
    if (statement.kind === "schema" || statement.steps.length !== 1) return false;
    return !statement.returnsRows || statement.kind === "read" || this.isShort(statement);
  }

  /** As `run`, but nothing remains of a statement that fails. */
  runAtomically(statement: CommandStatement): StatementOutcome {
    if (this.undoesItself(statement)) return this.run(statement);
    const before = this.#catalog;
    this.connection.exec("SAVEPOINT statement");
    try {
      const outcome = this.run(statement);
      this.connection.exec("RELEASE statement");
      return outcome;
    } catch (error) {
      this.connection.exec("ROLLBACK TO statement; RELEASE statement");
      if (statement.kind === "schema") this.returnTo(before);
      else this.sequences.takeBack();
      throw error;
    }
  }

  /** Runs a query of the system catalogs and of no table, or asks for a plan. Throws SqlError. */
  look(sql: string, parameters: readonly SqliteValue[]): StatementOutcome {
    this.context.useSequences(readOnlySequences);
    this.context.restart();
    try {
      const step = this.#looks.prepare(sql);
      if (!step.returnsRows || !step.readsOnly) throw notSupported("a read that is not a query");
      if (!/^\s*EXPLAIN\b/i.test(sql)) refuseTables(step.touched(parameters));
      const { rows, changes } = step.run(parameters);
      return { count: changes, rows, fromMemory: false };
    } catch (error) {
      throw statementError(error, this.#catalog);
    } finally {
      this.context.useSequences(this.sequences);
    }
  }

  /**
   * Runs a query that surely is short, as a reader would (`context` has been entered). Null, and nothing
   * ran: it may be long, or `mayLook` says no to what it touches. Throws SqlError.
   */
  readIfShort(
    { sql, parameters }: Pick<ReadRequest, "sql" | "parameters">,
    mayLook: (touched: Touched) => boolean,
  ): readonly (readonly SqliteValue[])[] | null {
    if (!isShortText(sql, parameters)) return null;
    this.context.useSequences(readOnlySequences);
    this.context.progress.restart();
    try {
      const step = this.#looks.prepare(sql);
      if (!step.returnsRows || !step.readsOnly) return null;
      if (!step.traits(parameters).isShort || !mayLook(step.touched(parameters))) return null;
      return step.run(parameters).rows;
    } catch (error) {
      throw statementError(error, this.#catalog);
    } finally {
      this.context.useSequences(this.sequences);
    }
  }

  attachSystem(): void {
    this.#system.attach();
  }

  fillSystem(databases: SystemSource): void {
    this.#system.fill({ catalog: this.#catalog, ...databases });
  }

  forgetSystem(): void {
    this.#system.forget();
  }

  /** What a statement reads and writes; null: anything. Throws SqlError. */
  touched(statement: CommandStatement): Touched | null {
    if (statement.kind === "schema") return null;
    try {
      const [only] = statement.steps;
      if (only !== undefined && statement.steps.length === 1) {
        return this.#statements.prepare(only.sql).touched(only.parameters);
      }
      return together(
        statement.steps.map(({ sql, parameters }) =>
          this.#statements.prepare(sql).touched(parameters),
        ),
      );
    } catch (error) {
      throw statementError(error, this.#catalog);
    }
  }

  /** Whether the statement surely runs in microseconds (program.ts); false for one that cannot run. */
  isShort(statement: CommandStatement): boolean {
    if (statement.kind === "schema" || this.#defers) return false;
    for (const { sql, parameters } of statement.steps) {
      if (!this.#statements.isShort(sql, parameters)) return false;
    }
    return true;
  }

  /** Whether it may take minutes although the tables are small (program.ts); true where that is not known. */
  mayRunLong(statement: CommandStatement): boolean {
    if (statement.kind === "schema") return true;
    return statement.steps.some(
      ({ sql, parameters }) => !this.#statements.isLinear(sql, parameters),
    );
  }

  /** Another connection may have changed the file since this one looked at it last. */
  refresh(): void {
    const version = this.#catalogs.version();
    if (version !== this.#catalog.version) this.returnTo(this.#catalogs.load(version));
    else this.sequences.reload();
    this.#system.forget();
  }

  /** The log has run these statements: open transactions may have to look again. */
  noteWritten(statements: readonly CommandStatement[]): void {
    // What ran before a change of the schema may be no statement any more behind it.
    if (statements.some(({ kind }) => kind === "schema")) this.versions.wroteEverything();
    else for (const statement of statements) this.#noteTouched(statement);
    if (this.sequences.moves !== this.#movesNoted) this.versions.wrote(SEQUENCES);
    this.#movesNoted = this.sequences.moves;
  }

  /** SQLite has gone back to when the catalog was this one: drops what was derived from another. */
  returnTo(catalog: Catalog): void {
    this.#catalog = catalog;
    this.#defers = defersConstraints(catalog);
    this.#statements.clear();
    this.#looks.clear();
    this.sequences.reload();
  }

  #noteTouched(statement: CommandStatement): void {
    const touched = this.touched(statement);
    if (touched === null) this.versions.wroteEverything();
    else this.versions.wrote(touched);
  }

  #runSteps(statement: CommandStatement): StatementOutcome {
    let count = 0;
    let rows: StatementOutcome["rows"] = null;
    this.sequences.load();
    for (const step of statement.steps) {
      const result = this.#statements.prepare(step.sql).run(step.parameters);
      count += result.changes;
      rows = result.rows;
    }
    this.sequences.write();
    const outcome = { count, rows: statement.returnsRows ? rows : null, fromMemory: false };
    const taken = this.context.takeLastValues();
    return taken.length === 0 ? outcome : { ...outcome, lastValues: this.#byOid(taken) };
  }

  #byOid(taken: ReturnType<StatementContext["takeLastValues"]>) {
    return taken.map(
      ([name, value, isTaken]) =>
        [this.#catalog.relations.get(name)?.oid ?? 0, value, isTaken] as const,
    );
  }

  #changeSchema(statement: CommandStatement): StatementOutcome {
    let count = 0;
    for (const step of statement.steps) {
      this.sequences.load();
      // The last one fills the new table, if one is filled.
      count = this.#statements.prepare(step.sql).run(step.parameters).changes;
      this.sequences.write();
      this.sequences.reload();
    }
    this.returnTo(this.#catalogs.load(this.#catalog.version + 1));
    return { count, rows: null, fromMemory: false };
  }
}
