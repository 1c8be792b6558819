/**
 * What clients of the simulated cluster say, and what the small state machine makes of the SQLite
 * text that the translator of production prints for it. Two tables: lists that values are appended
 * to, and a ledger into which each number goes once.
 */

import { type Catalog, EMPTY_CATALOG } from "../../../src/sql/catalog/catalog.ts";
import { SqlError } from "../../../src/sql/errors.ts";
import { parseStatements } from "../../../src/sql/parse.ts";
import { translate } from "../../../src/sql/translate.ts";
import type { SqliteValue } from "../../../src/sql/values.ts";
import type { SmallTables } from "./small-tables.ts";

const SCHEMA = [
  "CREATE TABLE lists (k int PRIMARY KEY, v text NOT NULL)",
  "CREATE TABLE ledger (id int PRIMARY KEY)",
];

/** The same for SQLite, with what only it can get wrong: values that must come out alike on all nodes. */
export const SQLITE_SCHEMA = [
  "CREATE TABLE lists (k int PRIMARY KEY, v text NOT NULL)",
  "CREATE TABLE ledger (id int PRIMARY KEY, drawn float8 DEFAULT random(), entered timestamptz DEFAULT now())",
];

/** Appends `,value` to a list and answers with the whole of it. */
export const APPEND =
  "INSERT INTO lists VALUES ($1, $2) ON CONFLICT (k) DO UPDATE SET v = lists.v || $2 RETURNING v";
export const READ = "SELECT v FROM lists WHERE k = $1";
const READ_ALL = "SELECT k, v FROM lists";
export const ENTER = "INSERT INTO ledger VALUES ($1)";
const READ_LEDGER = "SELECT id FROM ledger";

type Rows = readonly (readonly SqliteValue[])[];

export interface SmallResult {
  readonly count: number;
  readonly rows: Rows;
}

type Action = (tables: SmallTables, parameters: readonly SqliteValue[]) => SmallResult;

const ACTIONS: readonly (readonly [string, Action])[] = [
  [APPEND, (tables, [key, value]) => append(tables, String(key), String(value))],
  [
    READ,
    (tables, [key]) =>
      found([...tables.under(`list/${String(key)}/`)].map(([, row]) => row.slice(1))),
  ],
  [READ_ALL, (tables) => found([...tables.under("list/")].map(([, row]) => row))],
  [ENTER, (tables, [id]) => enter(tables, BigInt(id as bigint))],
  [READ_LEDGER, (tables) => found([...tables.under("ledger/")].map(([, row]) => row))],
];

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
  readonly #actions = new Map<string, Action>();

  constructor(catalog: Catalog) {
    for (const [text, action] of ACTIONS) {
      const [statement] = parseStatements(text);
      if (statement === undefined) throw new Error("no statement");
      const context = { catalog, databaseName: "synod", parameterTypes: [] };
      const translation = translate(statement, context);
      if (!("step" in translation)) throw new Error(`${text} is neither read nor write`);
      this.#actions.set(valuesOut(translation.step.sql, []).shape, action);
    }
  }

  /** Throws SqlError as the statement would. */
  run(tables: SmallTables, sql: string, parameters: readonly SqliteValue[]): SmallResult {
    const { shape, values } = valuesOut(sql, parameters);
    const action = this.#actions.get(shape);
    if (action === undefined) throw new Error(`unknown statement: ${sql}`);
    return action(tables, values);
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

function enter(tables: SmallTables, id: bigint): SmallResult {
  const at = `ledger/${id}`;
  if (tables.get(at) !== undefined) {
    throw new SqlError("23505", 'duplicate key value violates unique constraint "ledger_pkey"');
  }
  tables.set(at, [id]);
  return { count: 1, rows: [] };
}

function found(rows: Rows): SmallResult {
  return { count: rows.length, rows };
}
