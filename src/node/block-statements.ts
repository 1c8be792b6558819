/**
 * Statements inside an open transaction.
 *
 * | translation                 | runs                                                       |
 * | read, before any change     | on a reader, in one view of one moment                     |
 * | read, write, schema         | tried on this node's state machine, kept for the log       |
 * | read of the system catalogs, explain | there as well, but not kept: COMMIT names the catalog's version |
 * | sleep                       | in the session                                             |
 * | set, setConfig, show, reset | in the session, undone by a rollback                       |
 * | copyIn                      | tried as a write when all its data is there                 |
 * | copyOut                     | its query, as any                                          |
 * | DECLARE                     | its query, as any; FETCH, MOVE, CLOSE are the protocol's   |
 * | savepoints                  | in the block                                               |
 * | createDatabase, dropDatabase, discardAll | not at all, as in PostgreSQL: 25001           |
 */

import { assert, unreachable } from "../base/assert.ts";
import { andThen, type MaybePromise } from "../base/maybe-promise.ts";
import { StaleSchemaError } from "../machine/state-machine.ts";
import { asksForLocksOnly } from "../sql/advisory-locks.ts";
import { type Catalog, EMPTY_CATALOG } from "../sql/catalog/catalog.ts";
import type { RowsResult, StatementResult } from "../sql/database.ts";
import { SqlError } from "../sql/errors.ts";
import type { ParsedStatement } from "../sql/parse.ts";
import { isSessionQuery } from "../sql/session-query.ts";
import type {
  AdvisoryLockTranslation,
  CopyInTranslation,
  CopyOutTranslation,
  CursorTranslation,
  ExplainTranslation,
  ReadTranslation,
  TransactionTranslation,
  Translation,
} from "../sql/translation.ts";
import { NotPrepared } from "../sql/translation-cache.ts";
import type { SqliteValue } from "../sql/values.ts";
import type { AdvisoryLocks } from "./advisory-locks.ts";
import { boundCopy, boundStatement, boundStep } from "./bound-statement.ts";
import { copyInResult, type InsertLines } from "./copy-intake.ts";
import { formatPlan } from "./explain.ts";
import { serializationFailure } from "./failures.ts";
import type { Gateway } from "./gateway.ts";
import { refuseInTransaction } from "./implicit-transaction.ts";
import { MemoryRows } from "./row-sources.ts";
import { sleep } from "./session-queries.ts";
import type { SessionState } from "./session-state.ts";
import { runInSession } from "./session-statements.ts";
import {
  allRows,
  asksFor,
  changesNothing,
  commandResult,
  copyOutResult,
  cursorUse,
  type Logged,
  loggedResult,
  rowsResult,
} from "./statement-results.ts";
import type { TransactionBlock } from "./transaction-block.ts";

/** One statement as its client sent it. */
export interface Wanted {
  readonly statement: ParsedStatement;
  readonly parameterTypes: readonly number[];
  readonly parameters: readonly SqliteValue[];
  /** May refuse what was made of it before it runs. */
  readonly check?: (translation: Translation) => void;
}

type Answer = MaybePromise<StatementResult>;

/** A query for a schema. */
export type QueryFor = (catalog: Catalog) => ReadTranslation;

/** Savepoint control; BEGIN, COMMIT and ROLLBACK are the session's. */
export type SavepointTranslation = TransactionTranslation & {
  readonly action: "savepoint" | "release" | "rollbackTo";
};

/** How often the keys of locks are asked for while the schema moves. */
const READS_MAX = 20;

export class BlockStatements {
  readonly #gateway: Gateway;
  readonly #state: SessionState;
  readonly #locks: AdvisoryLocks;

  constructor(gateway: Gateway, state: SessionState, locks: AdvisoryLocks) {
    this.#gateway = gateway;
    this.#state = state;
    this.#locks = locks;
  }

  /** Translates against the schema as the transaction sees it. Throws SqlError. */
  translate(
    block: TransactionBlock | null,
    wanted: Omit<Wanted, "parameters">,
  ): MaybePromise<Translation> {
    const { stop } = this.#state;
    const { statement, parameterTypes } = wanted;
    const found = this.#catalogNow(block, statement) ?? this.#opened(block, statement);
    return andThen(found, (catalog) => {
      const { translations, database } = this.#state;
      const context = { catalog, databaseName: database.name, parameterTypes };
      try {
        const translation = translations.translate(statement, context);
        wanted.check?.(translation);
        return translation;
      } catch (error) {
        if (!(error instanceof NotPrepared)) throw error;
        stop.check();
        return this.#state.prepare(error).then(() => this.translate(block, wanted));
      }
    });
  }

