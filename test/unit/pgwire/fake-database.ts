/**
 * A database for wire tests whose statements are words:
 *
 *   rows N            N rows (number int4, label text)
 *   echo TYPE…        one row: its parameters, of these types
 *   begin, commit, rollback
 *   savepoint LEVEL, rollback-to LEVEL
 *   set NAME VALUE    a reported parameter
 *   notice TEXT       a notice, then a command
 *   deallocate NAME   or all
 *   declare NAME N    a cursor for N rows; fetch NAME N, move NAME N (all: without N); close NAME, or close
 *   declare NAME N CODE  and with an error behind its rows
 *   copyin N          takes data for N columns, until a piece of it holds "bad": 22P04
 *   copyout N         N rows as lines, with a header
 *   fail CODE         SqlError
 *   fault             an error that is none of SQL's
 *   wait              until it is cancelled
 *   anything else     a command with that tag
 */
import type {
  ColumnDescription,
  ConnectionRequest,
  CursorResult,
  Database,
  PreparedStatement,
  RowSource,
  RowsResult,
  Session,
  StatementResult,
  TransactionStatus,
} from "../../../src/sql/database.ts";
import { SqlError } from "../../../src/sql/errors.ts";
import { PreparedStatements } from "../../../src/sql/prepared-statements.ts";
import { DEFAULT_TEXT_SETTINGS } from "../../../src/sql/types/pg-type.ts";
import { typeByName } from "../../../src/sql/types/registry.ts";
import type { SqliteValue } from "../../../src/sql/values.ts";

function column(name: string, typeName: string): ColumnDescription {
  const typeOid = typeByName(typeName)?.oid ?? 0;
  return { name, typeOid, typeModifier: -1, tableOid: 0, columnNumber: 0 };
}

const LEAVES_FAILURE: ReadonlySet<string> = new Set(["commit", "rollback", "rollback-to"]);

const ROWS_COLUMNS = [column("number", "int4"), column("label", "text")];

export class FakeDatabase implements Database {
  readonly sessions: FakeSession[] = [];
  /** Length of each label, to make results big. */
  labelLength = 1;
  refusal: SqlError | null = null;

  connect(request: ConnectionRequest): Promise<Session> {
    if (this.refusal !== null) return Promise.reject(this.refusal);
    const session = new FakeSession(request, this.labelLength);
    this.sessions.push(session);
    return Promise.resolve(session);
  }

  /** The only session so far. */
  get session(): FakeSession {
    const [session] = this.sessions;
    if (session === undefined) throw new Error("nobody has connected");
    return session;
  }
}

