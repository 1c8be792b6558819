/**
 * Stands in for one SQLite file of the state machine, for speed: a map of named values with
 * transactions. StateFile and Dedupe of production run on it unchanged, through the few statements
 * that they prepare.
 *
 * What survives: a commit survives the end of the process at once; a power loss brings the file
 * back to any commit since the last sync, as SQLite's -wal does under synchronous = NORMAL.
 */
import type { Random } from "../../../src/base/random.ts";
import type { Connection } from "../../../src/machine/connection.ts";

type Value = bigint | string;
type Row = readonly Value[];
/** The row before the change, or undefined where there was none. */
type Change = readonly [key: string, before: Row | undefined, after: Row | undefined];

type Run = (tables: SmallTables, parameters: Row) => void;

/** The statements of state-file.ts and dedupe.ts that change something. */
const CHANGES: Readonly<Record<string, Run>> = {
  "BEGIN IMMEDIATE": (tables) => tables.begin(),
  COMMIT: (tables) => tables.commit(),
  ROLLBACK: (tables) => tables.rollback(),
  "UPDATE _synod_state SET value = ? WHERE key = ?": (tables, [value, key]) =>
    tables.set(`state/${key}`, [given(value)]),
  "INSERT INTO _synod_sessions VALUES (?, ?, ?)": (tables, row) =>
    tables.set(`session/${row[0]}`, row),
  "DELETE FROM _synod_sessions WHERE session = ?": (tables, [session]) =>
    tables.set(`session/${session}`, undefined),
  "INSERT INTO _synod_outcomes VALUES (?, ?, ?, ?)": (tables, row) =>
    tables.set(`outcome/${row[0]}/${row[1]}`, row),
  "DELETE FROM _synod_outcomes WHERE session = ?": (tables, [session]) => {
    for (const [key] of tables.under(`outcome/${session}/`)) tables.set(key, undefined);
  },
  "DELETE FROM _synod_outcomes WHERE session = ? AND sequence < ?": (tables, row) => {
    for (const [key, kept] of tables.under(`outcome/${row[0]}/`)) {
      if (BigInt(given(kept[1])) < BigInt(given(row[1]))) tables.set(key, undefined);
    }
  },
};

/** The statements that only read. */
const QUERIES: Readonly<Record<string, string>> = {
  "SELECT session, node, nonce FROM _synod_sessions": "session/",
  "SELECT session, sequence, floor, outcome FROM _synod_outcomes": "outcome/",
};

const SELECT_STATE = "SELECT value FROM _synod_state WHERE key = ?";

export class SmallTables {
  readonly #rows = new Map<string, Row>();
  /** What a power loss leaves at least. */
  #durable = new Map<string, Row>();
  /** Each commit since. */
  #commits: (readonly Change[])[] = [];
  #open: Change[] | null = null;
  #savepoints: { readonly name: string; readonly at: number }[] = [];

