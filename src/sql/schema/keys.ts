/** PRIMARY KEY and UNIQUE constraints, and the index behind each. */
import { stringsOf } from "../analyze/nodes.ts";
import type { Index, KeyConstraint, Table } from "../catalog/catalog.ts";
import { notSupported, SqlError } from "../errors.ts";
import { identifier, stringLiteral } from "../print/identifiers.ts";
import { OID } from "../types/oids.ts";
import type { WrittenConstraint } from "./column-definition.ts";
import { joinedColumns } from "./names.ts";
import type { SchemaDraft } from "./schema-draft.ts";
import { keyExpression, plainKey } from "./sqlite/index-sql.ts";

/** Adds the key to the table in the draft, and verifies the rows that there are. */
export function addKey(written: WrittenConstraint, tableName: string, draft: SchemaDraft): void {
  const { node } = written;
  const primary = node.contype === "CONSTR_PRIMARY";
  assertSupported(written);
  if (node.indexname !== undefined) {
    addKeyUsingIndex(written, tableName, draft);
    return;
  }
  const columns = written.column === null ? stringsOf(node.keys) : [written.column];
  const table = primary
    ? withPrimaryColumns(draft.table(tableName), columns)
    : draft.table(tableName);
  assertKeyColumns(columns, table, primary);
  if (primary) assertNoPrimaryKey(table);
  if (node.conname === undefined && hasSameKey(table, columns)) {
    return;
  }
  const name =
    node.conname ??
    (primary
      ? draft.freeRelationName(tableName, null, "pkey")
      : draft.freeRelationName(tableName, joinedColumns(columns), "key"));
  const oid = draft.newOid();
  const index: Index = {
    kind: "index",
    oid,
    name,
    table: tableName,
    unique: true,
    method: "btree",
    keys: columns.map(plainKey),
    where: null,
    constraint: name,
  };
  draft.add(index);
  putKey(
    table,
    { kind: keyKind(primary), oid: draft.newOid(), name, columns, indexOid: oid },
    draft,
  );
  verifyNotNull(table, draft);
  verifyUnique(index, draft);
}

function keyKind(primary: boolean): KeyConstraint["kind"] {
  return primary ? "primaryKey" : "unique";
}

/** PostgreSQL keeps one of two unnamed keys over the same columns. */
function hasSameKey(table: Table, columns: readonly string[]): boolean {
  return table.constraints.some(
    (constraint) =>
      (constraint.kind === "primaryKey" || constraint.kind === "unique") &&
      constraint.columns.join("\0") === columns.join("\0"),
  );
}

function putKey(table: Table, key: KeyConstraint, draft: SchemaDraft): void {
  draft.put(withRowidColumn({ ...table, constraints: [...table.constraints, key] }));
}

/** The table with the column that its primary key makes SQLite's rowid, if it is one. */
export function withRowidColumn(table: Table): Table {
  const key = primaryKeyOf(table);
  const only = key?.columns.length === 1 ? key.columns[0] : undefined;
  const column = table.columns.find((each) => each.name === only);
  const fits =
    column !== undefined && INTEGER_OIDS.has(column.typeOid) && column.generated !== true;
  return { ...table, rowidColumn: fits ? column.name : null };
}

export function primaryKeyOf(table: Table): KeyConstraint | undefined {
  for (const constraint of table.constraints) {
    if (constraint.kind === "primaryKey") return constraint;
  }
  return undefined;
}

const INTEGER_OIDS: ReadonlySet<number> = new Set([OID.int2, OID.int4, OID.int8]);

function addKeyUsingIndex(written: WrittenConstraint, tableName: string, draft: SchemaDraft): void {
  const { node } = written;
  const indexName = node.indexname ?? "";
  const index = draft.relation(indexName);
  if (index?.kind !== "index") {
    throw new SqlError("42704", `index "${indexName}" does not exist`);
  }
  assertUsableIndex(index, tableName);
  const primary = node.contype === "CONSTR_PRIMARY";
  const columns = index.keys.map((key) => key.column ?? "");
  const table = primary
    ? withPrimaryColumns(draft.table(tableName), columns)
    : draft.table(tableName);
  if (primary) assertNoPrimaryKey(table);
  const name = node.conname ?? indexName;
  const renamed: Index = { ...index, name, constraint: name };
  if (name === indexName) {
    draft.put(renamed);
  } else {
    const text = `ALTER TABLE / ADD CONSTRAINT USING INDEX will rename index "${indexName}" to "${name}"`;
    draft.notice("00000", text);
    draft.rename(indexName, renamed);
  }
  const key = { oid: draft.newOid(), name, columns, indexOid: index.oid };
  putKey(table, { kind: keyKind(primary), ...key }, draft);
  verifyNotNull(table, draft);
}

