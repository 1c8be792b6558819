/**
 * One interactive transaction at its gateway: what its client has run so far, tried on this node's
 * state machine and kept for the log.
 *
 *   open ──statement──► open          what was shown no longer holds ──► conflict
 *    │                                                                      │
 *    ├──commit──► ended: the log has judged it                              │
 *    └──end─────► ended: nothing of it ever reached the log ◄───────────────┘
 *
 * A crash of this node leaves nothing of it, unless COMMIT had been proposed: then the log decides.
 */
import { TRANSACTION_BYTES_MAX, TRANSACTION_ITEMS_MAX } from "../base/limits.ts";
import { andThen, type MaybePromise } from "../base/maybe-promise.ts";
import type { CommandStatement, SavepointItem, TransactionItem } from "../machine/command.ts";
import type {
  Look,
  SpeculationRequest,
  SpeculationResult,
  TransactionStart,
} from "../machine/speculation.ts";
import type { StatementOutcome } from "../machine/state-machine.ts";
import type { Stop } from "../machine/stop.ts";
import type { RowSource } from "../sql/database.ts";
import { SqlError } from "../sql/errors.ts";
import type { KnownDatabase } from "./catalogs.ts";
import { serializationFailure } from "./failures.ts";
import type { CommitCommand, Gateway, Unconfirmed } from "./gateway.ts";
import type { LockBinding } from "./lock-binding.ts";
import { MemoryRows, type Stops } from "./row-sources.ts";
import { TransactionReads } from "./transaction-reads.ts";

export interface TransactionParts {
  readonly gateway: Gateway;
  readonly database: KnownDatabase;
  /** now(), microseconds since 1970. */
  readonly startedMicros: number;
  readonly stops: Stops;
  /** What is to be confirmed at its end if it changes nothing; null: nothing. */
  readonly unconfirmed: Unconfirmed | null;
  /** See TransactionReads. */
  readonly beginsForAny: boolean;
}

export class Transaction {
  readonly #gateway: Gateway;
  readonly #database: KnownDatabase;
  readonly #id: number;
  readonly #common: Omit<TransactionStart, "items">;
  readonly #stops: Stops;
  readonly #unconfirmed: Unconfirmed | null;
  readonly #items: TransactionItem[] = [];
  /** Null: it has changed something, or its view was closed, and runs where changes are tried. */
  #reads: TransactionReads | null;
  #bytes = 0;
  #savepoints = 0;
  #hasWritten = false;
  #xid: number | null = null;
  /** Whether the state machine knows the transaction. */
  #isOpenThere = false;
  #state: "open" | "conflict" | "ended" = "open";

