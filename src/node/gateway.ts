/**
 * Runs translated statements for this node's clients: reads on this node's state machine once the
 * read index is applied here, writes through the log.
 *
 * A statement is translated against the newest catalog that this node knows. If the schema has
 * moved when it runs, nothing has run: it is translated again against the new one.
 */

import { unreachable } from "../base/assert.ts";
import type { Clock } from "../base/clock.ts";
import { RESERVED_VALUES_MAX } from "../base/limits.ts";
import type { MaybePromise } from "../base/maybe-promise.ts";
import type { Random } from "../base/random.ts";
import { LOCK_ANSWER } from "../machine/advisory-locks.ts";
import type {
  AdvisoryLockCommand,
  CommandStatement,
  DatabaseCommand,
  TransactionCommand,
} from "../machine/command.ts";
import type { SpeculationRequest, SpeculationResult } from "../machine/speculation.ts";
import {
  type DatabaseId,
  type DatabaseInfo,
  type Outcome,
  type ReadRequest,
  StaleSchemaError,
  type StateMachine,
} from "../machine/state-machine.ts";
import type { Stop } from "../machine/stop.ts";
import type { RowSource } from "../sql/database.ts";
import { SqlError } from "../sql/errors.ts";
import type { SqliteValue } from "../sql/values.ts";
import type { Catalogs, KnownDatabase } from "./catalogs.ts";
import { neverProposed, outcomeUnknown, serializationFailure } from "./failures.ts";
import { HotStatements } from "./hot-statements.ts";
import type { LockBinding } from "./lock-binding.ts";
import type { Node } from "./node.ts";
import type { Unsent } from "./proposals.ts";
import { QueryHabits } from "./query-habits.ts";
import { Reservations } from "./reservations.ts";
import { CursorRows, type Stops } from "./row-sources.ts";
import { UndecidedTransactions } from "./undecided-transactions.ts";

export interface GatewayParts {
  readonly node: Node;
  readonly machine: StateMachine;
  readonly catalogs: Catalogs;
  readonly clock: Clock;
  readonly random: Random;
}

/** What a session's consistency settings ask of a read. */
export interface ReadConsistency {
  readonly stale: boolean;
  /** With `stale`: the longest time without a leader, in milliseconds; 0 for no bound. */
  readonly maxStalenessMs: number;
}

export interface ReadCommand {
  readonly database: number;
  readonly catalogVersion: number;
  readonly sql: string;
  readonly parameters: readonly SqliteValue[];
  readonly usesSystemRelations: boolean;
}

/** What a query of a transaction answers. */
interface ViewRows {
  readonly view: number | null;
  readonly rows: CursorRows;
  readonly wasShort: boolean;
}

export interface WriteCommand {
  readonly database: number;
  readonly catalogVersion: number;
  readonly catalogVersionAfter: number;
  readonly statements: readonly CommandStatement[];
}

/** A leadership of this node that was not confirmed by the others when a transaction began under it. */
export type Unconfirmed = string;

export type CommitCommand = Omit<TransactionCommand, "kind" | "identity">;

export type LockCommand = Omit<AdvisoryLockCommand, "kind" | "identity">;

/** One of LOCK_ANSWER, and the gateway's session under which the log has given it. */
export interface LockAnswer {
  readonly answer: number;
  readonly session: number;
}

export type ChangeDatabases = Omit<DatabaseCommand, "identity">;

type Done = Extract<Outcome, { kind: "done" }>;

const FIRST_ROWS = 512;
const SEED_BYTES = 16;

export class Gateway {
  readonly node: Node;
  readonly catalogs: Catalogs;
  readonly #machine: StateMachine;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly hot: HotStatements;
  readonly undecided: UndecidedTransactions;
  readonly habits = new QueryHabits();
  readonly #reservations: Reservations;
  /** Ids of transactions that were set aside for this gateway's session. */
  readonly #ids = new Map<
    DatabaseId,
    { readonly next: number; readonly left: number; readonly session: number | null }
  >();
  #transactions = 0;
  /** The ballot of this node's leadership, once it knows what was chosen before. */
  #leadership: string | null = null;
  #leaderSeenMs = Number.NEGATIVE_INFINITY;

  constructor(parts: GatewayParts) {
    this.node = parts.node;
    this.catalogs = parts.catalogs;
    this.#machine = parts.machine;
    this.#clock = parts.clock;
    this.#random = parts.random;
    this.#reservations = new Reservations(parts.clock);
    this.hot = new HotStatements(parts.clock);
    const commit = (command: CommitCommand): Promise<unknown> => this.commit(command, null);
    this.undecided = new UndecidedTransactions({ clock: parts.clock, commit });
  }

  /** Called often: remembers when a leader was last known. */
  noteLeader(): void {
    if (this.node.leader !== null) this.#leaderSeenMs = this.#clock.monotonicMs();
  }

