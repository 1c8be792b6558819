/**
 * What the translator makes of one PostgreSQL statement: SQLite statements with everything that
 * running and answering it needs. Immutable and independent of the session, so it is cached by
 * text and catalog version.
 */
import type { Catalog } from "./catalog/catalog.ts";
import type { CopyData } from "./copy/copy-chunks.ts";
import type { CopyFormat } from "./copy/copy-format.ts";
import type { ColumnDescription, CursorUse } from "./database.ts";
import type { AdvisoryLockOperation } from "./functions/advisory-lock-functions.ts";
import type { SqliteValue } from "./values.ts";

/** A value that the client gives, in storage form. */
export type ValueSource =
  /** The client's $n, `number` from 1. */
  | { readonly from: "client"; readonly number: number }
  | { readonly from: "constant"; readonly value: SqliteValue };

/** Where the value of a numbered SQLite parameter comes from when the statement runs. */
export type ParameterSource =
  | ValueSource
  /** A fact of the session that asks, read at the gateway so that replicas need not know it. */
  | { readonly from: "session"; readonly fact: SessionFact };

/** `setting:NAME` is current_setting(NAME), `settingIfKnown:NAME` is current_setting(NAME, true). */
export type SessionFact =
  | "currentUser"
  | "sessionUser"
  | "currentDatabase"
  | "backendPid"
  /** The value that nextval() took last, of the sequence with this OID or of any. */
  | `currval:${number}`
  | "lastval"
  /** The rows of pg_prepared_statements in JSON. */
  | "preparedStatements"
  /** The id of the transaction, which gets one if it has none; null if it has none. */
  | "xid"
  | "xidIfAssigned"
  | `setting:${string}`
  | `settingIfKnown:${string}`;

/** One SQLite statement. `parameters[i]` fills ?(i+1). */
export interface Step {
  readonly sql: string;
  readonly parameters: readonly ParameterSource[];
  /**
   * It may take minutes although the tables are small: it has loops in which it can be stopped
   * (print/check.ts), a series, or a view, which may have either. Absent: no.
   */
  readonly mayRunLong?: boolean;
}

interface Translated {
  /** One OID a client parameter, resolved. */
  readonly parameterTypes: readonly number[];
  readonly columns: readonly ColumnDescription[] | null;
  /** "SELECT", "INSERT 0", "UPDATE", "CREATE TABLE" …: what CommandComplete starts with. */
  readonly tag: string;
  /** Whether the tag is followed by a row count. */
  readonly tagCounts: boolean;
  readonly notices?: readonly { severity: string; sqlState: string; message: string }[];
}

/** Changes nothing: runs on a reader of one node. */
export interface ReadTranslation extends Translated {
  readonly kind: "read";
  /** FOR UPDATE and the like: refused where nothing may be changed. */
  readonly locksRows: boolean;
  readonly step: Step;
  /** Touches pg_catalog or information_schema: the reader must have its projection up to date. */
  readonly usesSystemRelations: boolean;
}

/** Changes rows (or sequences): goes through the log. */
export interface WriteTranslation extends Translated {
  readonly kind: "write";
  readonly step: Step;
}

/** Changes the schema: goes through the log; its steps run in order in one SQLite transaction. */
export interface SchemaTranslation extends Translated {
  readonly kind: "schema";
  readonly steps: readonly Step[];
  /** Foreign keys are off while the steps run and checked afterwards (a table is rebuilt). */
  readonly rebuildsTables: boolean;
  /** The catalog once the steps have run; its version is one above the one translated against. */
  readonly catalog: Catalog;
}

/** CREATE DATABASE, DROP DATABASE: a log command of its own, alone in its implicit transaction. */
export interface DatabaseTranslation extends Translated {
  readonly kind: "createDatabase" | "dropDatabase";
  readonly database: string;
  /** IF EXISTS. */
  readonly missingOk: boolean;
}

/** SET, SHOW, RESET, DISCARD: the session's own. */
export interface SettingTranslation extends Translated {
  readonly kind: "set" | "show" | "reset" | "resetAll" | "discardAll" | "discardSequences";
  /** Lower case; "all" for SHOW ALL. Empty where there is none. */
  readonly name: string;
  /** SET's value as text; null for SET … TO DEFAULT. */
  readonly value: string | null;
  readonly local: boolean;
}

/** SELECT pg_sleep(seconds): a number in storage form, of whatever type. */
export interface SleepTranslation extends Translated {
  readonly kind: "sleep";
  readonly seconds: ValueSource;
}

/** SELECT set_config(name, value, is_local), …: one for each column, which is the new value. */
export interface SetConfigTranslation extends Translated {
  readonly kind: "setConfig";
  readonly settings: readonly {
    readonly name: ValueSource;
    /** Null: TO DEFAULT. */
    readonly value: ValueSource;
    readonly isLocal: ValueSource;
  }[];
}

