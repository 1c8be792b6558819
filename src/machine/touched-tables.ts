/**
 * Which tables a statement reads and writes, by SQLite's own word: EXPLAIN lists the cursors that
 * its program opens, those of foreign keys' actions and checks included (https://sqlite.org/opcode.html).
 */
import { notSupported } from "../sql/errors.ts";
import type { Connection } from "./connection.ts";

export interface TouchedTables {
  /** Read or written, by name. */
  readonly all: ReadonlySet<string>;
  readonly written: ReadonlySet<string>;
}

type Opcode = readonly [address: bigint, opcode: string, p1: bigint, p2: bigint, p3: bigint];

const MAIN_SCHEMA = 0n;

/** `bound` are parameters such as the statement takes; their values do not matter. */
export function touchedTables(connection: Connection, sql: string, bound: unknown): TouchedTables {
  const explained = connection.prepare<unknown[]>(`EXPLAIN ${sql}`).raw(true).all(bound);
  const all = new Set<string>();
  const written = new Set<string>();
  const tableOf = tablesByRoot(connection);
  for (const [, opcode, p1, p2, p3] of explained as Opcode[]) {
    const root = rootPage(opcode, { p1, p2, p3 });
    const table = root === null ? undefined : tableOf.get(root);
    if (table === undefined) continue;
    all.add(table);
    if (opcode !== "OpenRead" && opcode !== "ReopenIdx") written.add(table);
  }
  return { all, written };
}

function rootPage(opcode: string, { p1, p2, p3 }: Record<"p1" | "p2" | "p3", bigint>) {
  switch (opcode) {
    case "OpenRead":
    case "ReopenIdx":
    case "OpenWrite":
      return p3 === MAIN_SCHEMA ? p2 : null;
    case "Clear":
      return p2 === MAIN_SCHEMA ? p1 : null;
    default:
      return null;
  }
}

function tablesByRoot(connection: Connection): ReadonlyMap<bigint, string> {
  const rows = connection.prepare(
    "SELECT rootpage, tbl_name FROM sqlite_schema WHERE rootpage > 0",
  );
  return new Map(rows.raw(true).all() as [bigint, string][]);
}

/** Of several statements together. */
export function together(parts: readonly TouchedTables[]): TouchedTables {
  const [only] = parts;
  if (parts.length === 1 && only !== undefined) return only;
  return {
    all: new Set(parts.flatMap(({ all }) => [...all])),
    written: new Set(parts.flatMap(({ written }) => [...written])),
  };
}

/**
 * What a transaction reads of the system catalogs is no part of what COMMIT lets the log check: the
 * version of the catalog is. Rows of tables would not be checked at all.
 */
export function refuseTables({ all }: TouchedTables): void {
  const tables = [...all].filter((name) => !name.startsWith("_synod_"));
  if (tables.length === 0) return;
  throw notSupported("a query of system catalogs together with tables in a transaction", {
    hint: "Read them in two queries, or outside of a transaction.",
  });
}
