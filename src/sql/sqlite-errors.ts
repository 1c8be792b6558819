/** What SQLite says of a statement, in PostgreSQL's words and with its SQLSTATE. */
import type { Catalog } from "./catalog/catalog.ts";
import { SqlError } from "./errors.ts";

const STATES: readonly (readonly [prefix: string, sqlState: string])[] = [
  ["SQLITE_CONSTRAINT_UNIQUE", "23505"],
  ["SQLITE_CONSTRAINT_PRIMARYKEY", "23505"],
  ["SQLITE_CONSTRAINT_ROWID", "23505"],
  ["SQLITE_CONSTRAINT_NOTNULL", "23502"],
  ["SQLITE_CONSTRAINT_FOREIGNKEY", "23503"],
  ["SQLITE_CONSTRAINT_CHECK", "23514"],
  ["SQLITE_CONSTRAINT", "23000"],
  ["SQLITE_MISMATCH", "42804"],
  ["SQLITE_TOOBIG", "54000"],
  ["SQLITE_RANGE", "08P01"],
  ["SQLITE_ERROR", "42601"],
];

/** Null where the error is not the statement's: disk full, I/O, corrupt file … */
export function sqlErrorFromSqlite(
  code: string,
  message: string,
  _catalog: Catalog,
): SqlError | null {
  const found = STATES.find(([prefix]) => code.startsWith(prefix));
  return found === undefined ? null : new SqlError(found[1], message);
}
