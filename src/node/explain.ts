import type { SqliteValue } from "../sql/values.ts";

/**
 * SQLite's query plan (rows of id, parent, unused, detail) as lines, each step indented below the
 * one that it belongs to. Source: sqlite.org/eqp.html.
 */
export function formatPlan(rows: readonly (readonly SqliteValue[])[]): string[] {
  const depths = new Map<SqliteValue, number>();
  return rows.map(([id = null, parent = null, , detail]) => {
    const depth = (depths.get(parent) ?? -1) + 1;
    depths.set(id, depth);
    return `${"  ".repeat(depth)}${depth > 0 ? "->  " : ""}${String(detail)}`;
  });
}