  constructor(parts: TransactionParts) {
    const { gateway, database, startedMicros, stops, unconfirmed, beginsForAny } = parts;
    this.#gateway = gateway;
    this.#stops = stops;
    this.#unconfirmed = unconfirmed;
    this.#database = database;
    this.#id = gateway.nextTransaction();
    this.#common = {
      catalogVersion: database.catalog.version,
      seed: gateway.seed(),
      startedMicros,
    };
    this.#reads = new TransactionReads({
      gateway,
      database: database.info.id,
      stops,
      beginsForAny,
      ...this.#common,
    });
  }

  /** The transaction's id; it gets one if it has none yet. */
  async id(): Promise<number> {
    this.#checkOpen();
    if (this.#xid !== null) return this.#xid;
    this.#xid = await this.#gateway.transactionId(this.#database.info.id);
    // A moment from before the id was given does not know of it, and pg_xact_status() is a query.
    if (this.#reads?.hasView === true) await this.#leaveReader();
    return this.#xid;
  }

  /**
   * Runs a query. `isLook`: it reads no table, but the system catalogs or a plan. Throws its error, or
   * 40001 if the transaction can no longer commit; 57014 where `stop` is asked for.
   */
  async read(query: CommandStatement, isLook: boolean, stop: Stop): Promise<RowSource> {
    this.#checkOpen();
    const [step] = query.steps;
    const turn = isLook ? null : this.#gateway.hot.enter(query, this, stop);
    if (turn !== null) await turn;
    stop.check();
    if (this.#reads !== null) {
      const clockMicros = this.#gateway.wallMicros();
      if (!isLook) this.#checkRoom(query);
      const rows = await this.#reads.read({ query, clockMicros, isLook });
      if (rows !== null) return rows;
      await this.#leaveReader();
    }
    if (!isLook || step === undefined) {
      return new MemoryRows((await this.run(query, stop)).rows ?? [], this.#stops);
    }
    const clockMicros = this.#gateway.wallMicros();
    const { outcome } = await this.#done({ kind: "look", ...step, clockMicros }, stop);
    return new MemoryRows(outcome.rows ?? [], this.#stops);
  }

  /**
   * Runs one statement; throws its error, 40001 if the transaction can no longer commit, or 57014 where
   * `stop` is asked for: then it is part of the transaction or not, as if it had not been waited for.
   */
  run(statement: CommandStatement, stop: Stop): MaybePromise<StatementOutcome> {
    this.#checkOpen();
    const turn = this.#gateway.hot.enter(statement, this, stop);
    if (turn === null && this.#reads === null) return this.#run(statement, stop);
    return this.#runInTurn(statement, stop, turn);
  }

  async #runInTurn(
    statement: CommandStatement,
    stop: Stop,
    turn: Promise<void> | null,
  ): Promise<StatementOutcome> {
    if (turn !== null) await turn;
    stop.check();
    if (this.#reads !== null) await this.#leaveReader();
    return this.#run(statement, stop);
  }

  #run(statement: CommandStatement, stop: Stop): MaybePromise<StatementOutcome> {
    stop.check();
    this.#checkRoom(statement);
    const clockMicros = this.#gateway.wallMicros();
    const item = { kind: "statement", statement, clockMicros, rowsShown: null } as const;
    return andThen(this.#speculate(item, stop), (result) => {
      const { digest, sequenceValues } = result;
      this.#items.push({
        kind: "statement",
        statement,
        clockMicros,
        rowsShown: null,
        digest,
        sequenceValues,
      });
      if (statement.kind !== "read") this.#hasWritten = true;
      if (result.kind === "done") return result.outcome;
      const { sqlState, message, fields } = result.error;
      throw new SqlError(sqlState, message, fields);
    });
  }

  /** SAVEPOINT: answers its level. */
  async savepoint(stop: Stop): Promise<number> {
    const level = this.#savepoints;
    await this.#control({ kind: "savepoint", level }, stop);
    this.#savepoints = level + 1;
    return level;
  }

  /** The savepoint stays; those above it go. */
  async rollbackTo(level: number, stop: Stop): Promise<void> {
    this.#checkSavepoint(level);
    await this.#control({ kind: "rollbackTo", level }, stop);
    this.#savepoints = level + 1;
  }

  /** The savepoint and those above it go. */
  async release(level: number, stop: Stop): Promise<void> {
    this.#checkSavepoint(level);
    await this.#control({ kind: "release", level }, stop);
    this.#savepoints = level;
  }

  /**
   * Lets the log judge it, with the catalog version that its statements leave. Throws 40001 for a
   * conflict, the error of a deferred constraint, or what becomes of a command that is not decided.
   * `binding`: of its client's locks.
   */
  async commit(catalogVersionAfter: number, binding: LockBinding): Promise<void> {
    this.#checkOpen();
    // Also one that ran no query has seen what it was translated against: the schema.
    if (!this.#hasWritten && this.#unconfirmed !== null) {
      await this.#gateway.confirm(this.#unconfirmed);
      this.#checkOpen();
    }
    this.#reads?.finish();
    this.#close();
    const xid = this.#xid ?? 0;
    // Without an id and without a change nobody can tell whether it was in the log.
    if (!this.#hasWritten && xid === 0) {
      this.#gateway.hot.leave(this);
      return;
    }
    const items = this.#hasWritten ? this.#items : [];
    const command = this.#command({ catalogVersionAfter, xid, aborts: false, items });
    try {
      const conflict = await this.#decided(command, binding);
      if (conflict !== null) throw this.#conflicted(conflict);
    } finally {
      this.#gateway.hot.leave(this);
    }
  }

  /** Gives it up; the log remembers so of one that has an id. Never rejects. */
  async abort(): Promise<void> {
    const isOpen = this.#state !== "ended";
    this.end();
    if (!isOpen || this.#xid === null) return;
    const { catalogVersion: catalogVersionAfter } = this.#common;
    const xid = this.#xid;
    const command = this.#command({ catalogVersionAfter, xid, aborts: true, items: [] });
    await this.#decided(command, null).catch(() => {
      // The client has given it up, whatever the log says and when.
    });
  }

  #command(
    end: Pick<CommitCommand, "catalogVersionAfter" | "xid" | "aborts" | "items">,
  ): CommitCommand {
    const { catalogVersion, seed, startedMicros } = this.#common;
    return {
      database: this.#database.info.id,
      catalogVersion,
      catalogVersionAfter: end.catalogVersionAfter,
      seed,
      startedMicros,
      xid: end.xid,
      aborts: end.aborts,
      items: end.items,
    };
  }

  /** What the log says of it. If it cannot be asked now, it will be told later that this was given up. */
  async #decided(command: CommitCommand, binding: LockBinding | null): Promise<number | null> {
    try {
      return await this.#gateway.commit(command, binding);
    } catch (error) {
      this.#gateway.undecided.add(command);
      throw error;
    }
  }

  /** Gives it up; idempotent. */
  end(): void {
    this.#close();
    this.#gateway.hot.leave(this);
  }

  /** Nothing more runs here. */
  #close(): void {
    this.#state = "ended";
    this.#reads?.abandon();
    if (!this.#isOpenThere) return;
    this.#isOpenThere = false;
    this.#gateway.endTransaction(this.#database.info.id, this.#id);
  }

  /** What has run on a reader is looked at again where changes are tried, before the first of them. */
  async #leaveReader(): Promise<void> {
    const reads = this.#reads;
    if (reads === null) return;
    this.#reads = null;
    this.#items.push(...(await reads.leave()));
  }

  async #done(item: Look, stop: Stop) {
    const result = await this.#speculate(item, stop);
    if (result.kind === "done") return result;
    throw new SqlError(result.error.sqlState, result.error.message, result.error.fields);
  }

  async #control(item: SavepointItem, stop: Stop): Promise<void> {
    await this.#leaveReader();
    this.#checkRoom(null);
    await this.#speculate(item, stop);
    this.#items.push(item);
  }

  #speculate(item: SpeculationRequest["item"], stop: Stop): MaybePromise<Speculated> {
    // Whoever is no longer waited for may come back to a transaction that has ended, or gone on.
    this.#checkOpen();
    stop.check();
    const start = this.#isOpenThere ? null : this.#start();
    // Before the answer: one that is stopped has been opened nevertheless.
    this.#isOpenThere = true;
    const request = { database: this.#database.info.id, transaction: this.#id, start, item };
    return andThen(this.#gateway.speculate(request, stop), (result) => {
      switch (result.kind) {
        case "conflict":
          this.#state = "conflict";
          this.#isOpenThere = false;
          throw this.#conflicted(result.statement);
        case "notOpen":
          // The state machine was replaced by a snapshot meanwhile: it looks at everything again.
          this.#isOpenThere = false;
          return this.#speculate(item, stop);
        case "sequenceShortage": {
          const { sequence, had } = result;
          const reserved = this.#gateway.reserve(this.#database.info.id, sequence, had);
          return reserved.then(() => this.#speculate(item, stop));
        }
        default:
          return result;
      }
    });
  }

  /** What the state machine has to know to open it. */
  #start(): TransactionStart {
    const { catalogVersion, seed, startedMicros } = this.#common;
    return { catalogVersion, seed, startedMicros, items: [...this.#items] };
  }

  /** The error for a conflict at statement `index`, which others had better come to one by one. */
  #conflicted(index: number): SqlError {
    const item = this.#items[index];
    if (item?.kind === "statement") this.#gateway.hot.conflicted(item.statement);
    return serializationFailure();
  }

  #checkOpen(): void {
    if (this.#state === "conflict") throw serializationFailure();
    if (this.#state === "ended") throw transactionEnded();
  }

  /** The state machine takes a level that is not there for a fault of its own, and the node would end. */
  #checkSavepoint(level: number): void {
    if (level >= this.#savepoints) throw new SqlError("3B001", "the savepoint does not exist");
  }

  #checkRoom(statement: CommandStatement | null): void {
    if (this.#items.length >= TRANSACTION_ITEMS_MAX) {
      throw tooLarge(`${TRANSACTION_ITEMS_MAX} statements`);
    }
    for (const { sql, parameters } of statement?.steps ?? []) {
      this.#bytes += Buffer.byteLength(sql);
      for (const value of parameters) this.#bytes += sizeOf(value);
    }
    if (this.#bytes > TRANSACTION_BYTES_MAX) throw tooLarge(`${TRANSACTION_BYTES_MAX} bytes`);
  }
}

/** What the state machine has run. */
type Speculated = Extract<SpeculationResult, { readonly kind: "done" | "failed" }>;

function sizeOf(value: CommandStatement["steps"][number]["parameters"][number]): number {
  if (typeof value === "string") return Buffer.byteLength(value);
  return value instanceof Uint8Array ? value.length : 8;
}

function tooLarge(limit: string): SqlError {
  return new SqlError("54000", `the transaction is too large: a transaction has at most ${limit}`, {
    hint: "Split it into several transactions.",
  });
}

/** The error (25P01) of work in a transaction that has ended meanwhile. Its client no longer waits for it. */
export function transactionEnded(): SqlError {
  return new SqlError("25P01", "the transaction has ended");
}
