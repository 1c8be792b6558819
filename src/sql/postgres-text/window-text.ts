import type { WindowDef } from "libpg-query";
import { notSupported } from "../errors.ts";
import { quotedName } from "../relations/quoted-name.ts";
import type { Deparser } from "./deparser.ts";

/** PostgreSQL's default frame: RANGE UNBOUNDED PRECEDING. */
const NON_DEFAULT_FRAME = 0x1;

/** A window's definition in parentheses. */
export function windowText(window: WindowDef, { expression }: Deparser): string {
  if (((window.frameOptions ?? 0) & NON_DEFAULT_FRAME) !== 0) {
    throw notSupported("a window frame in a view");
  }
  const partition = (window.partitionClause ?? []).map(expression);
  const order = (window.orderClause ?? []).flatMap((node) => {
    if (!("SortBy" in node) || node.SortBy.node === undefined) return [];
    const nulls = node.SortBy.sortby_nulls;
    const direction = node.SortBy.sortby_dir === "SORTBY_DESC" ? " DESC" : "";
    const place =
      nulls === "SORTBY_NULLS_FIRST"
        ? " NULLS FIRST"
        : nulls === "SORTBY_NULLS_LAST"
          ? " NULLS LAST"
          : "";
    return [`${expression(node.SortBy.node)}${direction}${place}`];
  });
  const parts = [
    ...(window.refname === undefined ? [] : [quotedName(window.refname)]),
    ...(partition.length === 0 ? [] : [`PARTITION BY ${partition.join(", ")}`]),
    ...(order.length === 0 ? [] : [`ORDER BY ${order.join(", ")}`]),
  ];
  return `(${parts.join(" ")})`;
}
