/**
 * What clients of the simulated cluster say, and what the small state machine makes of the SQLite
 * text that the translator of production prints for it. Lists that values are appended to, a ledger
 * into which each number goes once, accounts, people who are on call, and keys that are written once.
 */

import type { TouchedRows } from "../../../src/machine/touched.ts";
import { type Catalog, EMPTY_CATALOG } from "../../../src/sql/catalog/catalog.ts";
import { SqlError } from "../../../src/sql/errors.ts";
import { parseStatements } from "../../../src/sql/parse.ts";
import { translate } from "../../../src/sql/translate.ts";
import type { SqliteValue } from "../../../src/sql/values.ts";
import type { SmallTables } from "./small-tables.ts";

export const ACCOUNTS = 4;
export const BALANCE = 100;
/** Of two people each: 2n and 2n + 1. */
export const DUTIES = 2;

const LISTS = "CREATE TABLE lists (k int PRIMARY KEY, v text NOT NULL)";
const STORIES = [
  "CREATE TABLE accounts (id int PRIMARY KEY, balance int NOT NULL CHECK (balance >= 0))",
  "CREATE TABLE on_call (id int PRIMARY KEY, duty int NOT NULL, there int NOT NULL)",
  "CREATE TABLE forks (k int PRIMARY KEY)",
];
const SCHEMA = [LISTS, "CREATE TABLE ledger (id int PRIMARY KEY)", ...STORIES];

/** The same for SQLite, with what only it can get wrong: values that must come out alike on all nodes. */
export const SQLITE_SCHEMA = [
  LISTS,
  "CREATE TABLE ledger (id int PRIMARY KEY, drawn float8 DEFAULT random(), entered timestamptz DEFAULT now())",
  ...STORIES,
  `INSERT INTO accounts SELECT id, ${BALANCE} FROM generate_series(0, ${ACCOUNTS - 1}) AS id`,
  `INSERT INTO on_call SELECT id, id / 2, 1 FROM generate_series(0, ${2 * DUTIES - 1}) AS id`,
];

/** Appends `,value` to a list and answers with the whole of it. */
export const APPEND =
  "INSERT INTO lists VALUES ($1, $2) ON CONFLICT (k) DO UPDATE SET v = lists.v || $2 RETURNING v";
export const READ = "SELECT v FROM lists WHERE k = $1";
const READ_ALL = "SELECT k, v FROM lists";
export const ENTER = "INSERT INTO ledger VALUES ($1)";
const READ_LEDGER = "SELECT id FROM ledger";
export const READ_BALANCE = "SELECT balance FROM accounts WHERE id = $1";
export const SET_BALANCE = "UPDATE accounts SET balance = $2 WHERE id = $1";
export const MOVE = "UPDATE accounts SET balance = balance + $2 WHERE id = $1";
const READ_BALANCES = "SELECT id, balance FROM accounts";
export const ON_CALL = "SELECT id FROM on_call WHERE duty = $1 AND there = 1";
export const SET_ON_CALL = "UPDATE on_call SET there = $2 WHERE id = $1";
const READ_PEOPLE = "SELECT id, duty, there FROM on_call";
export const WRITE_FORK = "INSERT INTO forks VALUES ($1)";
export const READ_FORK = "SELECT k FROM forks WHERE k = $1";
const READ_FORKS = "SELECT k FROM forks";

type Rows = readonly (readonly SqliteValue[])[];

export interface SmallResult {
  readonly count: number;
  readonly rows: Rows;
}

type Action = (tables: SmallTables, parameters: readonly SqliteValue[]) => SmallResult;

/** The last one: which of the values is the key of the only row that matters. */
const ACTIONS: readonly (readonly [string, Action, number?])[] = [
  [APPEND, (tables, [key, value]) => append(tables, String(key), String(value)), 0],
  [
    READ,
    (tables, [key]) =>
      found([...tables.under(`list/${String(key)}/`)].map(([, row]) => row.slice(1))),
    0,
  ],
  [READ_ALL, (tables) => found(rowsUnder(tables, "list/"))],
  [ENTER, (tables, [id]) => insert(tables, "ledger", BigInt(id as bigint)), 0],
  [READ_LEDGER, (tables) => found(rowsUnder(tables, "ledger/"))],
  [READ_BALANCE, (tables, [id]) => found([[balanceOf(tables, id)]]), 0],
  [SET_BALANCE, (tables, [balance, id]) => setBalance(tables, id, BigInt(balance as bigint)), 1],
  [
    MOVE,
    (tables, [amount, id]) =>
      setBalance(tables, id, balanceOf(tables, id) + BigInt(amount as bigint)),
    1,
  ],
  [READ_BALANCES, (tables) => found(rowsUnder(tables, "account/"))],
  [
    ON_CALL,
    (tables, [duty, there]) =>
      found(
        rowsUnder(tables, "person/").flatMap((row) =>
          row[1] === duty && row[2] === there ? [[row[0] ?? null]] : [],
        ),
      ),
  ],
  [SET_ON_CALL, (tables, [there, id]) => setOnCall(tables, id, BigInt(there as bigint)), 1],
  [READ_PEOPLE, (tables) => found(rowsUnder(tables, "person/"))],
  [WRITE_FORK, (tables, [key]) => insert(tables, "fork", BigInt(key as bigint)), 0],
  [READ_FORK, (tables, [key]) => found(rowsUnder(tables, `fork/${String(key)}/`)), 0],
  [READ_FORKS, (tables) => found(rowsUnder(tables, "fork/"))],
];

