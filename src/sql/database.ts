/**
 * The seam between the PostgreSQL protocol (src/pgwire) and the replicated database (src/node).
 * pgwire knows this interface and nothing of nodes; src/node implements it; src/main joins them.
 * Every method may reject with SqlError; any other error is a fault of ours and is reported to the
 * client as XX000.
 */
import type { MaybePromise } from "../base/maybe-promise.ts";
import type { CopyFormat } from "./copy/copy-format.ts";
import type { SqlError } from "./errors.ts";
import type { PreparedStatements } from "./prepared-statements.ts";
import type { TextSettings } from "./types/pg-type.ts";
import type { SqliteValue } from "./values.ts";

/** What RowDescription says of a column (PostgreSQL manual, 55.7). */
export interface ColumnDescription {
  readonly name: string;
  readonly typeOid: number;
  readonly typeModifier: number;
  /** OID of the table and number of the column that this is a plain copy of; 0 otherwise. */
  readonly tableOid: number;
  readonly columnNumber: number;
}

/** Rows of one execution, pulled as the client takes them. */
export interface RowSource {
  /** The next rows, at most `limit`; an empty array means that there are no more. */
  next(limit: number): Promise<readonly (readonly SqliteValue[])[]>;
  /** Frees what the source holds; idempotent. To be called unless `next` returned an empty array. */
  close(): void;
}

export interface RowsResult {
  readonly kind: "rows";
  readonly columns: readonly ColumnDescription[];
  readonly rows: RowSource;
  /** The CommandComplete tag once `count` rows were sent: "SELECT 3", "INSERT 0 3". */
  tag(count: number): string;
}

export interface CommandResult {
  readonly kind: "command";
  /** "INSERT 0 1", "CREATE TABLE", "SET" … */
  readonly tag: string;
  readonly savepoint?: SavepointUse;
  /** COMMIT, ROLLBACK: portals are to be closed, also where more comes in the same query. */
  readonly endsTransaction?: true;
}

/** SAVEPOINT, ROLLBACK TO: portals that were opened behind a savepoint that is gone back to are to be closed. */
export interface SavepointUse {
  readonly action: "made" | "goneBackTo";
  /** How many stand before it: a later one may have the level of one that is gone. */
  readonly level: number;
}

/** What FETCH, MOVE and CLOSE want of a cursor. */
export type CursorUse =
  /** `rowsMax` null: all that are left. */
  | { readonly kind: "fetch" | "move"; readonly name: string; readonly rowsMax: number | null }
  /** `name` null: every cursor. */
  | { readonly kind: "close"; readonly name: string | null };

/** DECLARE, FETCH, MOVE, CLOSE: the caller has the cursors, which are portals, and does what is asked. */
export interface CursorResult {
  readonly kind: "cursor";
  readonly action:
    | CursorUse
    | { readonly kind: "declare"; readonly name: string; readonly result: RowsResult };
}

/** COPY … FROM STDIN: the caller asks the client for the data and hands it on. */
export interface CopyInResult {
  readonly kind: "copyIn";
  readonly columnCount: number;
  readonly intake: CopyIntake;
}

/** Where the data of a COPY FROM goes. Calls do not overlap; after one that rejects there is no other. */
export interface CopyIntake {
  /** The next bytes, cut anywhere. Resolves when more may come. */
  write(bytes: Uint8Array): Promise<void>;
  /** The data is complete. Resolves with the CommandComplete tag once the rows are there: "COPY 3". */
  finish(): Promise<string>;
  /** The error with the line that was expected next as its context: for what ends the data from outside. */
  placed(error: SqlError): SqlError;
  /** It will never be complete: frees what waits for it. Nothing of it takes effect. */
  abort(): void;
}

/** COPY … TO STDOUT: rows that go to the client as lines. */
export interface CopyOutResult {
  readonly kind: "copyOut";
  readonly columns: readonly ColumnDescription[];
  readonly rows: RowSource;
  readonly format: CopyFormat;
  /** What the first line says; null: there is no such line. */
  readonly header: readonly string[] | null;
  /** Columns whose values are always quoted, by place. */
  readonly forceQuote: readonly boolean[];
  tag(count: number): string;
}

