/** DISTINCT ON, and DISTINCT over types whose equal values may be stored differently. */
import type { Node } from "libpg-query";
import type { Typed } from "../analyze/typed.ts";
import { settled } from "./cast.ts";
import { comparisonKey } from "./comparison.ts";
import { identifier } from "./identifiers.ts";
import { checkDistinctOrder, orderText, type SelectParts } from "./select-parts.ts";
import { targetFor } from "./targets.ts";

/** Numbers the rows of each group and keeps the first. `on` is null for a plain DISTINCT. */
export function distinctRows(on: readonly Node[] | null, parts: SelectParts): string {
  const { scope, targets, order, body, limit } = parts;
  const keys = on === null ? targets.map((target) => target.value) : onKeys(on, parts);
  if (on === null) {
    checkDistinctOrder(order, targets, scope);
  } else {
    checkOrder(keys, parts);
  }
  const outputs = targets.map((target) => `${target.value.sql} AS ${identifier(target.sqlName)}`);
  const sorts = order.map((term, index) => ({
    ...term,
    name: identifier(`sort:${index + 1}`),
    key: term.sql.slice(0, term.sql.length - term.suffix.length),
  }));
  const partition = keys.map((key) => comparisonKey(key, scope)).join(", ");
  const number = `row_number() OVER (PARTITION BY ${partition}${orderText(order)}) AS "row:number"`;
  const inner = [...outputs, ...sorts.map((sort) => `${sort.key} AS ${sort.name}`), number];
  const names = targets.map((target) => identifier(target.sqlName)).join(", ");
  const outer =
    sorts.length === 0
      ? ""
      : ` ORDER BY ${sorts.map((sort) => `${sort.name}${sort.suffix}`).join(", ")}`;
  return `SELECT ${names} FROM (SELECT ${inner.join(", ")}${body}) WHERE "row:number" = 1${outer}${limit}`;
}

function onKeys(nodes: readonly Node[], { scope, targets }: SelectParts): readonly Typed[] {
  return nodes.map((node) => {
    const target = targetFor(node, "SELECT DISTINCT ON", targets, scope);
    return target?.value ?? settled(scope.translate.expression(node, scope), scope.statement);
  });
}

/** The first ORDER BY terms must be those of DISTINCT ON, in any order. */
function checkOrder(keys: readonly Typed[], { order, scope }: SelectParts): void {
  const wanted = new Set(keys.map((key) => key.sql));
  const first = order.slice(0, wanted.size);
  const stray = first.find((term) => !wanted.has(term.value.sql));
  if (stray !== undefined) {
    const message = "SELECT DISTINCT ON expressions must match initial ORDER BY expressions";
    throw scope.statement.error("42P10", message, stray.value.location);
  }
}
