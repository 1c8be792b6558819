/** SET of UPDATE and of ON CONFLICT DO UPDATE. */
import type { MultiAssignRef, Node, ResTarget } from "libpg-query";
import type { Scope } from "../analyze/scope.ts";
import { typed } from "../analyze/typed.ts";
import type { Column } from "../catalog/catalog.ts";
import {
  assigned,
  columnValue,
  defaultValue,
  isDefault,
  neverNull,
  refuseGenerated,
} from "./assignment.ts";
import { identifier } from "./identifiers.ts";
import { checkAssignedOnce, columnOf, resTargets, type TargetTable } from "./target-table.ts";

export function setClause(nodes: readonly Node[], target: TargetTable, scope: Scope): string {
  const list = resTargets(nodes);
  const columns = list.map((each) => columnOf(target.table, each, scope));
  checkAssignedOnce(columns, scope);
  const terms: string[] = [];
  for (const [index, each] of list.entries()) {
    const column = columns[index];
    if (column !== undefined) {
      terms.push(...assignment(each, column, { index, columns, target, scope }));
    }
  }
  return terms.join(", ");
}

interface AssignmentPlace {
  readonly index: number;
  readonly columns: readonly Column[];
  readonly target: TargetTable;
  readonly scope: Scope;
}

function assignment(each: ResTarget, column: Column, place: AssignmentPlace): readonly string[] {
  const { scope, target } = place;
  const { val } = each;
  if (val === undefined) {
    return [];
  }
  if ("MultiAssignRef" in val) {
    return multiple(val.MultiAssignRef, column, place);
  }
  return [`${identifier(column.name)} = ${updatedValue(val, column, target, scope)}`];
}

function updatedValue(node: Node, column: Column, target: TargetTable, scope: Scope): string {
  if (!isDefault(node)) {
    refuseGenerated(column, "update", scope);
  } else {
    const value = defaultValue(column, scope);
    return neverNull(value, column, target.table).sql;
  }
  return columnValue(node, column, target.table, scope).sql;
}

/** (a, b) = (1, 2), or (a, b) = (SELECT …), which SQLite has as well. */
function multiple(ref: MultiAssignRef, column: Column, place: AssignmentPlace): readonly string[] {
  const { scope, target, index, columns } = place;
  const { source, colno = 1, ncolumns = 1 } = ref;
  if (source !== undefined && "RowExpr" in source) {
    const args = source.RowExpr.args ?? [];
    const arg = args[colno - 1];
    if (args.length !== ncolumns || arg === undefined) {
      const message = "number of columns does not match number of values";
      throw scope.statement.error("42601", message, source.RowExpr.location);
    }
    return [`${identifier(column.name)} = ${updatedValue(arg, column, target, scope)}`];
  }
  if (source === undefined || !("SubLink" in source)) {
    const message =
      "source for a multiple-column UPDATE item must be a sub-SELECT or ROW() expression";
    throw scope.statement.error("0A000", message);
  }
  if (colno !== 1) {
    return [];
  }
  return [fromSubquery(source, columns.slice(index, index + ncolumns), target, scope)];
}

function fromSubquery(
  source: Node,
  columns: readonly Column[],
  target: TargetTable,
  scope: Scope,
): string {
  const select = "SubLink" in source ? source.SubLink.subselect : undefined;
  if (select === undefined || !("SelectStmt" in select)) {
    throw scope.statement.notSupported("this assignment");
  }
  const targets = columns.map((column) => column.typeOid);
  const query = scope.translate.query(select.SelectStmt, scope, { targets });
  if (query.columns.length !== columns.length) {
    throw scope.statement.error("42601", "number of columns does not match number of values");
  }
  const values = columns.map((column, index) => {
    refuseGenerated(column, "update", scope);
    const output = query.columns[index];
    const value = typed(identifier(output?.sqlName ?? ""), output?.typeOid ?? 0, 0);
    return neverNull(assigned(value, column, scope.statement), column, target.table).sql;
  });
  const count = query.singleRow ? "" : ", count(*)";
  const list = query.singleRow
    ? values.join(", ")
    : values.map((value) => `single_row(${value}${count})`).join(", ");
  const having = query.singleRow ? "" : " HAVING count(*) > 0";
  const names = columns.map((column) => identifier(column.name)).join(", ");
  return `(${names}) = (SELECT ${list} FROM (${query.sql})${having})`;
}