  /**
   * What concerns no data must not wait for the newest schema, nor fail without it. Null: the block has
   * to begin to look at the data.
   */
  #catalogNow(block: TransactionBlock | null, statement: ParsedStatement): Catalog | null {
    // A block can be ended even if its database is gone.
    if ("TransactionStmt" in statement.node) return EMPTY_CATALOG;
    if (block === null || isOfSession(statement)) {
      return this.#gateway.databaseNow(this.#state.database).catalog;
    }
    return block.catalogNow;
  }

  async #opened(block: TransactionBlock | null, statement: ParsedStatement): Promise<Catalog> {
    assert(block !== null, "without a block there is a catalog");
    return block.catalog(isChange(statement) ? "change" : "read");
  }

  /** The only row of a query, as the transaction sees it. Throws SqlError. */
  async compute(block: TransactionBlock, query: QueryFor): Promise<readonly SqliteValue[]> {
    const { stop } = this.#state;
    const translation = query(await block.catalog("read"));
    if (asksFor(translation, "xid")) await block.identify();
    stop.check();
    const { rows } = await this.#read(block, translation, []);
    return (await allRows(rows))[0] ?? [];
  }

  /** Runs what `translate` made. Throws SqlError: the caller marks the block as failed. */
  run(
    block: TransactionBlock,
    translation: Translation,
    parameters: readonly SqliteValue[],
  ): Answer {
    if (translation.kind === "copyIn") return this.#copyIn(block, translation);
    if (translation.kind === "copyOut") return this.#copyOut(block, translation, parameters);
    return this.#dispatch(block, translation, parameters);
  }

  async #copyOut(
    block: TransactionBlock,
    translation: CopyOutTranslation,
    parameters: readonly SqliteValue[],
  ): Promise<StatementResult> {
    return copyOutResult(translation, await this.#dispatch(block, translation.query, parameters));
  }

  #dispatch(
    block: TransactionBlock,
    translation: Exclude<Translation, { kind: "copyIn" | "copyOut" }>,
    parameters: readonly SqliteValue[],
  ): Answer {
    refuseInTransaction([translation]);
    switch (translation.kind) {
      case "read":
        if (block.readOnly && translation.locksRows) {
          throw readOnlyTransaction({ ...translation, tag: "SELECT FOR UPDATE" });
        }
        return this.#read(block, translation, parameters);
      case "advisoryLock":
        return this.#lock(block, translation, parameters);
      case "write":
      case "schema":
        return this.#runLogged(block, translation, parameters);
      case "explain":
        return this.#explain(block, translation, parameters);
      case "cursor":
        return this.#cursor(block, translation, parameters);
      case "sleep":
        return sleep(translation, parameters, this.#state, this.#gateway.clock);
      case "setConfig":
      case "transaction":
      case "createDatabase":
      case "dropDatabase":
        throw new SqlError("XX000", `${translation.tag} is the session's`);
      default:
        return runInSession(translation, this.#state, true);
    }
  }

  #runLogged(
    block: TransactionBlock,
    translation: Logged,
    parameters: readonly SqliteValue[],
  ): Answer {
    if (block.readOnly) throw readOnlyTransaction(translation);
    if (changesNothing(translation)) return commandResult(translation);
    const { stop } = this.#state;
    return andThen(block.catalogNow ?? block.catalog("change"), (before) => {
      stop.check();
      const after: Catalog = translation.kind === "schema" ? translation.catalog : before;
      const statement = boundStatement(translation, parameters, this.#state);
      return andThen(block.run(statement, after), (outcome) => {
        this.#state.noteSequences(outcome.lastValues);
        return loggedResult(translation, outcome);
      });
    });
  }

  #copyIn(block: TransactionBlock, translation: CopyInTranslation): StatementResult {
    if (block.readOnly) throw readOnlyTransaction({ ...translation, tag: "COPY FROM" });
    const insert: InsertLines = async (chunks) => {
      const { stop } = this.#state;
      const catalog = await block.catalog("change");
      stop.check();
      const outcome = await block.run(boundCopy(translation.insert, chunks, this.#state), catalog);
      this.#state.noteSequences(outcome.lastValues);
      return outcome.count;
    };
    return copyInResult(translation, insert, this.#state);
  }

  /**
   * A transaction that begins with a lock looks at the data when it has it: so that it sees what
   * those did who had the lock before.
   */
  async #lock(
    block: TransactionBlock,
    translation: AdvisoryLockTranslation,
    parameters: readonly SqliteValue[],
  ): Promise<StatementResult> {
    const { stop } = this.#state;
    const { keys, lockTimeout } = translation;
    const read =
      block.hasRun || keys.usesSystemRelations
        ? this.#read(block, keys, parameters)
        : this.#readOutside(keys, parameters);
    const { rows } = await read;
    stop.check();
    if (lockTimeout !== null) this.#state.settings.setLocal("lock_timeout", lockTimeout);
    return this.#locks.run(translation, rows, "transaction");
  }

  /** The schema may move on meanwhile; the keys are asked for again, by the same text, as long as it does. */
  async #readOutside(keys: ReadTranslation, parameters: readonly SqliteValue[]) {
    const { sql, parameters: bound } = boundStep(keys.step, parameters, this.#state);
    for (let left = READS_MAX; ; left -= 1) {
      const { catalog, info } = this.#gateway.databaseNow(this.#state.database);
      const usesSystemRelations = false;
      const command = { database: info.id, catalogVersion: catalog.version, usesSystemRelations };
      try {
        const rows = await this.#gateway.read({ ...command, sql, parameters: bound }, this.#state);
        return rowsResult(keys, rows);
      } catch (error) {
        if (!(error instanceof StaleSchemaError)) throw error;
        if (left === 0) throw serializationFailure();
        await this.#gateway.mayRead({ stale: false, maxStalenessMs: 0 });
      }
    }
  }

  async #read(
    block: TransactionBlock,
    translation: ReadTranslation,
    parameters: readonly SqliteValue[],
  ): Promise<RowsResult> {
    const query = boundStatement(translation, parameters, this.#state);
    return rowsResult(translation, await block.read(query, translation.usesSystemRelations));
  }

  async #cursor(
    block: TransactionBlock,
    translation: CursorTranslation,
    parameters: readonly SqliteValue[],
  ): Promise<StatementResult> {
    const { action } = translation;
    if (action.kind !== "declare") return cursorUse(translation);
    const result = await this.#read(block, action.query, parameters);
    return { kind: "cursor", action: { kind: "declare", name: action.name, result } };
  }

  async #explain(
    block: TransactionBlock,
    translation: ExplainTranslation,
    parameters: readonly SqliteValue[],
  ): Promise<StatementResult> {
    const { sql, parameters: bound } = boundStep(translation.target, parameters, this.#state);
    const plan = await block.read(
      {
        kind: "read",
        steps: [{ sql: `EXPLAIN QUERY PLAN ${sql}`, parameters: bound }],
        returnsRows: true,
        rebuildsTables: false,
      },
      true,
    );
    const lines = formatPlan(await allRows(plan));
    return rowsResult(translation, new MemoryRows(lines.map((line) => [line])));
  }
}

/** The error (25006) for a statement that would change something. */
export function readOnlyTransaction({ tag }: Translation): SqlError {
  const what = tag === "SELECT" ? "nextval()" : tag.replace(/ 0$/, "");
  return new SqlError("25006", `cannot execute ${what} in a read-only transaction`);
}

/** Whether a statement surely goes to the log with its transaction. */
function isChange({ node }: ParsedStatement): boolean {
  if ("CopyStmt" in node) return node.CopyStmt.is_from === true;
  return "UpdateStmt" in node || "InsertStmt" in node || "DeleteStmt" in node;
}

/** Whether a statement is about the session or the transaction, and not about data. */
function isOfSession({ node }: ParsedStatement): boolean {
  const isSetting = "VariableSetStmt" in node || "VariableShowStmt" in node;
  return "TransactionStmt" in node || isSetting || isSessionQuery(node) || asksForLocksOnly(node);
}

/** Savepoint control of an open block. */
export async function controlSavepoint(
  block: TransactionBlock,
  translation: SavepointTranslation,
): Promise<StatementResult> {
  const { action, savepoint, tag } = translation;
  const name = savepoint ?? "";
  switch (action) {
    case "savepoint": {
      const level = await block.savepoint(name);
      return { kind: "command", tag, savepoint: { action: "made", level } };
    }
    case "release":
      await block.release(name);
      return commandResult(translation);
    case "rollbackTo": {
      const level = await block.rollbackTo(name);
      return { kind: "command", tag, savepoint: { action: "goneBackTo", level } };
    }
    default:
      return unreachable(action);
  }
}
