/**
 * The face of the replicated state machine towards the node. Implemented over a worker thread in
 * production (worker-machine.ts) and in the same thread for simulation; src/node sees only this.
 */
import type { MaybePromise } from "../base/maybe-promise.ts";
import type { Catalog } from "../sql/catalog/catalog.ts";
import type { SqlErrorFields } from "../sql/errors.ts";
import type { SqliteValue } from "../sql/values.ts";
import type { LockGrant } from "./advisory-locks.ts";
import type { SpeculationRequest, SpeculationResult } from "./speculation.ts";
import type { Stop } from "./stop.ts";

/** A database's number: the slot of its CREATE DATABASE times 2^10 plus its place in the batch; never reused. */
export type DatabaseId = number;

export interface DatabaseInfo {
  readonly id: DatabaseId;
  readonly name: string;
}

/** One chosen slot, as it goes to the machine. No-ops and memberships have no commands. */
export interface AppliedEntry {
  readonly slot: number;
  /** Microseconds since 1970 that the leader stamped; statements never run at an earlier time than those before them. */
  readonly timestampMicros: number;
  /** Encoded commands (command.ts). */
  readonly commands: readonly Uint8Array[];
}

/** What became of one command: the same on every node. */
export type Outcome =
  /** One result a statement of the command, in order. */
  | { readonly kind: "done"; readonly results: readonly StatementOutcome[] }
  /** A statement failed; nothing of the command remains. */
  | {
      readonly kind: "failed";
      /** 0-based: which statement. Those before it are rolled back. */
      readonly statement: number;
      readonly sqlState: string;
      readonly message: string;
      readonly fields: SqlErrorFields;
    }
  /**
   * Statement `statement` of an interactive transaction has another result than its client was
   * shown: nothing of the transaction remains.
   */
  | { readonly kind: "conflict"; readonly statement: number }
  /** Translated against another schema version: nothing ran; translate again and send anew. */
  | { readonly kind: "staleSchema" }
  /** The gateway session is closed or the sequence was settled before: nothing ran now, what happened earlier is not known. */
  | { readonly kind: "unknown" }
  | { readonly kind: "sessionOpened"; readonly session: number }
  /** The node's sessions up to this one are closed. */
  | { readonly kind: "sessionClosed"; readonly node: number; readonly upTo: number };

export interface StatementOutcome {
  /** Rows changed, or returned. */
  readonly count: number;
  /**
   * Returned rows; null where the statement returns none, and also where they are no longer known
   * (the outcome came from the dedup table: `fromMemory` is then true).
   */
  readonly rows: readonly (readonly SqliteValue[])[] | null;
  readonly fromMemory: boolean;
  /** The last value of each sequence, by OID, in the order of the calls; not `isTaken`: setval() has set it. */
  readonly lastValues?: readonly (readonly [sequence: number, value: bigint, isTaken: boolean])[];
}

/** The outcome of a command that this node's gateway waits for. */
export interface CommandReport {
  readonly slot: number;
  readonly session: number;
  readonly sequence: number;
  /** openSession's nonce, else "". */
  readonly nonce: string;
  readonly outcome: Outcome;
}

export interface ApplyReport {
  /** Every slot up to here is applied and visible to reads that start now. */
  readonly appliedIndex: number;
  /** Outcomes of commands whose gateway node is this node; those of closeSession on every node. */
  readonly reports: readonly CommandReport[];
  /** This node's clients that waited for an advisory lock and have it now; left out: none. */
  readonly grants?: readonly LockGrant[];
  /** Databases that came, went or whose catalog changed with these entries; a null catalog: dropped. */
  readonly changedDatabases: readonly { info: DatabaseInfo; catalog: Catalog | null }[];
  /**
   * Running digest over every (entry, outcome) up to appliedIndex; equal on every node. Empty while
   * a replay after a crash has not yet reached what some file holds already: not to be compared.
   */
  readonly digest: string;
}

export interface MachineState {
  /** The lowest applied slot over all files: replay starts above it. */
  readonly appliedIndex: number;
  readonly databases: readonly { info: DatabaseInfo; catalog: Catalog }[];
  /** There was no machine in the directory: one to which nothing was applied was created. */
  readonly createdNow: boolean;
  /** A restore had begun and did not get to its end: this is the state from before it. */
  readonly restoreInterrupted: boolean;
}

