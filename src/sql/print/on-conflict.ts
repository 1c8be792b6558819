/** ON CONFLICT. */
import type { InferClause, Node, OnConflictClause } from "libpg-query";
import { type FromItem, inClause, type Scope, withItems } from "../analyze/scope.ts";
import { OID } from "../types/oids.ts";
import { comparisonKey } from "./comparison.ts";
import { relationColumns } from "./from.ts";
import { identifier } from "./identifiers.ts";
import { condition } from "./logic.ts";
import { setClause } from "./set-clause.ts";
import type { TargetTable } from "./target-table.ts";

/** " ON CONFLICT …", or empty. */
export function onConflict(
  clause: OnConflictClause | undefined,
  target: TargetTable,
  scope: Scope,
): string {
  if (clause === undefined) {
    return "";
  }
  const arbiter = clause.infer === undefined ? "" : arbiterOf(clause.infer, target, scope);
  if (clause.action === "ONCONFLICT_NOTHING") {
    return ` ON CONFLICT${arbiter} DO NOTHING`;
  }
  if (clause.infer === undefined) {
    const message = "ON CONFLICT DO UPDATE requires inference specification or constraint name";
    throw scope.statement.error("42601", message, clause.location, {
      hint: "For example, ON CONFLICT (column_name).",
    });
  }
  const inner = withItems(scope, [target.item, excluded(target)]);
  const assignments = inClause(inner, "UPDATE", () =>
    setClause(clause.targetList ?? [], target, inner),
  );
  const where =
    clause.whereClause === undefined ? "" : ` WHERE ${filter(clause.whereClause, inner)}`;
  return ` ON CONFLICT${arbiter} DO UPDATE SET ${assignments}${where}`;
}

function filter(node: Node, scope: Scope): string {
  return inClause(scope, "WHERE", () =>
    condition(scope.translate.expression(node, scope), "WHERE", scope),
  ).sql;
}

/** The row that could not be inserted. */
function excluded({ table }: TargetTable): FromItem {
  const columns = relationColumns(table).map((column) => ({
    ...column,
    sql: `excluded.${column.sql}`,
    origin: null,
  }));
  const relation = { name: "excluded", schema: null, columns, tableOid: 0 };
  return { sql: "", relations: [relation], columns: [], rowMarks: [] };
}

function arbiterOf(infer: InferClause, target: TargetTable, scope: Scope): string {
  const { table } = target;
  if (infer.conname !== undefined) {
    const constraint = table.constraints.find((each) => each.name === infer.conname);
    if (
      constraint === undefined ||
      !("columns" in constraint) ||
      constraint.kind === "foreignKey"
    ) {
      const message = `constraint "${infer.conname}" for table "${table.name}" does not exist`;
      throw scope.statement.error("42704", message);
    }
    return ` (${constraint.columns.map(identifier).join(", ")})`;
  }
  checkArbiter(infer, target, scope);
  const bare = { ...withItems(scope, [unqualified(target)]), bareColumns: true };
  const names = (infer.indexElems ?? []).map((node) => arbiterTerm(node, bare));
  const where = infer.whereClause === undefined ? "" : ` WHERE ${filter(infer.whereClause, bare)}`;
  return ` (${names.join(", ")})${where}`;
}

/** 42P10 unless a unique index over just these columns exists; expressions are left to SQLite. */
function checkArbiter(infer: InferClause, { table }: TargetTable, scope: Scope): void {
  const elements = (infer.indexElems ?? []).flatMap((node) =>
    "IndexElem" in node ? [node.IndexElem] : [],
  );
  if (elements.some((element) => element.name === undefined) || infer.whereClause !== undefined) {
    return;
  }
  const wanted = new Set(elements.map((element) => element.name ?? ""));
  const keys = [...scope.statement.catalog.relations.values()].flatMap((relation) =>
    relation.kind === "index" && relation.table === table.name && relation.unique
      ? [relation.keys.map((key) => key.column)]
      : [],
  );
  const constraints = table.constraints.flatMap((constraint) =>
    constraint.kind === "primaryKey" || constraint.kind === "unique" ? [constraint.columns] : [],
  );
  const matches = [...keys, ...constraints].some(
    (columns) =>
      columns.length === wanted.size &&
      columns.every((column) => column !== null && wanted.has(column)),
  );
  if (!matches) {
    throw scope.statement.error(
      "42P10",
      "there is no unique or exclusion constraint matching the ON CONFLICT specification",
    );
  }
}

/** SQLite matches the terms against the index as it was declared: without the table's name. */
function unqualified({ table, item }: TargetTable): FromItem {
  const columns = relationColumns(table);
  return {
    ...item,
    relations: [{ name: table.name, schema: null, columns, tableOid: table.oid }],
    columns,
  };
}

function arbiterTerm(node: Node, scope: Scope): string {
  const element = "IndexElem" in node ? node.IndexElem : {};
  const column = { ColumnRef: { fields: [{ String: { sval: element.name ?? "" } }] } };
  const value = scope.translate.expression(element.expr ?? column, scope);
  // Indexes hold the keys of numeric columns, see schema/sqlite/index-sql.ts.
  return value.typeOid === OID.numeric ? comparisonKey(value, scope) : value.sql;
}
