/** ORDER BY terms, with PostgreSQL's place for NULLs. */
import type { Node, SortBy } from "libpg-query";
import { stringOf } from "../analyze/nodes.ts";
import type { Scope } from "../analyze/scope.ts";
import type { Typed } from "../analyze/typed.ts";
import { settled } from "./cast.ts";
import { sortKey } from "./comparison.ts";

export interface OrderTerm {
  readonly sql: string;
  readonly value: Typed;
  /** " DESC NULLS FIRST" and the like: what follows the key. */
  readonly suffix: string;
}

export function orderTerms(nodes: readonly Node[], scope: Scope): readonly OrderTerm[] {
  return nodes.map((node) => {
    const sort = sortOf(node);
    if (sort.node === undefined) {
      throw scope.statement.notSupported("this ORDER BY");
    }
    return orderTerm(scope.translate.expression(sort.node, scope), sort, scope);
  });
}

export function sortOf(node: Node): SortBy {
  return "SortBy" in node ? node.SortBy : {};
}

export function orderTerm(given: Typed, sort: SortBy, scope: Scope): OrderTerm {
  const value = settled(given, scope.statement);
  const suffix = orderSuffix(value, sort, scope);
  return { sql: `${notPosition(sortKey(value, scope))}${suffix}`, value, suffix };
}

/** SQLite reads a bare number as the position of a result column. */
export function notPosition(key: string): string {
  return /^-?\d+$/.test(key) ? `(${key} + 0)` : key;
}

/**
 * NULLs are the largest values unless told otherwise. SQLite has them smallest, so it is told, but
 * not where there can be none: it then may read an index in order.
 */
function orderSuffix(value: Typed, sort: SortBy, scope: Scope): string {
  const descending = isDescending(sort, scope);
  const direction = descending ? " DESC" : "";
  if (value.notNull === true) {
    return direction;
  }
  const nullsFirst =
    sort.sortby_nulls === "SORTBY_NULLS_FIRST" ||
    (sort.sortby_nulls !== "SORTBY_NULLS_LAST" && descending);
  const sqliteDefault = !descending;
  if (nullsFirst === sqliteDefault) {
    return direction;
  }
  return `${direction} NULLS ${nullsFirst ? "FIRST" : "LAST"}`;
}

function isDescending(sort: SortBy, scope: Scope): boolean {
  if (sort.sortby_dir !== "SORTBY_USING") {
    return sort.sortby_dir === "SORTBY_DESC";
  }
  const operator = stringOf(sort.useOp?.at(-1));
  if (operator !== "<" && operator !== ">") {
    throw scope.statement.notSupported(`ORDER BY USING ${operator}`);
  }
  return operator === ">";
}