/** A statement of one client that only reads. */
export interface ReadRequest {
  readonly database: DatabaseId;
  /** The catalog version that it was translated against; another one rejects with StaleSchemaError. */
  readonly catalogVersion: number;
  readonly sql: string;
  readonly parameters: readonly SqliteValue[];
  /** now() of this read, microseconds since 1970. */
  readonly timestampMicros: number;
  /** For a read of a transaction: what it runs with, and what it sees. */
  readonly inTransaction?: TransactionRead;
  readonly usesSystemRelations: boolean;
  /** How many rows to return at once; the rest is pulled. */
  readonly firstRows: number;
}

/** How a transaction's query runs on a reader. */
export interface TransactionRead {
  /**
   * The moment that it sees: that of an open view, or a new one, which stays open. One that is opened by
   * "new" may be for short queries only (LongQueryError), one by "newForAny" is not.
   */
  readonly view: number | "new" | "newForAny";
  /** random() answers from it. */
  readonly seed: Uint8Array;
  /** clock_timestamp(), microseconds since 1970. */
  readonly clockMicros: number;
}

export interface ReadPage {
  /** The view that the query ran in, where there is one: for `closeView`. */
  readonly view?: number;
  /** For a query of a transaction: whether it surely took no longer than a moment (program.ts). */
  readonly wasShort?: boolean;
  readonly rows: readonly (readonly SqliteValue[])[];
  /** Hand to `readMore`; null when all rows are in. */
  readonly cursor: number | null;
}

export interface SnapshotFiles {
  readonly appliedIndex: number;
  /** Names below the directory that was given. */
  readonly files: readonly string[];
}

/** The schema moved between translation and the run: translate again. */
export class StaleSchemaError extends Error {
  override readonly name = "StaleSchemaError";
}

/** A view was closed, because it was not used for long or others needed its place. */
export class ViewClosedError extends Error {
  override readonly name = "ViewClosedError";
}

/** The query may take long, and its view is where nothing may: look at everything again in another one. */
export class LongQueryError extends Error {
  override readonly name = "LongQueryError";
}

export interface StateMachine {
  /** Opens or creates the files. */
  open(): Promise<MachineState>;
  /**
   * Applies entries in slot order without gaps; entries at or below a file's own applied slot are
   * skipped there. Rejects only when the machine itself is broken (disk, corrupt file): then the
   * node stops applying.
   */
  apply(entries: readonly AppliedEntry[]): Promise<ApplyReport>;
  /** Rejects with StaleSchemaError, ViewClosedError, LongQueryError, or the query's SqlError: 57014 if `stop` asked for it. */
  read(request: ReadRequest, stop?: Stop): Promise<ReadPage>;
  /** Frees a view and its cursors; idempotent. */
  closeView(view: number): void;
  /**
   * Runs one more item of an open interactive transaction as if the transaction were at its end of
   * the log, and keeps nothing of it in the state. Rejects with SqlError for an item that could not
   * run and is not part of the transaction: 57014 if `stop` asked for it. May throw it at once.
   */
  speculate(request: SpeculationRequest, stop?: Stop): MaybePromise<SpeculationResult>;
  /** Forgets an open transaction; idempotent. */
  endTransaction(database: DatabaseId, transaction: number): void;
  /** The next rows of an open cursor; rejects with SqlError 34000 for one that is gone, or 57014 as for read. */
  readMore(cursor: number, rows: number, stop?: Stop): Promise<ReadPage>;
  /** Frees a cursor; idempotent. */
  closeCursor(cursor: number): void;
  /** Writes a copy of every file, all at one applied slot, into `directory` (existing, empty). Applying goes on meanwhile. */
  snapshot(directory: string): Promise<SnapshotFiles>;
  /** Replaces everything by the files of a snapshot (copied from `directory`). */
  restore(directory: string, files: readonly string[]): Promise<MachineState>;
  /** A hash over the whole logical content (schema, rows, sessions) at the applied slot returned with it. */
  contentHash(): Promise<{ appliedIndex: number; hash: string }>;
  /** Makes every file durable and returns the lowest applied slot that is. */
  checkpoint(): Promise<number>;
  close(): Promise<void>;
  /** After `close`: a thread is still inside a statement, and only SIGKILL ends this process. */
  readonly hasRunawayRead: boolean;
}
