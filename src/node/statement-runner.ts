/**
 * One session's statements outside of transactions: translates, decides where each runs, and makes results for the
 * protocol.
 *
 * | translation              | runs                                                     |
 * | read, explain            | on this node, when its read index is applied             |
 * | write, schema            | in the log; what may run long is tried here before (RehearsedWrites) |
 * | several with one of those| as one command of the log: all or nothing (an implicit transaction) |
 * | createDatabase, dropDatabase | a log command of its own, never together with others |
 * | set, show, sleep, …      | in the session                                           |
 * | copyIn                   | in the log when all its data is there                    |
 * | copyOut                  | as its query                                             |
 */
import type { CommandStatement } from "../machine/command.ts";
import type { Catalog } from "../sql/catalog/catalog.ts";
import type { RowsResult, StatementResult } from "../sql/database.ts";
import { SqlError } from "../sql/errors.ts";
import { asksTransaction } from "../sql/execute-arguments.ts";
import type { ParsedStatement } from "../sql/parse.ts";
import type {
  AdvisoryLockTranslation,
  CopyInTranslation,
  DatabaseTranslation,
  ExplainTranslation,
  NoEffectTranslation,
  ReadTranslation,
  SchemaTranslation,
  SetConfigTranslation,
  SettingTranslation,
  Translation,
  WriteTranslation,
} from "../sql/translation.ts";
import type { SqliteValue } from "../sql/values.ts";
import type { AdvisoryLocks } from "./advisory-locks.ts";
import { type QueryFor, readOnlyTransaction, type Wanted } from "./block-statements.ts";
import { boundCopy, boundStatement, boundStep } from "./bound-statement.ts";
import type { KnownDatabase } from "./catalogs.ts";
import { copyInResult, type InsertLines } from "./copy-intake.ts";
import { formatPlan } from "./explain.ts";
import type { Gateway } from "./gateway.ts";
import { type InSession, isInCommand, refuseInTransaction, wayOf } from "./implicit-transaction.ts";
import { NewestCatalog } from "./newest-catalog.ts";
import { RehearsedWrites } from "./rehearsed-writes.ts";
import { MemoryRows } from "./row-sources.ts";
import { setConfig, sleep } from "./session-queries.ts";
import type { SessionState } from "./session-state.ts";
import { isMode, runInSession } from "./session-statements.ts";
import {
  allRows,
  asksFor,
  changesNothing,
  closeRows,
  commandResult,
  copyOutResult,
  cursorUse,
  type Logged,
  loggedResult,
  rowsResult,
  withNotices,
} from "./statement-results.ts";

/** One of several statements of a query. */
interface Item {
  readonly translation: Translation;
  readonly parameters: readonly SqliteValue[];
}

export class StatementRunner {
  readonly #gateway: Gateway;
  readonly #state: SessionState;
  readonly #locks: AdvisoryLocks;
  readonly #newest: NewestCatalog;
  readonly #writes: RehearsedWrites;

  constructor(gateway: Gateway, state: SessionState, locks: AdvisoryLocks) {
    this.#gateway = gateway;
    this.#state = state;
    this.#locks = locks;
    this.#newest = new NewestCatalog(gateway, state);
    this.#writes = new RehearsedWrites(gateway, state);
  }

  /** Whether the statement that runs is only being tried. */
  get isRehearsing(): boolean {
    return this.#writes.isRehearsing;
  }