/** BEGIN, COMMIT, SAVEPOINT …. */
export interface TransactionTranslation extends Translated {
  readonly kind: "transaction";
  readonly action: "begin" | "commit" | "rollback" | "savepoint" | "release" | "rollbackTo";
  readonly savepoint: string | null;
  readonly modes: TransactionModes;
  /** AND CHAIN: a new transaction with the same modes begins. */
  readonly chain: boolean;
}

/** As the settings are spelled; what is left out was not said. */
export interface TransactionModes {
  readonly transaction_isolation?: string;
  readonly transaction_read_only?: string;
  readonly transaction_deferrable?: string;
}

/** SET TRANSACTION …: of the running transaction; SET SESSION CHARACTERISTICS …: of those to come. */
export interface SetTransactionTranslation extends Translated {
  readonly kind: "setTransaction";
  readonly modes: TransactionModes;
  readonly ofSession: boolean;
}

/**
 * SELECT pg_advisory_lock(5), pg_try_advisory_xact_lock(1, 2) AS got, 'more' …: changes no data, asks for locks.
 * `keys` is a read of no row (a WHERE that does not hold: nothing is locked) or of one, which has a
 * value for each of `columns`. Those of the calls hold the call's key, and the gateway
 * replaces them, from left to right, by the call's answer in storage form:
 *
 * | operation | key       | what happens                                   | answer                |
 * | any       | null      | nothing, as with any strict function           | null                  |
 * | lock      | bigint    | waits until the lock is held                   | '' (void)             |
 * | try       | bigint    | takes the lock if it is free                   | 1n taken, 0n not      |
 * | unlock    | bigint    | gives back one of `shared`'s kind               | 1n done, 0n with a WARNING: it was not held |
 * | unlockAll | ''        | gives back all locks of scope "session"        | '' (void)             |
 */
export interface AdvisoryLockTranslation extends Translated {
  readonly kind: "advisoryLock";
  readonly keys: ReadTranslation;
  /** In the order of their columns. */
  readonly calls: readonly AdvisoryLockCall[];
  /**
   * A lock_timeout that is set as by SET LOCAL before the locks are waited for: it ends with the
   * transaction, or with the statement if there is none. Null: the session's.
   */
  readonly lockTimeout: string | null;
}

export interface AdvisoryLockCall extends AdvisoryLockOperation {
  /** From 0. */
  readonly column: number;
  /**
   * PostgreSQL's two spaces, whose locks never meet: one key of 64 bits, or a pair of 32 bits each,
   * the first of which is the upper half of the bigint.
   */
  readonly keySpace: "single" | "pair";
}

/** EXPLAIN of a read or write: SQLite's query plan of `target`, one text column "QUERY PLAN". */
export interface ExplainTranslation extends Translated {
  readonly kind: "explain";
  readonly target: Step;
}

/** DECLARE, FETCH, MOVE, CLOSE: a cursor is a portal of the protocol (CursorResult in database.ts). */
export interface CursorTranslation extends Translated {
  readonly kind: "cursor";
  readonly action:
    | CursorUse
    | { readonly kind: "declare"; readonly name: string; readonly query: ReadTranslation };
}

/**
 * COPY … FROM STDIN: `insert` inserts one chunk of lines (copy/copy-chunks.ts), its parameters are the
 * chunk's text, the number of lines before it and its line end.
 */
export interface CopyInTranslation extends Translated {
  readonly kind: "copyIn";
  readonly insert: WriteTranslation;
  readonly data: CopyData;
}

/** COPY … TO STDOUT: the rows of `query` as lines. */
export interface CopyOutTranslation extends Translated {
  readonly kind: "copyOut";
  readonly query: ReadTranslation | WriteTranslation;
  readonly format: CopyFormat;
  /** The first line's names; null: there is no such line. */
  readonly header: readonly string[] | null;
  /** Columns whose values are always quoted, by place. */
  readonly forceQuote: readonly boolean[];
}

/** Accepted and without effect here (VACUUM, ANALYZE, GRANT to the owner, LISTEN's UNLISTEN …). */
export interface NoEffectTranslation extends Translated {
  readonly kind: "noEffect";
  /** Outside of a transaction block: LOCK TABLE is 25P01, SET CONSTRAINTS warns so. */
  readonly onlyInBlock?: "refused" | "warned";
  /** VACUUM: in a transaction it is 25001. */
  readonly neverInBlock?: true;
}

export type Translation =
  | ReadTranslation
  | WriteTranslation
  | SchemaTranslation
  | DatabaseTranslation
  | SettingTranslation
  | TransactionTranslation
  | SetTransactionTranslation
  | SleepTranslation
  | SetConfigTranslation
  | AdvisoryLockTranslation
  | ExplainTranslation
  | CursorTranslation
  | CopyInTranslation
  | CopyOutTranslation
  | NoEffectTranslation;
