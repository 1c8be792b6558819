import type { Connection } from "./connection.ts";

/**
 * While tables are replaced by new ones under their name, foreign keys must not follow the old
 * table out, and views and triggers that name it must not be checked or rewritten (SQLite's
 * ALTER TABLE page, section 7). Only outside of a SQLite transaction.
 */
export function letTablesBeRebuilt(
  connection: Pick<Connection, "pragma">,
  isAllowed: boolean,
): void {
  connection.pragma(`foreign_keys = ${isAllowed ? "OFF" : "ON"}`);
  connection.pragma(`legacy_alter_table = ${isAllowed ? "ON" : "OFF"}`);
}