export class FakeSession implements Session {
  readonly request: ConnectionRequest;
  readonly textSettings = DEFAULT_TEXT_SETTINGS;
  readonly statements = new PreparedStatements();
  transactionStatus: TransactionStatus = "I";
  readonly failures: string[] = [];
  syncs = 0;
  closed = false;
  cancels = 0;
  openSources = 0;
  /** What each COPY FROM was given, and how it ended. */
  readonly copies: string[][] = [];
  /** Rows handed out so far. */
  rowsPulled = 0;
  readonly #labelLength: number;
  readonly #parameters = new Map([
    ["server_version", "15.0"],
    ["client_encoding", "UTF8"],
  ]);
  #stopWaiting: ((error: SqlError) => void) | null = null;

  constructor(request: ConnectionRequest, labelLength: number) {
    this.request = request;
    this.#labelLength = labelLength;
  }

  reportedParameters(): ReadonlyMap<string, string> {
    return new Map(this.#parameters);
  }

  async *simpleQuery(text: string): AsyncIterable<StatementResult> {
    for (const statement of text.split(";").map((part) => part.trim())) {
      if (statement !== "") yield await this.#run(statement, []);
    }
  }

  async prepare(text: string): Promise<PreparedStatement> {
    await Promise.resolve();
    const [verb = "", ...words] = text.trim().split(/\s+/);
    if (verb === "") return { text, parameterTypes: [], columns: null, isEmpty: true };
    if (verb === "unparsable") throw this.#failed(new SqlError("42601", "syntax error"));
    if (verb === "rows") return { text, parameterTypes: [], columns: ROWS_COLUMNS };
    if (verb === "fetch") {
      return { text, parameterTypes: [], columns: null, fetchesFrom: words[0] ?? "" };
    }
    const leavesFailure = LEAVES_FAILURE.has(verb);
    if (verb !== "echo") return { text, parameterTypes: [], columns: null, leavesFailure };
    const columns = words.map((word, at) => column(`p${at + 1}`, word));
    return { text, parameterTypes: columns.map(({ typeOid }) => typeOid), columns };
  }

  execute(
    statement: PreparedStatement,
    parameters: readonly SqliteValue[],
  ): Promise<StatementResult> {
    return this.#run(statement.text, parameters);
  }

  sync(): Promise<void> {
    this.syncs += 1;
    return Promise.resolve();
  }

  fail(error: SqlError): void {
    this.failures.push(error.sqlState);
    if (this.transactionStatus === "T") this.transactionStatus = "E";
  }

  /** Whether a `wait` statement runs. */
  get waiting(): boolean {
    return this.#stopWaiting !== null;
  }

  cancel(): void {
    this.cancels += 1;
    this.#stopWaiting?.(new SqlError("57014", "canceling statement due to user request"));
  }

  close(): void {
    this.closed = true;
    this.cancel();
  }

  async #run(text: string, parameters: readonly SqliteValue[]): Promise<StatementResult> {
    await Promise.resolve();
    const [verb = "", ...words] = text.trim().split(/\s+/);
    this.#refuseIfFailed(verb);
    switch (verb) {
      case "":
        return { kind: "empty" };
      case "rows":
        return this.#rows(Number(words[0]));
      case "echo":
        return this.#echo(words, parameters);
      case "begin":
      case "commit":
      case "rollback":
        this.transactionStatus = verb === "begin" ? "T" : "I";
        return { kind: "command", tag: verb.toUpperCase() };
      case "set":
        this.#parameters.set(words[0] ?? "", words[1] ?? "");
        return { kind: "command", tag: "SET" };
      case "notice":
        return {
          kind: "command",
          tag: "NOTICE",
          notices: [{ severity: "NOTICE", sqlState: "00000", message: words.join(" ") }],
        };
      case "wait":
        return this.#wait();
      default:
        return this.#plain(text.trim(), words);
    }
  }

  #plain(text: string, words: readonly string[]): StatementResult {
    const cursor = this.#cursor(text.split(" "));
    if (cursor !== null) return { kind: "cursor", action: cursor };
    if (text.startsWith("deallocate ")) {
      const [name = ""] = words;
      if (name === "all") this.statements.clear();
      else this.#deallocate(name);
      return { kind: "command", tag: "DEALLOCATE" };
    }
    const savepoint = /^(savepoint|rollback-to) (\d+)$/.exec(text);
    if (savepoint !== null) {
      this.transactionStatus = "T";
      const action = savepoint[1] === "savepoint" ? "made" : "goneBackTo";
      return { kind: "command", tag: text, savepoint: { action, level: Number(savepoint[2]) } };
    }
    if (text.startsWith("copyin ")) return this.#copyIn(Number(words[0]));
    if (text.startsWith("copyout ")) return this.#copyOut(Number(words[0]));
    if (text === "fault") throw new TypeError("secret internals");
    if (!text.startsWith("fail ")) return { kind: "command", tag: text };
    const fields = { detail: "why", hint: "how", position: 3 };
    throw this.#failed(new SqlError(words[0] ?? "", "refused", fields));
  }

  #deallocate(name: string): void {
    try {
      this.statements.deallocate(name);
    } catch (error) {
      throw error instanceof SqlError ? this.#failed(error) : error;
    }
  }

  #cursor([verb = "", name = "", count, error]: readonly string[]): CursorResult["action"] | null {
    const rowsMax = count === undefined ? null : Number(count);
    switch (verb) {
      case "declare":
        return { kind: "declare", name, result: this.#rows(rowsMax ?? 0, error) };
      case "fetch":
      case "move":
        return { kind: verb, name, rowsMax };
      case "close":
        return { kind: "close", name: name === "" ? null : name };
      default:
        return null;
    }
  }

  #refuseIfFailed(verb: string): void {
    if (this.transactionStatus === "E" && verb !== "" && !LEAVES_FAILURE.has(verb)) {
      throw new SqlError("25P02", "current transaction is aborted");
    }
  }

  #failed(error: SqlError): SqlError {
    if (this.transactionStatus === "T") this.transactionStatus = "E";
    return error;
  }

  #wait(): Promise<never> {
    return new Promise((_resolve, reject) => {
      this.#stopWaiting = reject;
    });
  }

  #echo(types: readonly string[], parameters: readonly SqliteValue[]): StatementResult {
    return {
      kind: "rows",
      columns: types.map((type, at) => column(`p${at + 1}`, type)),
      rows: this.#source([parameters]),
      tag: (count) => `SELECT ${count}`,
    };
  }

  #copyIn(columnCount: number): StatementResult {
    const pieces: string[] = [];
    this.copies.push(pieces);
    return {
      kind: "copyIn",
      columnCount,
      intake: {
        write: async (bytes) => {
          await Promise.resolve();
          const piece = Buffer.from(bytes).toString();
          if (piece.includes("bad")) {
            const fields = { context: "COPY t, line 1" };
            throw this.#failed(new SqlError("22P04", "bad data", fields));
          }
          pieces.push(piece);
        },
        finish: async () => {
          await Promise.resolve();
          pieces.push("finished");
          return "COPY 7";
        },
        placed: ({ sqlState, message }) =>
          new SqlError(sqlState, message, { context: `COPY t, after ${pieces.length} pieces` }),
        abort: () => {
          pieces.push("aborted");
        },
      },
    };
  }

  #copyOut(count: number): StatementResult {
    const { columns, rows } = this.#rows(count);
    return {
      kind: "copyOut",
      columns,
      rows,
      format: { csv: true, delimiter: ",", nullText: "", quote: '"', escape: '"' },
      header: columns.map(({ name }) => name),
      forceQuote: [false, true],
      tag: (sent) => `COPY ${sent}`,
    };
  }

  #rows(count: number, error?: string): RowsResult {
    const label = "x".repeat(this.#labelLength);
    const rows = (function* numbered(): Generator<readonly SqliteValue[]> {
      for (let number = 1; number <= count; number += 1) yield [BigInt(number), label];
      if (error !== undefined) throw new SqlError(error, "refused");
    })();
    return {
      kind: "rows",
      columns: ROWS_COLUMNS,
      rows: this.#source(rows),
      tag: (sent) => `SELECT ${sent}`,
    };
  }

  #source(rows: Iterable<readonly SqliteValue[]>): RowSource {
    const iterator = rows[Symbol.iterator]();
    let open = true;
    this.openSources += 1;
    const release = (): void => {
      if (open) this.openSources -= 1;
      open = false;
    };
    return {
      next: async (limit) => {
        await Promise.resolve();
        const page: (readonly SqliteValue[])[] = [];
        while (page.length < limit) {
          const next = iterator.next();
          if (next.done === true) break;
          page.push(next.value);
        }
        if (page.length === 0) release();
        this.rowsPulled += page.length;
        return page;
      },
      close: release,
    };
  }
}
