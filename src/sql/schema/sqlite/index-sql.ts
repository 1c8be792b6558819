import type { Catalog, Index, IndexKey, Table } from "../../catalog/catalog.ts";
import { identifier } from "../../print/identifiers.ts";
import { OID } from "../../types/oids.ts";

/** CREATE INDEX for `index`; null for the key that is SQLite's rowid, which needs none. */
export function createIndexSql(index: Index, table: Table): string | null {
  if (isRowidIndex(index, table)) return null;
  const keys = index.keys.map((key) => keySql(key, table)).join(", ");
  const where = index.where === null ? "" : ` WHERE ${index.where.sqlite}`;
  const unique = index.unique ? "UNIQUE " : "";
  return `CREATE ${unique}INDEX ${identifier(index.name)} ON ${identifier(table.name)} (${keys})${where}`;
}

/** The primary key over the rowid column. */
function isRowidIndex(index: Index, table: Table): boolean {
  return (
    table.rowidColumn !== null &&
    table.constraints.some(
      (constraint) => constraint.kind === "primaryKey" && constraint.indexOid === index.oid,
    )
  );
}

/**
 * SQLite's indexes always hold NULLs first when ascending; NULLS FIRST and LAST are kept in the
 * Catalog only, since ORDER BY says for itself where it wants them.
 */
function keySql(key: IndexKey, table: Table): string {
  const direction = key.descending ? " DESC" : "";
  return `${keyExpression(key, table)}${direction}`;
}

/** '1.5' and '1.50' are one numeric: its keys are compared through numeric_key(). */
export function keyExpression(key: IndexKey, table: Table): string {
  if (key.expression !== null) return `(${key.expression.sqlite})`;
  const name = key.column ?? "";
  const column = table.columns.find((each) => each.name === name);
  return column?.typeOid === OID.numeric ? `numeric_key(${identifier(name)})` : identifier(name);
}

/** The table that an index is on. */
export function tableOf(index: Index, catalog: Catalog): Table | undefined {
  const table = catalog.relations.get(index.table);
  return table?.kind === "table" ? table : undefined;
}

/** An ascending key over a column. */
export function plainKey(column: string): IndexKey {
  return { column, expression: null, descending: false, nullsFirst: false };
}
