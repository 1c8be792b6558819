import type { Constraint as ConstraintNode } from "libpg-query";
import { stringsOf } from "../analyze/nodes.ts";
import type { Column, ForeignKeyAction, ForeignKeyConstraint, Table } from "../catalog/catalog.ts";
import { notSupported, SqlError } from "../errors.ts";
import { identifier, stringLiteral } from "../print/identifiers.ts";
import { OID } from "../types/oids.ts";
import { typeByOid } from "../types/registry.ts";
import { assertNewConstraint } from "./checks.ts";
import type { WrittenConstraint } from "./column-definition.ts";
import { typeText } from "./column-type.ts";
import { primaryKeyOf, shownValue } from "./keys.ts";
import { joinedColumns } from "./names.ts";
import { relationName } from "./relation-name.ts";
import type { SchemaDraft } from "./schema-draft.ts";

/** Adds a foreign key to the table in the draft, and verifies the rows that there are. */
export function addForeignKey(
  written: WrittenConstraint,
  tableName: string,
  draft: SchemaDraft,
): void {
  const { node } = written;
  const table = draft.table(tableName);
  const foreign = foreignTableOf(node, draft);
  const columns = written.column === null ? stringsOf(node.fk_attrs) : [written.column];
  const foreignColumns = foreignColumnsOf(node, foreign);
  assertSupported(node, columns);
  for (const name of columns) columnFor(name, table);
  const found = foreignColumns.map((name) => columnFor(name, foreign));
  if (columns.length !== foreignColumns.length) {
    const text = "number of referencing and referenced columns for foreign key disagree";
    throw new SqlError("42830", text);
  }
  assertUniqueTarget(foreignColumns, foreign, draft);
  const name =
    node.conname ??
    draft.freeConstraintName(tableName, joinedColumns(columns), "fkey", table.constraints);
  assertNewConstraint(name, table);
  columns.forEach((column, at) => {
    assertSameType({ constraint: name, from: columnFor(column, table), to: found[at] });
  });
  const constraint: ForeignKeyConstraint = {
    kind: "foreignKey",
    oid: draft.newOid(),
    name,
    columns,
    foreignTable: foreign.name,
    foreignColumns,
    onDelete: actionOf(node.fk_del_action),
    onUpdate: actionOf(node.fk_upd_action),
    deferrable: node.deferrable === true || node.initdeferred === true,
    initiallyDeferred: node.initdeferred === true,
  };
  draft.put({ ...table, constraints: [...table.constraints, constraint] });
  verifyForeignKey(constraint, tableName, draft);
}

function foreignTableOf(node: ConstraintNode, draft: SchemaDraft): Table {
  const name = relationName(node.pktable);
  const relation = draft.relation(name);
  if (relation === undefined) throw new SqlError("42P01", `relation "${name}" does not exist`);
  if (relation.kind !== "table") {
    throw new SqlError("42809", `referenced relation "${name}" is not a table`);
  }
  return relation;
}

function foreignColumnsOf(node: ConstraintNode, foreign: Table): readonly string[] {
  const written = stringsOf(node.pk_attrs);
  if (written.length > 0) return written;
  const key = primaryKeyOf(foreign);
  if (key === undefined) {
    const text = `there is no primary key for referenced table "${foreign.name}"`;
    throw new SqlError("42704", text);
  }
  return key.columns;
}

function assertSupported(node: ConstraintNode, columns: readonly string[]): void {
  if (node.fk_matchtype === "f" && columns.length > 1) throw notSupported("MATCH FULL");
  if (node.fk_matchtype === "p") throw notSupported("MATCH PARTIAL");
  if ((node.fk_del_set_cols ?? []).length > 0) throw notSupported("ON DELETE SET with columns");
  if (node.fk_with_period === true) throw notSupported("PERIOD in a foreign key");
}

function columnFor(name: string, table: Table): Column {
  const column = table.columns.find((each) => each.name === name);
  if (column === undefined) {
    const text = `column "${name}" referenced in foreign key constraint does not exist`;
    throw new SqlError("42703", text);
  }
  return column;
}

function assertUniqueTarget(columns: readonly string[], foreign: Table, draft: SchemaDraft): void {
  const wanted = columns.toSorted().join("\0");
  const matches = draft.indexesOf(foreign.name).some((index) => {
    const keys = index.keys.map((key) => key.column ?? "\0");
    return index.unique && index.where === null && keys.toSorted().join("\0") === wanted;
  });
  if (!matches || new Set(columns).size !== columns.length) {
    const text = `there is no unique constraint matching given keys for referenced table "${foreign.name}"`;
    throw new SqlError("42830", text);
  }
}

interface KeyColumns {
  readonly constraint: string;
  readonly from: Column;
  readonly to: Column | undefined;
}

function assertSameType({ constraint, from, to }: KeyColumns): void {
  if (to === undefined) return;
  const families = [familyOf(from), familyOf(to)];
  if (families.includes("numeric")) {
    // SQLite compares foreign keys byte by byte, but '1.5' and '1.50' are one numeric.
    throw notSupported(`foreign key "${constraint}" over a numeric column`);
  }
  if (families[0] === families[1]) return;
  throw new SqlError("42804", `foreign key constraint "${constraint}" cannot be implemented`, {
    detail:
      `Key columns "${from.name}" and "${to.name}" are of incompatible types: ` +
      `${typeText(from.typeOid, -1)} and ${typeText(to.typeOid, -1)}.`,
  });
}

/** Types of one family are stored alike and compared alike. */
function familyOf(column: Column): string {
  switch (column.typeOid) {
    case OID.int2:
    case OID.int4:
    case OID.int8:
      return "integer";
    case OID.text:
    case OID.varchar:
      return "text";
    case OID.float4:
    case OID.float8:
      return "float";
    default:
      return typeByOid(column.typeOid)?.name ?? "";
  }
}

const ACTIONS: Readonly<Record<string, ForeignKeyAction>> = {
  a: "noAction",
  r: "restrict",
  c: "cascade",
  n: "setNull",
  d: "setDefault",
};

function actionOf(letter: string | undefined): ForeignKeyAction {
  return ACTIONS[letter ?? "a"] ?? "noAction";
}

function verifyForeignKey(
  constraint: ForeignKeyConstraint,
  tableName: string,
  draft: SchemaDraft,
): void {
  const { name, columns, foreignTable, foreignColumns } = constraint;
  const text = `insert or update on table "${tableName}" violates foreign key constraint "${name}"`;
  draft.verifications.push({
    table: tableName,
    sql(rows) {
      const table = draft.table(tableName);
      const own = columns.map((column) => `${identifier(tableName)}.${identifier(column)}`);
      const pairs = foreignColumns.map(
        (column, at) => `p.${identifier(column)} = ${own[at] ?? ""}`,
      );
      const values = columns.map((column) => shownValue(column, "", table));
      const detail =
        `${stringLiteral(`Key (${columns.join(", ")})=(`)} || ${values.join(" || ', ' || ")} || ` +
        stringLiteral(`) is not present in table "${foreignTable}".`);
      return (
        `SELECT synod_fail('23503', ${stringLiteral(text)}, ${detail}, ` +
        `${stringLiteral(tableName)}, ${stringLiteral(name)}, NULL) FROM ${rows} ` +
        `WHERE ${own.map((column) => `${column} IS NOT NULL`).join(" AND ")} AND NOT EXISTS ` +
        `(SELECT 1 FROM ${identifier(foreignTable)} AS p WHERE ${pairs.join(" AND ")}) LIMIT 1`
      );
    },
  });
}
