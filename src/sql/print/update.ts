import type { DeleteStmt, UpdateStmt } from "libpg-query";
import { inClause, type Scope, withItems } from "../analyze/scope.ts";
import { checkedRows } from "./check.ts";
import { fromItems } from "./from.ts";
import { identifier } from "./identifiers.ts";
import type { Changed } from "./insert.ts";
import { clauseCondition } from "./logic.ts";
import { returning } from "./returning.ts";
import { setClause } from "./set-clause.ts";
import { targetTable } from "./target-table.ts";
import { withClause } from "./with.ts";

export function update(node: UpdateStmt, outer: Scope): Changed {
  // The target goes first, because it alone keeps its own name in the printed statement.
  const target = targetTable(node.relation, outer);
  const tables = withClause(node.withClause, outer);
  const others = fromItems(node.fromClause ?? [], tables.scope);
  const scope = withItems(tables.scope, [target.item, ...others]);
  const assignments = inClause(scope, "UPDATE", () =>
    setClause(node.targetList ?? [], target, scope),
  );
  const where = clauseCondition(node.whereClause, "WHERE", scope);
  const from = others.length === 0 ? "" : ` FROM ${others.map((item) => item.sql).join(", ")}`;
  const result = returning(node.returningClause, target, scope, others);
  const prefix = tables.sql === "" ? "" : `${tables.sql} `;
  const { statement } = scope;
  const options = { isRepeated: false, statement };
  const condition = checkedRows(where?.sql ?? null, scope.items, options);
  const filter = condition === null ? "" : ` WHERE ${condition}`;
  return {
    sql: `${prefix}UPDATE ${identifier(target.table.name)} SET ${assignments}${from}${filter}${result.sql}`,
    columns: result.columns,
  };
}

/** USING becomes EXISTS: a row goes if it has any partner. */
export function deleteRows(node: DeleteStmt, outer: Scope): Changed {
  // The target goes first, because it alone keeps its own name in the printed statement.
  const target = targetTable(node.relation, outer);
  const tables = withClause(node.withClause, outer);
  const others = fromItems(node.usingClause ?? [], tables.scope);
  const scope = withItems(tables.scope, [target.item, ...others]);
  const where = clauseCondition(node.whereClause, "WHERE", scope);
  const options = { isRepeated: true, statement: scope.statement };
  const test = others.length === 0 ? where?.sql : checkedRows(where?.sql ?? null, others, options);
  const condition = test === undefined || test === null ? "" : ` WHERE ${test}`;
  const partners = others.map((item) => item.sql).join(", ");
  const filter =
    others.length === 0 ? condition : ` WHERE EXISTS (SELECT 1 FROM ${partners}${condition})`;
  const result = returning(node.returningClause, target, scope, others);
  const prefix = tables.sql === "" ? "" : `${tables.sql} `;
  return {
    sql: `${prefix}DELETE FROM ${identifier(target.table.name)}${filter}${result.sql}`,
    columns: result.columns,
  };
}