  /** The translation against the newest catalog. */
  translate(statement: ParsedStatement, parameterTypes: readonly number[]): Promise<Translation> {
    return this.#newest.run(async (database) =>
      this.#newest.translate(statement, database.catalog, parameterTypes),
    );
  }

  /**
   * The only row of a query that looks at no data: so it need not wait until this node has all. Null, and
   * nothing ran: it belongs to the transaction that uses it.
   */
  compute(query: QueryFor): Promise<readonly SqliteValue[] | null> {
    return this.#newest.run(async (database) => {
      const translation = query(database.catalog);
      if (asksTransaction(translation)) return null;
      const rows = await this.#gateway.read(this.#query(translation, database, []), this.#state);
      return (await allRows(rows))[0] ?? [];
    });
  }

  /** Runs one statement by itself. Null, and nothing ran: it asks for the id of its transaction. */
  run({ statement, parameterTypes, parameters, check }: Wanted): Promise<StatementResult | null> {
    return this.#newest.run(async (database) => {
      const translation = this.#newest.translate(statement, database.catalog, parameterTypes);
      check?.(translation);
      if (translation.kind === "copyIn") return this.#copyIn(translation, statement);
      if (asksFor(translation, "xid")) return null;
      return this.#runOne(translation, database, parameters);
    });
  }

  /**
   * Runs the statements of one simple query as one command of the log: if one fails, nothing of any
   * remains, neither rows nor settings. Null, and nothing ran: they need a transaction.
   */
  async runTogether(all: readonly Wanted[]): Promise<readonly StatementResult[] | null> {
    if (all.some(({ statement }) => "TransactionStmt" in statement.node)) return null;
    return this.#newest.run(async (database) => {
      const { items, catalog } = this.#translateAll(all, database.catalog);
      const translations = items.map(({ translation }) => translation);
      refuseInTransaction(translations);
      const change = translations.find(({ kind }) => kind === "write" || kind === "schema");
      if (change !== undefined) this.#refuseReadOnly(change);
      const way = wayOf(translations);
      if (way === "inTransaction") return null;
      const settings = this.#state.undoable();
      try {
        const results = await (way === "asOneCommand"
          ? this.#runAsOneCommand(items, database, catalog.version)
          : this.#runEach(items, database));
        settings.keep();
        return results;
      } catch (error) {
        settings.undo();
        throw error;
      }
    });
  }

  async #runEach(items: readonly Item[], database: KnownDatabase): Promise<StatementResult[]> {
    const results: StatementResult[] = [];
    try {
      for (const { translation, parameters } of items) {
        results.push(await this.#runOne(translation, database, parameters));
      }
      return results;
    } catch (error) {
      closeRows(results);
      throw error;
    }
  }

  async #runOne(
    translation: Translation,
    database: KnownDatabase,
    parameters: readonly SqliteValue[],
  ): Promise<StatementResult> {
    if (translation.kind === "copyIn") {
      throw new SqlError("XX000", "COPY FROM runs alone or in a transaction");
    }
    if (translation.kind !== "copyOut") {
      return withNotices(translation, await this.#dispatch(translation, database, parameters));
    }
    const { query } = translation;
    return copyOutResult(translation, await this.#dispatch(query, database, parameters));
  }

  async #dispatch(
    translation: Exclude<Translation, { kind: "copyIn" | "copyOut" }>,
    database: KnownDatabase,
    parameters: readonly SqliteValue[],
  ): Promise<StatementResult> {
    switch (translation.kind) {
      case "read":
        return this.#read(translation, database, parameters);
      case "advisoryLock":
        return this.#lock(translation, database, parameters);
      case "explain":
        return this.#explain(translation, database, parameters);
      case "write":
      case "schema":
        this.#refuseReadOnly(translation);
        if (changesNothing(translation)) {
          await this.#newest.refuseOlder(database);
          return commandResult(translation);
        }
        return this.#write(translation, database, parameters);
      case "createDatabase":
      case "dropDatabase":
        return this.#changeDatabases(translation);
      case "noEffect":
        return withoutEffect(translation);
      case "cursor":
        return cursorUse(translation);
      case "transaction":
        throw new SqlError("XX000", `${translation.tag} is the session's`);
      case "sleep":
        return sleep(translation, parameters, this.#state, this.#gateway.clock);
      case "setConfig":
        return this.#setConfig(translation, parameters);
      case "discardAll":
        return this.#discardAll(translation);
      default:
        return runInSession(translation, this.#state, false);
    }
  }

  async #discardAll(translation: SettingTranslation): Promise<StatementResult> {
    const { stop } = this.#state;
    await this.#locks.unlockAll();
    stop.check();
    return runInSession(translation, this.#state, false);
  }

  async #changeDatabases(translation: DatabaseTranslation): Promise<StatementResult> {
    const { kind, database, missingOk } = translation;
    if (kind === "dropDatabase") this.#refuseOwn(database);
    await this.#gateway.changeDatabases(
      { kind, name: database, missingOk },
      this.#state.lockBinding,
    );
    return commandResult(translation);
  }

  #copyIn(translation: CopyInTranslation, statement: ParsedStatement): StatementResult {
    this.#refuseReadOnly({ ...translation, tag: "COPY FROM" });
    const insert: InsertLines = (chunks) =>
      this.#newest.run(async ({ info, catalog }) => {
        const newest = this.#newest.translate(statement, catalog, []);
        const { insert: step } = newest.kind === "copyIn" ? newest : translation;
        const command = {
          database: info.id,
          catalogVersion: catalog.version,
          catalogVersionAfter: catalog.version,
          statements: [boundCopy(step, chunks, this.#state)],
        };
        const [outcome] = await this.#writes.run(command, []);
        this.#state.noteSequences(outcome?.lastValues);
        return outcome?.count ?? 0;
      });
    return copyInResult(translation, insert, this.#state);
  }

  /** Alone it is a transaction of its own, with which its locks may end. */
  async #lock(
    translation: AdvisoryLockTranslation,
    database: KnownDatabase,
    parameters: readonly SqliteValue[],
  ): Promise<StatementResult> {
    const { stop } = this.#state;
    const { rows } = await this.#read(translation.keys, database, parameters);
    stop.check();
    const settings = this.#state.undoable();
    const { lockTimeout } = translation;
    if (lockTimeout !== null) this.#state.settings.setLocal("lock_timeout", lockTimeout);
    try {
      return await this.#locks.run(translation, rows, "alone");
    } finally {
      settings.undo();
    }
  }

  /** Alone it is a transaction of its own, with which end what it sets locally, and modes. */
  async #setConfig(
    translation: SetConfigTranslation,
    parameters: readonly SqliteValue[],
  ): Promise<StatementResult> {
    const { settings } = this.#state;
    const undoSettings = settings.savepoint();
    try {
      const result = await setConfig(translation, parameters, this.#state, (setting) => {
        const { name, value, local } = setting;
        if (local || isMode(name)) settings.setLocal(name, value);
        else settings.set(name, value);
      });
      settings.endLocal();
      return result;
    } catch (error) {
      undoSettings();
      throw error;
    }
  }

  async #read(
    translation: ReadTranslation,
    database: KnownDatabase,
    parameters: readonly SqliteValue[],
  ): Promise<RowsResult> {
    const { stop } = this.#state;
    await this.#gateway.mayRead(this.#state.consistency);
    stop.check();
    const query = this.#query(translation, database, parameters);
    const rows = await this.#gateway.read(query, this.#state);
    return rowsResult(translation, rows);
  }

  #query(
    translation: ReadTranslation,
    { info, catalog }: KnownDatabase,
    parameters: readonly SqliteValue[],
  ) {
    const { sql, parameters: bound } = boundStep(translation.step, parameters, this.#state);
    return {
      database: info.id,
      catalogVersion: catalog.version,
      sql,
      parameters: bound,
      usesSystemRelations: translation.usesSystemRelations,
    };
  }

  async #explain(
    translation: ExplainTranslation,
    database: KnownDatabase,
    parameters: readonly SqliteValue[],
  ): Promise<StatementResult> {
    await this.#gateway.mayRead(this.#state.consistency);
    const { sql, parameters: bound } = boundStep(translation.target, parameters, this.#state);
    const query = {
      database: database.info.id,
      catalogVersion: database.catalog.version,
      sql: `EXPLAIN QUERY PLAN ${sql}`,
      parameters: bound,
      usesSystemRelations: false,
    };
    const lines = formatPlan(await allRows(await this.#gateway.read(query, this.#state)));
    return rowsResult(translation, new MemoryRows(lines.map((line) => [line])));
  }

  async #write(
    translation: WriteTranslation | SchemaTranslation,
    database: KnownDatabase,
    parameters: readonly SqliteValue[],
  ): Promise<StatementResult> {
    const { version } = database.catalog;
    const command = {
      database: database.info.id,
      catalogVersion: version,
      catalogVersionAfter: translation.kind === "schema" ? translation.catalog.version : version,
      statements: [boundStatement(translation, parameters, this.#state)],
    };
    const [outcome] = await this.#writes.run(command, [translation]);
    this.#state.noteSequences(outcome?.lastValues);
    return outcome === undefined ? commandResult(translation) : loggedResult(translation, outcome);
  }

  /**
   * What may fail by itself comes before the command is sent: once it is in the log, the statements
   * have taken effect, and nothing may make them run again or look as if they had not.
   */
  async #runAsOneCommand(
    items: readonly Item[],
    database: KnownDatabase,
    versionAfter: number,
  ): Promise<StatementResult[]> {
    const statements: CommandStatement[] = [];
    // In their order: a statement sees the settings that those before it leave.
    const given = items.flatMap(({ translation, parameters }) => {
      if (!isInCommand(translation)) return [];
      if (!isLogged(translation)) {
        return withNotices(translation, runInSession(translation, this.#state, false));
      }
      statements.push(boundStatement(translation, parameters, this.#state));
      return translation;
    });
    const command = {
      database: database.info.id,
      catalogVersion: database.catalog.version,
      catalogVersionAfter: versionAfter,
      statements,
    };
    const results = await this.#writes.run(command, given.filter(isLogged));
    const outcomes = results[Symbol.iterator]();
    return given.map((item) => {
      if (!isLogged(item)) return item;
      const outcome = outcomes.next();
      if (outcome.done === true) return withNotices(item, commandResult(item));
      this.#state.noteSequences(outcome.value.lastValues);
      return withNotices(item, loggedResult(item, outcome.value));
    });
  }

  #refuseReadOnly(translation: Translation): void {
    if (this.#state.settings.show("default_transaction_read_only") === "on") {
      throw readOnlyTransaction(translation);
    }
  }

  /** Each statement sees the schema that those before it leave. */
  #translateAll(all: readonly Wanted[], initial: Catalog) {
    let catalog = initial;
    const items = all.map(({ statement, parameterTypes, parameters, check }): Item => {
      const translation = this.#newest.translate(statement, catalog, parameterTypes);
      check?.(translation);
      if (translation.kind === "schema") catalog = translation.catalog;
      return { translation, parameters };
    });
    return { items, catalog };
  }

  #refuseOwn(name: string): void {
    if (name === this.#state.database.name) {
      throw new SqlError("55006", "cannot drop the currently open database");
    }
  }
}

function withoutEffect(translation: NoEffectTranslation): StatementResult {
  const { tag, onlyInBlock } = translation;
  if (onlyInBlock === undefined) return commandResult(translation);
  const message = `${tag} can only be used in transaction blocks`;
  if (onlyInBlock === "refused") throw new SqlError("25P01", message);
  return { kind: "command", tag, notices: [{ severity: "WARNING", sqlState: "25P01", message }] };
}

function isLogged(item: Logged | InSession | StatementResult): item is Logged {
  return item.kind === "read" || item.kind === "write" || item.kind === "schema";
}