/** The text held no statement at all: EmptyQueryResponse. */
export interface EmptyResult {
  readonly kind: "empty";
}

export interface Notice {
  /** "WARNING", "NOTICE" … */
  readonly severity: string;
  readonly sqlState: string;
  readonly message: string;
}

export type StatementResult = (
  | RowsResult
  | CommandResult
  | CursorResult
  | CopyInResult
  | CopyOutResult
  | EmptyResult
) & {
  /** To be sent before the result. */
  readonly notices?: readonly Notice[];
};

/** A parsed statement (Parse, PREPARE). Immutable, so it may be executed any number of times. */
export interface PreparedStatement {
  readonly text: string;
  /** One type a parameter, all resolved ($1 first). */
  readonly parameterTypes: readonly number[];
  /** Null: the statement returns no rows (NoData). */
  readonly columns: readonly ColumnDescription[] | null;
  /** When it was prepared, microseconds since 1970, and whether by PREPARE. */
  readonly origin?: { readonly micros: number; readonly fromSql: boolean };
  /** FETCH: the cursor whose columns it returns. */
  readonly fetchesFrom?: string;
  /** Whether a block that has failed lets it run: COMMIT, ROLLBACK. */
  readonly leavesFailure?: boolean;
  /** Whether the text held no statement. */
  readonly isEmpty?: boolean;
}

export interface ConnectionRequest {
  readonly user: string;
  readonly database: string;
  /** Further startup parameters: application_name, client_encoding, options … */
  readonly parameters: ReadonlyMap<string, string>;
  /** BackendKeyData's process id. */
  readonly processId: number;
  readonly remoteAddress: string;
  /** Ends the connection with this error (a timeout of an idle transaction, say). */
  terminate(error: SqlError): void;
}

export interface ExecuteOptions {
  /** The client has sent Sync right behind: no other statement is in one transaction with this one. */
  readonly syncFollows: boolean;
}

/** ReadyForQuery's letter: idle, in a transaction, in a failed one. */
export type TransactionStatus = "I" | "T" | "E";

/** One client's connection. Calls do not overlap: each waits for the one before. */
export interface Session {
  readonly transactionStatus: TransactionStatus;
  readonly textSettings: TextSettings;
  /** By name; the caller adds what `prepare` made, PREPARE and DEALLOCATE do theirs. */
  readonly statements: PreparedStatements;
  /** Every parameter to report (ParameterStatus) and its value now; the same map while none changes. */
  reportedParameters(): ReadonlyMap<string, string>;
  /**
   * A simple query: runs each statement in turn and yields its result when it is there. The caller
   * reads one result's rows to the end before it asks for the next. Throws at the first statement
   * that fails, after which nothing of an implicit transaction remains.
   */
  simpleQuery(text: string): AsyncIterable<StatementResult>;
  /** `parameterTypes`: OIDs as given in Parse, 0 for "to be inferred". The text holds one statement at most. */
  prepare(text: string, parameterTypes: readonly number[]): Promise<PreparedStatement>;
  /** `parameters` in storage form (values.ts) of the statement's parameterTypes. */
  execute(
    statement: PreparedStatement,
    parameters: readonly SqliteValue[],
    options?: ExecuteOptions,
  ): MaybePromise<StatementResult>;
  /** The extended protocol's Sync arrived: ends an implicit transaction. */
  sync(): MaybePromise<void>;
  /** An error occurred outside of the calls above: a bad Bind, rows that cannot be read. */
  fail(error: SqlError): void;
  /** CancelRequest for this session: what runs ends with 57014 where it still can. */
  cancel(): void;
  /** The connection is gone: rolls back and frees everything. */
  close(): void;
}

export interface Database {
  /** Rejects with 3D000 (no such database), 57P03 (starting, stopping), 53300 (too many connections). */
  connect(request: ConnectionRequest): Promise<Session>;
}
