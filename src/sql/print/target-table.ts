/** The table that INSERT, UPDATE, DELETE or TRUNCATE changes. */
import type { Node, RangeVar, ResTarget } from "libpg-query";
import type { FromItem, Scope } from "../analyze/scope.ts";
import type { Column, Relation, Table } from "../catalog/catalog.ts";
import { systemRelation } from "../relations/projection.ts";
import { tableMark } from "./check.ts";
import { relationColumns } from "./from.ts";
import { identifier } from "./identifiers.ts";

export interface TargetTable {
  readonly table: Table;
  /** The table under its PostgreSQL alias; SQLite gets none, since RETURNING would not see it. */
  readonly item: FromItem;
}

export function targetTable(node: RangeVar | undefined, scope: Scope): TargetTable {
  const { relname: name = "", schemaname = "public" } = node ?? {};
  const relation =
    schemaname === "public" ? scope.statement.catalog.relations.get(name) : undefined;
  if (relation?.kind !== "table") {
    return notATable(relation, node ?? {}, scope);
  }
  return { table: relation, item: targetItem(relation, node?.alias?.aliasname ?? name, scope) };
}

function notATable(relation: Relation | undefined, node: RangeVar, scope: Scope): never {
  const { statement } = scope;
  const { relname: name = "", schemaname, location = 0 } = node;
  if (relation?.kind === "view") {
    throw statement.notSupported(`changing the view "${name}"`, location);
  }
  if (relation !== undefined) {
    throw statement.error("42809", `cannot change ${relation.kind} "${name}"`, location);
  }
  if (systemRelation(schemaname ?? "pg_catalog", name) !== undefined) {
    throw statement.error("42501", `permission denied for table ${name}`);
  }
  const written = schemaname === undefined ? name : `${schemaname}.${name}`;
  throw statement.error("42P01", `relation "${written}" does not exist`, location);
}

function targetItem(table: Table, alias: string, scope: Scope): FromItem {
  const sqlName = identifier(scope.statement.alias(table.name));
  const columns = relationColumns(table).map((column) => ({
    ...column,
    sql: `${sqlName}.${column.sql}`,
  }));
  const relation = { name: alias, schema: null, columns, tableOid: table.oid };
  return {
    sql: identifier(table.name),
    relations: [relation],
    columns,
    rowMarks: [tableMark(sqlName)],
  };
}

export function columnOf(table: Table, node: ResTarget, scope: Scope): Column {
  const column = table.columns.find((candidate) => candidate.name === node.name);
  if (column === undefined) {
    const message = `column "${node.name ?? ""}" of relation "${table.name}" does not exist`;
    throw scope.statement.error("42703", message, node.location ?? 0);
  }
  if (node.indirection !== undefined) {
    throw scope.statement.notSupported("assignment to an array element or field", node.location);
  }
  return column;
}

export function resTargets(nodes: readonly Node[] | undefined): readonly ResTarget[] {
  return (nodes ?? []).flatMap((node) => ("ResTarget" in node ? [node.ResTarget] : []));
}

/** 42701 for a column that is named twice. */
export function checkDistinctColumns(columns: readonly Column[], scope: Scope): void {
  const seen = new Set<string>();
  for (const { name } of columns) {
    if (seen.has(name)) {
      throw scope.statement.error("42701", `column "${name}" specified more than once`);
    }
    seen.add(name);
  }
}

/** A second assignment to a column in SET. */
export function checkAssignedOnce(columns: readonly Column[], scope: Scope): void {
  const seen = new Set<string>();
  for (const { name } of columns) {
    if (seen.has(name)) {
      throw scope.statement.error("42601", `multiple assignments to same column "${name}"`);
    }
    seen.add(name);
  }
}