  /** In the order of the keys' first insertion. */
  *under(prefix: string): IterableIterator<readonly [string, Row]> {
    for (const [key, row] of this.#rows) if (key.startsWith(prefix)) yield [key, row];
  }

  get(key: string): Row | undefined {
    return this.#rows.get(key);
  }

  /** Outside of a transaction it is one of its own. */
  set(key: string, row: Row | undefined): void {
    const change: Change = [key, this.#rows.get(key), row];
    put(this.#rows, key, row);
    if (this.#open === null) this.#commits.push([change]);
    else this.#open.push(change);
  }

  begin(): void {
    if (this.#open !== null) throw new Error("a transaction is open");
    this.#open = [];
    this.#savepoints = [];
  }

  commit(): void {
    if (this.#open === null) throw new Error("no transaction is open");
    this.#commits.push(this.#open);
    this.#open = null;
  }

  /** A place in the open transaction to come back to. */
  savepoint(): number {
    return this.#open?.length ?? 0;
  }

  /** Undoes what the open transaction did since `savepoint`. */
  undo(savepoint: number): void {
    const undone = this.#open?.splice(savepoint) ?? [];
    for (const [key, before] of undone.toReversed()) put(this.#rows, key, before);
  }

  rollback(): void {
    this.undo(0);
    this.#open = null;
  }

  /** The committed content as it is now, for readers that keep looking at it. */
  view(): SmallTables {
    const view = new SmallTables();
    view.replace(this.content());
    return view;
  }

  /** All commits so far survive a power loss. */
  sync(): void {
    for (const changes of this.#commits)
      for (const [key, , row] of changes) put(this.#durable, key, row);
    this.#commits = [];
  }

  /** The process ends; with `powerLoss` some of the last commits may be gone. */
  crash(powerLoss: Random | null): void {
    this.rollback();
    if (powerLoss === null) return;
    this.#commits = this.#commits.slice(0, powerLoss.below(this.#commits.length + 1));
    this.sync();
    this.replace(this.#durable);
  }

  /** Takes over another file's content, durably. */
  replace(content: Iterable<readonly [string, Row]>): void {
    this.#durable = new Map(content);
    this.#rows.clear();
    for (const [key, row] of this.#durable) this.#rows.set(key, row);
    this.#commits = [];
    this.#open = null;
  }

  /** The committed content. */
  content(): readonly (readonly [string, Row])[] {
    if (this.#open !== null) throw new Error("a transaction is open");
    return [...this.#rows];
  }

  /** The part of better-sqlite3's interface that StateFile and Dedupe use. */
  asConnection(): Connection {
    const isOpen = (): boolean => this.#open !== null;
    const connection = {
      get inTransaction() {
        return isOpen();
      },
      prepare: (sql: string) => this.#prepare(sql),
      exec: (sql: string) => this.#exec(sql),
      pragma: (text: string) => {
        if (text === "synchronous = FULL") this.sync();
        return [];
      },
      close: () => undefined,
    };
    return connection as unknown as Connection;
  }

  /** SAVEPOINT name, ROLLBACK TO name, RELEASE name, ROLLBACK. */
  #exec(sql: string): void {
    const [, word, name = ""] = /^(SAVEPOINT|ROLLBACK TO|RELEASE|ROLLBACK) ?(\w*)$/.exec(sql) ?? [];
    const at = this.#savepoints.findLastIndex((savepoint) => savepoint.name === name);
    const known = this.#savepoints[at];
    if (word === "ROLLBACK") this.rollback();
    else if (word === "SAVEPOINT") this.#savepoints.push({ name, at: this.savepoint() });
    else if (known === undefined) throw new Error(`unknown statement: ${sql}`);
    else if (word === "ROLLBACK TO") {
      this.undo(known.at);
      this.#savepoints.length = at + 1;
    } else this.#savepoints.length = at;
  }

  #prepare(sql: string) {
    const run = CHANGES[sql];
    const prefix = QUERIES[sql];
    if (run !== undefined) return { run: (...row: Value[]) => run(this, row) };
    if (/^(SAVEPOINT|ROLLBACK TO|RELEASE) /.test(sql)) return { run: () => this.#exec(sql) };
    if (prefix !== undefined) {
      return { raw: () => ({ all: () => [...this.under(prefix)].map(([, row]) => bigints(row)) }) };
    }
    if (sql !== SELECT_STATE) throw new Error(`unknown statement: ${sql}`);
    return { pluck: () => ({ get: (key: string) => this.#rows.get(`state/${key}`)?.[0] }) };
  }
}

function put(rows: Map<string, Row>, key: string, row: Row | undefined): void {
  if (row === undefined) rows.delete(key);
  else rows.set(key, row);
}

function given(value: Value | undefined): Value {
  if (value === undefined) throw new Error("a parameter is missing");
  return value;
}

/** SQLite answers integers as such, whatever was bound. */
function bigints(row: Row): Row {
  return row.map((value) => (typeof value === "number" ? BigInt(value) : value));
}
