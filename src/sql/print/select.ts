/** A plain SELECT: FROM, WHERE, GROUP BY, HAVING, WINDOW, the select list, DISTINCT, ORDER BY, LIMIT. */
import type { Node, SelectStmt } from "libpg-query";
import {
  type FromItem,
  inClause,
  innerScope,
  type OutputColumn,
  type Query,
  type QueryOptions,
  type Scope,
  withItems,
} from "../analyze/scope.ts";
import type { ColumnUse } from "../analyze/typed.ts";
import { needsKey } from "./comparison.ts";
import { distinctRows } from "./distinct.ts";
import { fromItems } from "./from.ts";
import { checkGrouped, groupBy } from "./grouping.ts";
import { identifier } from "./identifiers.ts";
import { limitClause } from "./limit.ts";
import { condition } from "./logic.ts";
import type { OrderTerm } from "./order.ts";
import { orderTerm, sortOf } from "./order.ts";
import { type Target, targetFor, targets } from "./targets.ts";
import { windowBody } from "./window-definition.ts";

/** The parts of a SELECT, translated and not yet put together. */
export interface SelectParts {
  readonly scope: Scope;
  readonly targets: readonly Target[];
  /** " FROM … WHERE … GROUP BY … HAVING … WINDOW …" */
  readonly body: string;
  readonly order: readonly OrderTerm[];
  readonly limit: string;
}

export function plainSelect(select: SelectStmt, outer: Scope, options: QueryOptions): Query {
  const base = innerScope(outer);
  const scope = withItems(base, fromItems(select.fromClause ?? [], base));
  const where = clauseCondition(select.whereClause, "WHERE", scope);
  const group = groupBy(select, scope);
  const windows = namedWindows(select.windowClause ?? [], scope);
  const list = targets(select.targetList ?? [], scope, options);
  const having = clauseCondition(select.havingClause, "HAVING", scope);
  const order = selectOrder(select, list, scope);
  const grouped =
    group.length > 0 || scope.level.aggregates > 0 || select.havingClause !== undefined;
  if (grouped) {
    const values = [...list.map((target) => target.value), ...order.map((term) => term.value)];
    checkGrouped(having === null ? values : [...values, having], scope);
    refuseSetReturning(scope);
  }
  const limit = limitClause(select, scope);
  const body = [
    fromClause([...scope.items, ...scope.level.setReturning]),
    where === null ? "" : ` WHERE ${where.sql}`,
    group.length === 0 ? "" : ` GROUP BY ${group.join(", ")}`,
    having === null ? "" : ` HAVING ${having.sql}`,
    windows.length === 0 ? "" : ` WINDOW ${windows.join(", ")}`,
  ].join("");
  const parts: SelectParts = { scope, targets: list, body, order, limit: limit.sql };
  const usesOf = [...list.map((target) => target.value), ...order.map((term) => term.value)];
  const uses = [...usesOf, ...(where ? [where] : []), ...(having ? [having] : [])];
  const singleRow =
    limit.single ||
    (grouped && group.length === 0) ||
    (scope.items.length === 0 && scope.level.setReturning.length === 0);
  return {
    sql: selectText(select, parts),
    columns: list.map(outputOf),
    uses: outerUses([...uses.flatMap((part) => part.uses)], scope),
    singleRow,
  };
}

export function outerUses(uses: readonly ColumnUse[], scope: Scope): readonly ColumnUse[] {
  return uses.filter((use) => use.scope.level !== scope.level);
}

export function fromClause(items: readonly FromItem[]): string {
  return items.length === 0 ? "" : ` FROM ${items.map((item) => item.sql).join(", ")}`;
}

function refuseSetReturning(scope: Scope): void {
  if (scope.level.setReturning.length > 0) {
    throw scope.statement.notSupported("a set-returning function in a grouped query");
  }
}

export function clauseCondition(node: Node | undefined, clause: string, scope: Scope) {
  return node === undefined
    ? null
    : inClause(scope, clause, () =>
        condition(scope.translate.expression(node, scope), clause, scope),
      );
}

function namedWindows(nodes: readonly Node[], scope: Scope): readonly string[] {
  return nodes.flatMap((node) => {
    if (!("WindowDef" in node)) return [];
    const { name = "" } = node.WindowDef;
    const body = inClause(scope, "SELECT", () => windowBody(node.WindowDef, scope));
    scope.level.windows.set(name, body);
    return [`${identifier(name)} AS ${body}`];
  });
}

function selectOrder(
  select: SelectStmt,
  list: readonly Target[],
  scope: Scope,
): readonly OrderTerm[] {
  return inClause(scope, "ORDER BY", () =>
    (select.sortClause ?? []).map((node) => {
      const sort = sortOf(node);
      const target = targetFor(sort.node, "ORDER BY", list, scope);
      if (target !== undefined) {
        return orderTerm(target.value, sort, scope);
      }
      if (sort.node === undefined) {
        throw scope.statement.notSupported("this ORDER BY");
      }
      return orderTerm(scope.translate.expression(sort.node, scope), sort, scope);
    }),
  );
}

function selectText(select: SelectStmt, parts: SelectParts): string {
  const { targets: list, order, body, limit, scope } = parts;
  if (select.distinctClause !== undefined) {
    const [first] = select.distinctClause;
    const plain = first === undefined || Object.keys(first).length === 0;
    if (!plain || list.some((target) => needsKey(target.value.typeOid))) {
      return distinctRows(plain ? null : select.distinctClause, parts);
    }
    checkDistinctOrder(order, list, scope);
  }
  const columns = list.map(targetText).join(", ");
  const word = select.distinctClause === undefined ? "SELECT" : "SELECT DISTINCT";
  return `${word} ${columns === "" ? "NULL" : columns}${body}${orderText(order)}${limit}`;
}

export function checkDistinctOrder(
  order: readonly OrderTerm[],
  list: readonly Target[],
  scope: Scope,
): void {
  const listed = new Set(list.map((target) => target.value.sql));
  const missing = order.find((term) => !listed.has(term.value.sql));
  if (missing !== undefined) {
    const message = "for SELECT DISTINCT, ORDER BY expressions must appear in select list";
    throw scope.statement.error("42P10", message, missing.value.location);
  }
}

export function orderText(order: readonly OrderTerm[]): string {
  return order.length === 0 ? "" : ` ORDER BY ${order.map((term) => term.sql).join(", ")}`;
}

export function targetText(target: Target): string {
  const name = identifier(target.sqlName);
  return target.value.sql.endsWith(`.${name}`)
    ? target.value.sql
    : `${target.value.sql} AS ${name}`;
}

function outputOf(target: Target): OutputColumn {
  const { value } = target;
  return {
    name: target.name,
    sqlName: target.sqlName,
    typeOid: value.typeOid,
    typeModifier: value.typeModifier,
    notNull: value.notNull === true,
    origin: value.origin ?? null,
  };
}
