/** GROUP BY, and the rule that what is not grouped by must be aggregated. */
import type { Node, SelectStmt } from "libpg-query";
import { integerOf, kindOf, locationOf, stringsOf } from "../analyze/nodes.ts";
import { inClause, type Scope } from "../analyze/scope.ts";
import type { ColumnUse, Typed } from "../analyze/typed.ts";
import { settled } from "./cast.ts";
import { comparisonKey } from "./comparison.ts";
import { notPosition } from "./order.ts";

/** The printed terms; their values become the level's group keys. */
export function groupBy(select: SelectStmt, scope: Scope): readonly string[] {
  if (select.groupDistinct === true) {
    throw scope.statement.notSupported("GROUP BY DISTINCT");
  }
  const keys = inClause(scope, "GROUP BY", () =>
    (select.groupClause ?? []).map((node) => {
      if (kindOf(node) === "GroupingSet") {
        throw scope.statement.notSupported("GROUPING SETS, ROLLUP and CUBE", locationOf(node));
      }
      const expression = groupExpression(node, select, scope);
      return settled(scope.translate.expression(expression, scope), scope.statement);
    }),
  );
  for (const key of keys) {
    scope.level.groupKeys.add(key.sql);
  }
  groupedUses.set(
    scope.level,
    keys.flatMap((key) => key.uses),
  );
  return keys.map((key) => notPosition(comparisonKey(key, scope)));
}

const groupedUses = new WeakMap<object, readonly ColumnUse[]>();

/** A position, or the name of an output column where no input column has it. */
function groupExpression(node: Node, select: SelectStmt, scope: Scope): Node {
  const list = (select.targetList ?? []).flatMap((target) =>
    "ResTarget" in target ? [target.ResTarget] : [],
  );
  const position = integerOf(node);
  if (position !== undefined) {
    const value = list[position - 1]?.val;
    if (value === undefined) {
      const message = `GROUP BY position ${position} is not in select list`;
      throw scope.statement.error("42P10", message, locationOf(node));
    }
    return value;
  }
  if (!("ColumnRef" in node) || node.ColumnRef.fields?.length !== 1) {
    return node;
  }
  const [name = ""] = stringsOf(node.ColumnRef.fields);
  const isInput = scope.items.some((item) => item.columns.some((column) => column.name === name));
  const output = list.find((target) => target.name === name);
  return !isInput && output?.val !== undefined ? output.val : node;
}

/** Throws 42803 for a column that is neither grouped by nor decided by the columns that are. */
export function checkGrouped(values: readonly Typed[], scope: Scope): void {
  const { level, statement } = scope;
  const grouped = groupedUses.get(level) ?? [];
  for (const use of values.flatMap((value) => value.uses)) {
    const fine =
      use.scope.level !== level ||
      level.groupKeys.has(use.sql) ||
      decidedByKey(use, grouped, level.groupKeys, scope);
    if (!fine) {
      const name = use.relation === "" ? use.column : `${use.relation}.${use.column}`;
      throw statement.error(
        "42803",
        `column "${name}" must appear in the GROUP BY clause or be used in an aggregate function`,
        use.location,
      );
    }
  }
}

/** Whether the whole primary key of the column's table is grouped by. */
function decidedByKey(
  use: ColumnUse,
  grouped: readonly ColumnUse[],
  keys: ReadonlySet<string>,
  scope: Scope,
): boolean {
  const tableOid = use.origin?.tableOid;
  const table = [...scope.statement.catalog.relations.values()].find(
    (relation) => relation.kind === "table" && relation.oid === tableOid,
  );
  if (table?.kind !== "table") {
    return false;
  }
  const primary = table.constraints.find((constraint) => constraint.kind === "primaryKey");
  return (
    primary?.kind === "primaryKey" &&
    primary.columns.every((column) =>
      grouped.some(
        (key) => key.relation === use.relation && key.column === column && keys.has(key.sql),
      ),
    )
  );
}
