/** A plain SELECT: FROM, WHERE, GROUP BY, HAVING, WINDOW, the select list, DISTINCT, ORDER BY, LIMIT. */
import type { Node, SelectStmt } from "libpg-query";
import {
  inClause,
  innerScope,
  type OutputColumn,
  outerUses,
  type Query,
  type QueryOptions,
  type Scope,
  withItems,
} from "../analyze/scope.ts";
import { type Typed, usesOf } from "../analyze/typed.ts";
import { checkedRows } from "./check.ts";
import { needsKey } from "./comparison.ts";
import { distinctRows } from "./distinct.ts";
import { fromItems } from "./from.ts";
import { checkGrouped, groupBy } from "./grouping.ts";
import { identifier } from "./identifiers.ts";
import { limitClause } from "./limit.ts";
import { checkLocking, withLockedItems } from "./locking.ts";
import { clauseCondition } from "./logic.ts";
import type { OrderTerm } from "./order.ts";
import { orderTerm, sortOf } from "./order.ts";
import { checkDistinctOrder, orderText, type SelectParts, targetText } from "./select-parts.ts";
import { type Target, targetFor, targets } from "./targets.ts";
import { windowBody } from "./window-definition.ts";

export function plainSelect(written: SelectStmt, outer: Scope, options: QueryOptions): Query {
  const select = withLockedItems(written);
  const base = innerScope(outer);
  const scope = withItems(base, fromItems(select.fromClause ?? [], base));
  const where = clauseCondition(select.whereClause, "WHERE", scope);
  const group = groupBy(select, scope);
  const windows = namedWindows(select.windowClause ?? [], scope);
  const list = targets(select.targetList ?? [], scope, options);
  const listAggregates = scope.level.aggregates;
  const having = clauseCondition(select.havingClause, "HAVING", scope);
  const order = selectOrder(select, list, scope);
  const limit = limitClause(select, scope);
  checkLocking(select, scope);
  const shown = [...list.map((target) => target.value), ...order.map((term) => term.value)];
  const afterGrouping = having === null ? shown : [...shown, having];
  const grouped = group.length > 0 || scope.level.aggregates > 0 || having !== null;
  if (grouped) {
    checkGrouped(afterGrouping, scope);
    refuseSetReturning(scope);
  }
  const uses = outerUses(usesOf(where === null ? afterGrouping : [...afterGrouping, where]), scope);
  const body = [
    fromAndWhere(where, scope, uses.length > 0 || isNameless(list, options)),
    listText(" GROUP BY ", group),
    having === null ? "" : ` HAVING ${having.sql}`,
    listText(" WINDOW ", windows),
  ].join("");
  return {
    sql: selectText(select, {
      scope,
      targets:
        grouped && group.length + listAggregates === 0 ? markedAsAggregate(list, scope) : list,
      body,
      order,
      limit: limit.sql,
    }),
    columns: list.map(outputOf),
    uses,
    singleRow: limit.single || givesOneRow(grouped && group.length === 0, scope),
  };
}

/**
 * One group of all rows that only HAVING or ORDER BY tells of: SQLite wants to see an aggregate in
 * the select list, so its first value is given one that changes nothing.
 */
function markedAsAggregate([first, ...rest]: readonly Target[], scope: Scope): readonly Target[] {
  if (first === undefined) {
    throw scope.statement.notSupported("HAVING without GROUP BY in a query without columns");
  }
  const sql = `(CASE WHEN count(*) >= 0 THEN ${first.value.sql} END)`;
  return [{ ...first, value: { ...first.value, sql } }, ...rest];
}

function listText(keyword: string, terms: readonly string[]): string {
  return terms.length === 0 ? "" : keyword + terms.join(", ");
}

/** Aggregates without GROUP BY give one row, and so does a list of values without FROM. */
function givesOneRow(aggregated: boolean, scope: Scope): boolean {
  return aggregated || scope.items.length + scope.level.setReturning.length === 0;
}

/** A query around it that SQLite merges with it could not name its rows by a constant. */
function isNameless(list: readonly Target[], { inFrom = false }: QueryOptions): boolean {
  return inFrom && list.every(({ value }) => !value.origin);
}

function fromAndWhere(where: Typed | null, scope: Scope, isRepeated: boolean): string {
  const items = [...scope.items, ...scope.level.setReturning];
  const from = items.length === 0 ? "" : ` FROM ${items.map((item) => item.sql).join(", ")}`;
  const { statement } = scope;
  const filter = checkedRows(where?.sql ?? null, items, { isRepeated, statement });
  return filter === null ? from : `${from} WHERE ${filter}`;
}

function refuseSetReturning(scope: Scope): void {
  if (scope.level.setReturning.length > 0) {
    throw scope.statement.notSupported("a set-returning function in a grouped query");
  }
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
