/**
 * Which tables a statement reads and writes, by SQLite's own word: its program lists the cursors that
 * it opens, those of foreign keys' actions and checks included.
 */
import { notSupported } from "../sql/errors.ts";
import type { Connection } from "./connection.ts";
import type { Instruction, Program } from "./program.ts";

export interface TouchedTables {
  /** Read or written, by name. */
  readonly all: ReadonlySet<string>;
  readonly written: ReadonlySet<string>;
}

const MAIN_SCHEMA = 0n;

/** The tables that a program of this connection touches. */
export function touchedTables(connection: Connection, program: Program): TouchedTables {
  const all = new Set<string>();
  const written = new Set<string>();
  const tableOf = tablesByRoot(connection);
  for (const instruction of program) {
    const root = rootPage(instruction);
    const table = root === null ? undefined : tableOf.get(root);
    if (table === undefined) continue;
    const { opcode } = instruction;
    all.add(table);
    if (opcode !== "OpenRead" && opcode !== "ReopenIdx") written.add(table);
  }
  return { all, written };
}

function rootPage({ opcode, p1, p2, p3 }: Instruction): bigint | null {
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