  /** The database of that name; asks the cluster before it says 3D000. */
  async database(name: string): Promise<KnownDatabase> {
    const known = this.catalogs.byName(name);
    if (known !== undefined) return known;
    await this.#readIndex();
    const created = this.catalogs.byName(name);
    if (created !== undefined) return created;
    throw new SqlError("3D000", `database "${name}" does not exist`, {
      hint: `Connect to "synod" and run CREATE DATABASE ${name}.`,
    });
  }

  /** A database as this node knows it now; throws 3D000 for one that was dropped. */
  databaseNow({ id, name }: DatabaseInfo): KnownDatabase {
    const database = this.catalogs.byId(id);
    if (database !== undefined) return database;
    throw new SqlError("3D000", `database "${name}" was dropped`, {
      hint: "Connect to another database.",
    });
  }

  /** Resolves when a read may start. Rejects with 57P03. */
  async mayRead(consistency: ReadConsistency): Promise<void> {
    if (!consistency.stale) return this.#readIndex();
    const { maxStalenessMs } = consistency;
    const silentMs = this.#clock.monotonicMs() - this.#leaderSeenMs;
    if (maxStalenessMs > 0 && this.node.leader === null && silentMs > maxStalenessMs) {
      throw neverProposed(
        `this node has heard no leader for longer than synod.max_staleness (${maxStalenessMs} ms)`,
      );
    }
  }

  /**
   * Resolves when a transaction may begin: the log checks all that it sees if it changes something, so
   * that a leader need not ask the others whether it still leads. Until it has asked once, it may not
   * know of everything that was chosen before its time. Answers what one that only reads has to have
   * confirmed at its end; null: nothing.
   */
  async mayTry(consistency: ReadConsistency): Promise<Unconfirmed | null> {
    if (consistency.stale) return null;
    const leadership = this.#ownLeadership();
    if (leadership !== null && leadership === this.#leadership) {
      await this.node.reads.after(this.node.chosenIndex);
      return leadership;
    }
    await this.#readIndex();
    this.#leadership = leadership;
    return null;
  }

