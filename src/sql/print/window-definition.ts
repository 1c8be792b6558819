/** OVER (…): partition, order and frame. */
import type { WindowDef } from "libpg-query";
import type { Scope } from "../analyze/scope.ts";
import { OID } from "../types/oids.ts";
import { coerce, settled } from "./cast.ts";
import { comparisonKey, needsKey } from "./comparison.ts";
import { identifier } from "./identifiers.ts";
import { type OrderTerm, orderTerms } from "./order.ts";

/** Bits of frameOptions (PostgreSQL's parsenodes.h). */
const FRAME = {
  nonDefault: 0x1,
  range: 0x2,
  rows: 0x4,
  groups: 0x8,
  startUnboundedPreceding: 0x20,
  endUnboundedFollowing: 0x100,
  startCurrentRow: 0x200,
  endCurrentRow: 0x400,
  startOffsetPreceding: 0x800,
  endOffsetPreceding: 0x1000,
  startOffsetFollowing: 0x2000,
  endOffsetFollowing: 0x4000,
  excludeCurrentRow: 0x8000,
  excludeGroup: 0x10000,
  excludeTies: 0x20000,
} as const;

export function overClause(window: WindowDef, scope: Scope): string {
  if (window.name !== undefined) {
    return identifier(knownWindow(window.name, window, scope));
  }
  return windowBody(window, scope);
}

/** The definition in parentheses, for OVER and for the WINDOW clause. */
export function windowBody(window: WindowDef, scope: Scope): string {
  const base =
    window.refname === undefined ? [] : [identifier(knownWindow(window.refname, window, scope))];
  const partition = (window.partitionClause ?? []).map((node) =>
    comparisonKey(settled(scope.translate.expression(node, scope), scope.statement), scope),
  );
  const order = orderTerms(window.orderClause ?? [], scope);
  const parts = [
    ...base,
    ...(partition.length === 0 ? [] : [`PARTITION BY ${partition.join(", ")}`]),
    ...(order.length === 0 ? [] : [`ORDER BY ${order.map((term) => term.sql).join(", ")}`]),
    ...frame(window, order, scope),
  ];
  return `(${parts.join(" ")})`;
}

function knownWindow(name: string, window: WindowDef, scope: Scope): string {
  if (!scope.level.windows.has(name)) {
    throw scope.statement.error("42704", `window "${name}" does not exist`, window.location);
  }
  return name;
}

function frame(window: WindowDef, order: readonly OrderTerm[], scope: Scope): readonly string[] {
  const options = window.frameOptions ?? 0;
  const has = (bit: number) => (options & bit) !== 0;
  if (!has(FRAME.nonDefault)) {
    return [];
  }
  const offsets = [window.startOffset, window.endOffset].some((offset) => offset !== undefined);
  if (has(FRAME.range) && offsets) {
    const keyed = order.some((term) => needsKey(term.value.typeOid) || !isInteger(term));
    if (keyed) {
      throw scope.statement.notSupported("RANGE with an offset over this type", window.location);
    }
  }
  const unit = has(FRAME.rows) ? "ROWS" : has(FRAME.groups) ? "GROUPS" : "RANGE";
  const start = boundary(window, "start", scope);
  const end = boundary(window, "end", scope);
  return [`${unit} BETWEEN ${start} AND ${end}${exclusion(has)}`];
}

function isInteger(term: OrderTerm): boolean {
  return [OID.int2, OID.int4, OID.int8, OID.float8].some((oid) => oid === term.value.typeOid);
}

function boundary(window: WindowDef, side: "start" | "end", scope: Scope): string {
  const options = window.frameOptions ?? 0;
  const has = (bit: number) => (options & bit) !== 0;
  const isStart = side === "start";
  if (has(isStart ? FRAME.startUnboundedPreceding : FRAME.endUnboundedFollowing)) {
    return isStart ? "UNBOUNDED PRECEDING" : "UNBOUNDED FOLLOWING";
  }
  if (has(isStart ? FRAME.startCurrentRow : FRAME.endCurrentRow)) {
    return "CURRENT ROW";
  }
  const node = isStart ? window.startOffset : window.endOffset;
  if (node === undefined) {
    throw scope.statement.notSupported("this window frame", window.location);
  }
  const offset = coerce(scope.translate.expression(node, scope), OID.int8, scope.statement);
  const preceding = has(isStart ? FRAME.startOffsetPreceding : FRAME.endOffsetPreceding);
  return `${offset.sql} ${preceding ? "PRECEDING" : "FOLLOWING"}`;
}

function exclusion(has: (bit: number) => boolean): string {
  if (has(FRAME.excludeCurrentRow)) return " EXCLUDE CURRENT ROW";
  if (has(FRAME.excludeGroup)) return " EXCLUDE GROUP";
  return has(FRAME.excludeTies) ? " EXCLUDE TIES" : "";
}
