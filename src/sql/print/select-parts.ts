/** What plain SELECTs and those with DISTINCT ON are put together from. */
import type { Scope } from "../analyze/scope.ts";
import { identifier } from "./identifiers.ts";
import type { OrderTerm } from "./order.ts";
import type { Target } from "./targets.ts";

/** The parts of a SELECT, translated and not yet put together. */
export interface SelectParts {
  readonly scope: Scope;
  readonly targets: readonly Target[];
  /** " FROM … WHERE … GROUP BY … HAVING … WINDOW …" */
  readonly body: string;
  readonly order: readonly OrderTerm[];
  readonly limit: string;
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