  /**
   * Resolves if nobody else can have led since then: what was read since then was the newest when its
   * transaction began. Throws 40001 otherwise, 57P03 if nobody can say.
   */
  async confirm(since: Unconfirmed): Promise<void> {
    await this.#readIndex();
    // A majority has followed this ballot after the transaction began: before, no other could choose.
    if (this.#ownLeadership() !== since) throw serializationFailure();
  }

  /** Throws StaleSchemaError if the catalog version is no longer the newest. */
  async read(command: ReadCommand, stops: Stops): Promise<RowSource> {
    const timestampMicros = this.#clock.wallMicros();
    const request = { ...command, timestampMicros, firstRows: FIRST_ROWS };
    const page = await this.#machine.read(request, stops.stop);
    return new CursorRows(this.#machine, page, stops);
  }

  /** Runs a query of a transaction. Throws StaleSchemaError, ViewClosedError, SqlError. */
  async readInView(request: Omit<ReadRequest, "firstRows">, stops: Stops): Promise<ViewRows> {
    const page = await this.#machine.read({ ...request, firstRows: FIRST_ROWS }, stops.stop);
    const { view = null, wasShort = false } = page;
    return { view, wasShort, rows: new CursorRows(this.#machine, page, stops) };
  }

  /** See StateMachine.closeView. */
  closeView(view: number): void {
    this.#machine.closeView(view);
  }

  /**
   * Runs statements as one command of the log. `binding`: of its client's locks. `runsMs`: see Proposals.submit.
   * Throws StaleSchemaError, SqlError.
   */
  async write(command: WriteCommand, binding: LockBinding, runsMs: number): Promise<Done> {
    const seed = this.#random.bytes(SEED_BYTES);
    const unsent: Unsent = (identity) => ({ kind: "statements", identity, seed, ...command });
    return done(await this.#submit(unsent, binding, runsMs));
  }

  /** A number for an open transaction: every one gets another. */
  nextTransaction(): number {
    this.#transactions += 1;
    return this.#transactions;
  }

  /** What random() answers from. */
  seed(): Uint8Array {
    return this.#random.bytes(SEED_BYTES);
  }

  get clock(): Clock {
    return this.#clock;
  }

  /** This machine's clock, microseconds since 1970. */
  wallMicros(): number {
    return this.#clock.wallMicros();
  }

  /** See StateMachine.speculate. */
  speculate(request: SpeculationRequest, stop: Stop): MaybePromise<SpeculationResult> {
    return this.#machine.speculate(request, stop);
  }

  /** See StateMachine.endTransaction. */
  endTransaction(database: DatabaseId, transaction: number): void {
    this.#machine.endTransaction(database, transaction);
  }

  /**
   * Commits an interactive transaction through the log. The index of the statement that met a
   * conflict, -1 for the schema, null if it is committed. `binding`: of its client's locks; null: it says
   * only that the transaction was given up. Throws SqlError.
   */
  async commit(command: CommitCommand, binding: LockBinding | null): Promise<number | null> {
    const unsent: Unsent = (identity) => transactionCommand(identity, command);
    const outcome = await this.#submit(unsent, binding);
    // Its statements cannot be translated anew: their client has seen results.
    if (outcome.kind === "staleSchema") return -1;
    if (outcome.kind === "conflict") return outcome.statement;
    done(outcome);
    return null;
  }

  /**
   * Sets values of a sequence aside for this node's open transactions: more than `had`, which were
   * not enough for one statement. Sequences that are asked for often get more at a time.
   */
  async reserve(database: DatabaseId, sequence: string, had: number): Promise<void> {
    const count = Math.max(this.#reservations.next(database, sequence), had * 2);
    // A command gives no more than the limit; twice as many each time keeps the repetitions few.
    for (let left = count; left > 0; left -= RESERVED_VALUES_MAX) {
      const part = Math.min(left, RESERVED_VALUES_MAX);
      done(await this.#setAside(database, sequence, part));
    }
  }

  /** The id of a transaction: no other ever gets it. Throws SqlError. */
  async transactionId(database: DatabaseId): Promise<number> {
    const session = this.node.proposals.session;
    const known = this.#ids.get(database);
    if (known !== undefined && known.left > 0 && known.session === session) {
      this.#ids.set(database, { ...known, next: known.next + 1, left: known.left - 1 });
      return known.next;
    }
    const count = this.#reservations.next(database, "");
    const [first] = done(await this.#setAside(database, "", count)).results[0]?.rows?.[0] ?? [];
    // The answer was lost over a snapshot, and the ids with it.
    if (typeof first !== "bigint") return this.transactionId(database);
    const ids = { next: Number(first) + 1, left: count - 1 };
    this.#ids.set(database, { ...ids, session: this.node.proposals.session });
    return Number(first);
  }

  /** An operation on the advisory locks of a client. `under`: see Proposals.submit. Throws SqlError. */
  async lock(command: LockCommand, under: number | null): Promise<LockAnswer> {
    let session = 0;
    const submitted = this.node.proposals.submit((identity) => {
      // It is sent anew when a session was closed before the command ran: the last one counts.
      session = identity.session;
      return { kind: "advisoryLock", identity, ...command };
    }, under);
    this.node.wake();
    const answer = done(await submitted).results[0]?.count ?? LOCK_ANSWER.no;
    return { answer, session };
  }

  /** CREATE DATABASE, DROP DATABASE. `binding`: of its client's locks. Throws SqlError. */
  async changeDatabases(command: ChangeDatabases, binding: LockBinding): Promise<void> {
    done(await this.#submit((identity) => ({ identity, ...command }), binding));
  }

  /**
   * Values for this gateway: whoever has the client's locks by now, others just get other ones. So it is bound
   * to none.
   */
  #setAside(database: DatabaseId, sequence: string, count: number): Promise<Outcome> {
    return this.#submit(
      (identity) => ({ kind: "reserve", identity, database, sequence, count }),
      null,
    );
  }

  #submit(unsent: Unsent, binding: LockBinding | null, runsMs = 0): Promise<Outcome> {
    const submitted = this.node.proposals.submit(unsent, binding?.session ?? null, runsMs);
    this.node.wake();
    return binding?.follow(submitted) ?? submitted;
  }

  /** The ballot under which this node leads; null if it does not. */
  #ownLeadership(): Unconfirmed | null {
    const ballot = this.node.leads;
    return ballot === null ? null : `${ballot.round}.${ballot.node}`;
  }

  #readIndex(): Promise<void> {
    const confirmed = this.node.reads.linearizable();
    this.node.wake();
    return confirmed;
  }
}

/** Written out: a spread with more before it is made field by field, and slowly, by the engine. */
function transactionCommand(
  identity: TransactionCommand["identity"],
  command: CommitCommand,
): TransactionCommand {
  const { database, catalogVersion, catalogVersionAfter, seed, startedMicros } = command;
  return {
    kind: "transaction",
    identity,
    database,
    catalogVersion,
    catalogVersionAfter,
    seed,
    startedMicros,
    xid: command.xid,
    aborts: command.aborts,
    items: command.items,
  };
}

function done(outcome: Outcome): Done {
  switch (outcome.kind) {
    case "done":
      return outcome;
    case "failed":
      throw new SqlError(outcome.sqlState, outcome.message, outcome.fields);
    case "staleSchema":
      throw new StaleSchemaError("the schema changed meanwhile");
    case "conflict":
      throw serializationFailure();
    case "unknown":
    case "sessionOpened":
    case "sessionClosed":
      throw outcomeUnknown("its outcome is no longer remembered");
    default:
      return unreachable(outcome);
  }
}
