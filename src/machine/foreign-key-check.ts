import type { Catalog } from "../sql/catalog/catalog.ts";
import { SqlError } from "../sql/errors.ts";
import type { Connection } from "./connection.ts";

/** The error (23503) of the first row without the row that it refers to, or null if all have theirs. */
export function brokenForeignKey(connection: Connection, catalog: Catalog): SqlError | null {
  const rows = connection.prepare("PRAGMA foreign_key_check").raw(true);
  const found = rows.get() as [string, bigint | null, string, bigint] | undefined;
  if (found === undefined) return null;
  const [table, , parent, key] = found;
  const constraint = constraintName(connection, catalog, { table, parent, key });
  const named = constraint === null ? "a foreign key" : `foreign key constraint "${constraint}"`;
  return new SqlError(
    "23503",
    `insert or update on table "${table}" violates ${named}`,
    constraint === null ? { table } : { schema: "public", table, constraint },
  );
}

/** SQLite numbers a table's foreign keys; the catalog's is the one over the same columns. */
function constraintName(
  connection: Connection,
  catalog: Catalog,
  { table, parent, key }: { table: string; parent: string; key: bigint },
): string | null {
  const relation = catalog.relations.get(table);
  if (relation?.kind !== "table") return null;
  const list = connection.prepare<[string, bigint]>(
    'SELECT "from" FROM pragma_foreign_key_list(?) WHERE id = ? ORDER BY seq',
  );
  const columns = list.pluck(true).all(table, key) as string[];
  const found = relation.constraints.find(
    (constraint) =>
      constraint.kind === "foreignKey" &&
      constraint.foreignTable === parent &&
      constraint.columns.join("\0") === columns.join("\0"),
  );
  return found?.name ?? null;
}