function assertUsableIndex(index: Index, table: string): void {
  const { name } = index;
  if (index.table !== table) {
    throw new SqlError("55000", `index "${name}" does not belong to table "${table}"`);
  }
  if (index.constraint !== null) {
    throw new SqlError("55000", `index "${name}" is already associated with a constraint`);
  }
  const fault = index.unique
    ? index.where !== null
      ? "is a partial index"
      : index.keys.some((key) => key.column === null)
        ? "contains expressions"
        : null
    : "is not a unique index";
  if (fault === null) return;
  const text = fault.startsWith("is not") ? `"${name}" ${fault}` : `index "${name}" ${fault}`;
  throw new SqlError("42809", text, {
    detail: "Cannot create a primary key or unique constraint using such an index.",
  });
}

function assertSupported({ node }: WrittenConstraint): void {
  if (node.deferrable === true) throw notSupported("DEFERRABLE unique constraint");
  if (node.nulls_not_distinct === true) throw notSupported("UNIQUE NULLS NOT DISTINCT");
  if ((node.including ?? []).length > 0) throw notSupported("INCLUDE in a constraint");
  if (node.without_overlaps === true) throw notSupported("WITHOUT OVERLAPS");
}

function assertNoPrimaryKey(table: Table): void {
  if (table.constraints.some((constraint) => constraint.kind === "primaryKey")) {
    throw new SqlError("42P16", `multiple primary keys for table "${table.name}" are not allowed`);
  }
}

function assertKeyColumns(columns: readonly string[], table: Table, primary: boolean): void {
  const what = primary ? "primary key" : "unique";
  const seen = new Set<string>();
  for (const name of columns) {
    const column = table.columns.find((each) => each.name === name);
    if (column === undefined) {
      throw new SqlError("42703", `column "${name}" named in key does not exist`);
    }
    if (seen.has(name)) {
      throw new SqlError("42701", `column "${name}" appears twice in ${what} constraint`);
    }
    seen.add(name);
  }
}

function withPrimaryColumns(table: Table, columns: readonly string[]): Table {
  return {
    ...table,
    columns: table.columns.map((column) =>
      columns.includes(column.name) ? { ...column, notNull: true } : column,
    ),
  };
}

/** Verifies the columns of `table` that were nullable, or not there, before the statement. */
export function verifyNotNull(table: Table, draft: SchemaDraft): void {
  const old = [...draft.before.relations.values()].find((each) => each.oid === table.oid);
  if (old?.kind !== "table") return;
  for (const column of table.columns) {
    const before = old.columns.find((each) => each.number === column.number);
    if (!column.notNull || before?.notNull === true) continue;
    const text = `column "${column.name}" of relation "${table.name}" contains null values`;
    draft.verifications.push({
      table: table.name,
      sql: (rows) =>
        `SELECT synod_fail('23502', ${stringLiteral(text)}, NULL, ${stringLiteral(table.name)}, ` +
        `NULL, ${stringLiteral(column.name)}) FROM ${rows} ` +
        `WHERE ${identifier(column.name)} IS NULL LIMIT 1`,
    });
  }
}

/** Verifies that no two rows have the same key: 23505 with the key in the detail. */
export function verifyUnique(index: Index, draft: SchemaDraft): void {
  const text = `could not create unique index "${index.name}"`;
  draft.verifications.push({
    table: index.table,
    sql(rows) {
      const table = draft.table(index.table);
      const keys = index.keys.map((key) => keyExpression(key, table));
      const shown = index.keys.map((key) => key.column ?? `(${key.expression?.postgres ?? ""})`);
      const values = index.keys.map((key) =>
        shownValue(key.column, keyExpression(key, table), table),
      );
      const detail =
        `${stringLiteral(`Key (${shown.join(", ")})=(`)} || ` +
        `${values.join(" || ', ' || ")} || ') is duplicated.'`;
      const known = keys.map((key) => `${key} IS NOT NULL`);
      if (index.where !== null) known.push(`(${index.where.sqlite})`);
      return (
        `SELECT synod_fail('23505', ${stringLiteral(text)}, ${detail}, ` +
        `${stringLiteral(index.table)}, ${stringLiteral(index.name)}, NULL) FROM ${rows} ` +
        `WHERE ${known.join(" AND ")} GROUP BY ${keys.join(", ")} HAVING count(*) > 1 LIMIT 1`
      );
    },
  });
}

/** A value as an error's detail shows it. */
export function shownValue(column: string | null, expression: string, table: Table): string {
  const found = table.columns.find((each) => each.name === column);
  const value = found === undefined ? expression : identifier(found.name);
  return found?.typeOid === OID.bool
    ? `CASE ${value} WHEN 1 THEN 't' ELSE 'f' END`
    : `CAST(${value} AS TEXT)`;
}