/** What is there from the start, as SQLITE_SCHEMA enters it. */
export function enterFirstRows(tables: SmallTables): void {
  for (let id = 0; id < ACCOUNTS; id += 1) {
    tables.set(`account/${id}`, [BigInt(id), BigInt(BALANCE)]);
  }
  for (let id = 0; id < 2 * DUTIES; id += 1) {
    tables.set(`person/${id}`, [BigInt(id), BigInt(Math.floor(id / 2)), 1n]);
  }
}

/** The catalog once the schema is there. The parser must be loaded. */
export function smallCatalog(): Catalog {
  let catalog = EMPTY_CATALOG;
  for (const text of SCHEMA) {
    const [statement] = parseStatements(text);
    if (statement === undefined) throw new Error("no statement");
    const translation = translate(statement, {
      catalog,
      databaseName: "synod",
      parameterTypes: [],
    });
    if (translation.kind !== "schema") throw new Error(`${text} is no schema statement`);
    catalog = translation.catalog;
  }
  return catalog;
}

/** Runs what the translator prints for the statements above, literals or parameters in it. */
export class SmallStatements {
  /** By the text with its values taken out. */
  readonly #actions = new Map<string, { readonly action: Action; readonly keyAt?: number }>();

  constructor(catalog: Catalog) {
    for (const [text, action, keyAt] of ACTIONS) {
      const [statement] = parseStatements(text);
      if (statement === undefined) throw new Error("no statement");
      const context = { catalog, databaseName: "synod", parameterTypes: [] };
      const translation = translate(statement, context);
      if (!("step" in translation)) throw new Error(`${text} is neither read nor write`);
      const { shape } = valuesOut(translation.step.sql, []);
      this.#actions.set(shape, keyAt === undefined ? { action } : { action, keyAt });
    }
  }

  /** Throws SqlError as the statement would. */
  run(tables: SmallTables, sql: string, parameters: readonly SqliteValue[]): SmallResult {
    const { shape, values } = valuesOut(sql, parameters);
    const known = this.#actions.get(shape);
    if (known === undefined) throw new Error(`unknown statement: ${sql}`);
    return known.action(tables, values);
  }

  /** The only row that a statement looks at or changes, or all of them. */
  rowsOf(sql: string, parameters: readonly SqliteValue[]): TouchedRows {
    const { shape, values } = valuesOut(sql, parameters);
    const keyAt = this.#actions.get(shape)?.keyAt;
    const key = keyAt === undefined ? undefined : values[keyAt];
    return typeof key === "bigint" ? key : "all";
  }
}

const VALUE = /\?(\d+)|'((?:[^']|'')*)'|\b(\d+)\b/g;
/** Names in quotes that are arguments of our own functions, not values of the client. */
const NAMES = /not_null\(([^,]*), '[^']*', '[^']*'\)/g;

/** The text without its values, each of which counts where it stands first. */
function valuesOut(
  sql: string,
  parameters: readonly SqliteValue[],
): { shape: string; values: readonly SqliteValue[] } {
  const values: SqliteValue[] = [];
  const seen = new Map<string, number>();
  const shape = sql
    .replace(NAMES, "$1")
    .replace(VALUE, (written: string, number?: string, text?: string, digits?: string) => {
      const at = seen.get(written) ?? seen.size;
      if (at === seen.size) {
        seen.set(written, at);
        if (number !== undefined) values.push(parameters[Number(number) - 1] ?? null);
        else values.push(text ?? BigInt(digits ?? 0));
      }
      return `?${at}`;
    });
  return { shape, values };
}

function append(tables: SmallTables, key: string, value: string): SmallResult {
  const at = `list/${key}/`;
  const list = `${String(tables.get(at)?.[1] ?? "")}${value}`;
  tables.set(at, [BigInt(key), list]);
  return { count: 1, rows: [[list]] };
}

/** A number that may be there once. */
function insert(tables: SmallTables, kind: "ledger" | "fork", id: bigint): SmallResult {
  const at = `${kind}/${id}/`;
  if (tables.get(at) !== undefined) {
    throw new SqlError("23505", `duplicate key value violates unique constraint of ${kind}`);
  }
  tables.set(at, [id]);
  return { count: 1, rows: [] };
}

function balanceOf(tables: SmallTables, id: SqliteValue | undefined): bigint {
  return BigInt(tables.get(`account/${String(id)}`)?.[1] ?? 0n);
}

function setBalance(
  tables: SmallTables,
  id: SqliteValue | undefined,
  balance: bigint,
): SmallResult {
  if (balance < 0n) throw new SqlError("23514", "the balance would be below zero");
  tables.set(`account/${String(id)}`, [BigInt(String(id)), balance]);
  return { count: 1, rows: [] };
}

function setOnCall(tables: SmallTables, id: SqliteValue | undefined, there: bigint): SmallResult {
  const [person = 0n, duty = 0n] = tables.get(`person/${String(id)}`) ?? [];
  tables.set(`person/${String(id)}`, [person, duty, there]);
  return { count: 1, rows: [] };
}

function rowsUnder(tables: SmallTables, prefix: string): Rows {
  return [...tables.under(prefix)].map(([, row]) => row);
}

function found(rows: Rows): SmallResult {
  return { count: rows.length, rows };
}
