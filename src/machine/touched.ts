/** What a statement reads and writes, as far as others can tell: tables, or single rows of them. */
import { notSupported } from "../sql/errors.ts";

/** One row by its key (the rowid), all of them, or a row that was not there before and no other. */
export type TouchedRows = bigint | "all" | "new";

/** What a statement touches of one table. */
export interface TouchedPart {
  readonly table: string;
  readonly rows: TouchedRows;
  /** Otherwise it is only read. */
  readonly isWritten: boolean;
}

/** Of one statement or several together: at most one part a table. */
export type Touched = readonly TouchedPart[];

/** Whether one of the written parts may be what another statement, that touches `touched`, looks at. */
export function overlap(written: Touched, touched: Touched): boolean {
  return written.some((part) => part.isWritten && touched.some((other) => meets(part, other)));
}

/** Whether two parts may be the same row. What is new to both is two rows. */
function meets(left: TouchedPart, right: TouchedPart): boolean {
  if (left.table !== right.table) return false;
  if (typeof left.rows === "bigint" && typeof right.rows === "bigint") {
    return left.rows === right.rows;
  }
  return left.rows !== "new" || right.rows !== "new";
}

/** Of several statements together. */
export function together(parts: readonly Touched[]): Touched {
  const [only] = parts;
  if (parts.length === 1 && only !== undefined) return only;
  const byTable = new Map<string, TouchedPart>();
  for (const part of parts.flat()) {
    const known = byTable.get(part.table);
    byTable.set(part.table, known === undefined ? part : merged(known, part));
  }
  return [...byTable.values()];
}

/** Of two statements, of one table. */
export function merged(left: TouchedPart, right: TouchedPart): TouchedPart {
  const isSame = left.rows === right.rows;
  if (isSame && left.isWritten === right.isWritten) return left;
  return {
    table: left.table,
    rows: isSame ? left.rows : "all",
    isWritten: left.isWritten || right.isWritten,
  };
}

/**
 * What a transaction reads of the system catalogs is no part of what COMMIT lets the log check: the
 * version of the catalog is. Rows of tables would not be checked at all.
 */
export function refuseTables(touched: Touched): void {
  if (touched.every(({ table }) => table.startsWith("_synod_"))) return;
  throw notSupported("a query of system catalogs together with tables in a transaction", {
    hint: "Read them in two queries, or outside of a transaction.",
  });
}
