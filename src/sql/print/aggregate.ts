import type { FuncCall } from "libpg-query";
import { resolveCall } from "../analyze/resolve.ts";
import type { Scope } from "../analyze/scope.ts";
import { type Typed, typed } from "../analyze/typed.ts";
import { exactAggregates } from "../functions/aggregate-functions.ts";
import { type AggregateSignature, aggregateSignatures } from "../functions/aggregate-signatures.ts";
import { OID } from "../types/oids.ts";
import { coerce } from "./cast.ts";
import { comparisonKey, needsKey, sortKey } from "./comparison.ts";
import { callForm } from "./function-call-form.ts";
import { condition } from "./logic.ts";
import { type OrderTerm, orderTerms } from "./order.ts";
import { fillTemplate } from "./template.ts";
import { overClause } from "./window-definition.ts";

/** Where a query may not aggregate; PostgreSQL's 42803 names the clause. */
const FORBIDDEN: ReadonlySet<string> = new Set([
  "WHERE",
  "JOIN conditions",
  "GROUP BY",
  "functions in FROM",
  "VALUES",
  "UPDATE",
  "RETURNING",
  "LIMIT",
  "OFFSET",
]);

export function aggregateCall(name: string, node: FuncCall, scope: Scope): Typed {
  const { level, statement } = scope;
  const location = node.location ?? 0;
  checkPlace(node, scope, location);
  if (node.agg_within_group === true) {
    throw statement.notSupported(`${name} WITHIN GROUP`, location);
  }
  const inside = node.over === undefined;
  const [args, filter, order] = within(scope, inside, () => {
    const values = (node.args ?? []).map((arg) => scope.translate.expression(arg, scope));
    const kept =
      node.agg_filter === undefined
        ? null
        : condition(scope.translate.expression(node.agg_filter, scope), "FILTER", scope);
    return [values, kept, orderTerms(node.agg_order ?? [], scope)] as const;
  });
  if (node.over === undefined) level.aggregates += 1;
  const resolution = choose(name, args, node, scope);
  const converted = args.map((arg, index) => {
    const typeOid = resolution.args[index];
    return coerce(arg, typeOid ?? OID.text, statement);
  });
  const signature = placedSignature(resolution.signature, node, scope);
  const list = argumentList(signature, converted, node, scope);
  const orderBy = orderText(order, sortsDistinct(signature, node), converted);
  const filtered = filter === null ? "" : ` FILTER (WHERE ${filter.sql})`;
  const over = node.over === undefined ? "" : ` OVER ${overClause(node.over, scope)}`;
  const call = `${signature.sqlite}(${list}${orderBy})${filtered}${over}`;
  const uses = [...converted, ...order.map((term) => term.value), ...(filter ? [filter] : [])];
  return {
    ...typed(fillTemplate(signature.wrap, [call]), resolution.result, location),
    notNull: name === "count",
    uses: outerUses(uses, node, scope),
  };
}

/** What computes the aggregate in its place: over a window, over distinct texts, or plainly. */
function placedSignature(
  signature: AggregateSignature,
  node: FuncCall,
  scope: Scope,
): AggregateSignature {
  if (node.over === undefined) {
    return distinctSignature(signature, node);
  }
  if (node.agg_distinct === true) {
    throw scope.statement.notSupported("DISTINCT for window functions", node.location);
  }
  const sqlite = signature.keyed ? `${signature.sqlite}_moving` : signature.sqlite;
  const own = exactAggregates.find((aggregate) => aggregate.name === sqlite);
  if (own !== undefined && own.inverse === undefined) {
    throw scope.statement.notSupported(`${signature.name} as a window function`, node.location);
  }
  return { ...signature, sqlite };
}

/** string_agg(DISTINCT …), which SQLite's own DISTINCT does not take: it allows one argument. */
function distinctSignature(signature: AggregateSignature, node: FuncCall): AggregateSignature {
  return signature.name === "string_agg" && node.agg_distinct === true
    ? { ...signature, sqlite: DISTINCT_STRINGS, ignoresDistinct: true }
    : signature;
}

const DISTINCT_STRINGS = "pg_string_agg_distinct";

function orderText(
  order: readonly OrderTerm[],
  sortsByValue: boolean,
  [first]: readonly Typed[],
): string {
  if (order.length > 0) {
    return ` ORDER BY ${order.map((term) => term.sql).join(", ")}`;
  }
  return sortsByValue && first !== undefined ? ` ORDER BY ${first.sql} NULLS LAST` : "";
}

/** PostgreSQL removes duplicates by sorting, and its users have come to expect the order. */
function sortsDistinct(signature: AggregateSignature, node: FuncCall): boolean {
  return (
    signature.sqlite === DISTINCT_STRINGS ||
    (signature.name === "array_agg" && node.agg_distinct === true)
  );
}

/** An aggregate hides its own level's columns from the GROUP BY check; a window function does not. */
function outerUses(parts: readonly Typed[], node: FuncCall, scope: Scope) {
  const uses = parts.flatMap((part) => part.uses);
  if (node.over !== undefined) {
    return uses;
  }
  const outer = uses.filter((use) => use.scope.level !== scope.level);
  if (outer.length > 0 && outer.length === uses.length) {
    throw scope.statement.notSupported(
      "an aggregate over columns of an outer query",
      node.location ?? 0,
    );
  }
  return outer;
}

function checkPlace(node: FuncCall, scope: Scope, location: number): void {
  const { level, statement } = scope;
  if (node.over !== undefined) {
    checkWindowPlace(scope, location);
    return;
  }
  if (level.insideAggregate) {
    throw statement.error("42803", "aggregate function calls cannot be nested", location);
  }
  if (FORBIDDEN.has(level.clause)) {
    const message = `aggregate functions are not allowed in ${level.clause}`;
    throw statement.error("42803", message, location);
  }
  if (level.clause !== "SELECT" && level.clause !== "HAVING" && level.clause !== "ORDER BY") {
    const message = `aggregate functions are not allowed in ${level.clause}`;
    throw statement.error("42803", message, location);
  }
}

export function checkWindowPlace(scope: Scope, location: number): void {
  const { level, statement } = scope;
  if (level.insideAggregate) {
    const message = "aggregate function calls cannot contain window function calls";
    throw statement.error("42803", message, location);
  }
  if (level.clause !== "SELECT" && level.clause !== "ORDER BY") {
    const message = `window functions are not allowed in ${level.clause}`;
    throw statement.error("42P20", message, location);
  }
  level.windowFunctions += 1;
}

function within<T>(scope: Scope, inside: boolean, action: () => T): T {
  const { level } = scope;
  const before = level.insideAggregate;
  level.insideAggregate = before || inside;
  try {
    return action();
  } finally {
    level.insideAggregate = before;
  }
}

function choose(name: string, args: readonly Typed[], node: FuncCall, scope: Scope) {
  const types = args.map((arg) => (arg.unknown === undefined ? arg.typeOid : OID.unknown));
  const { statement } = scope;
  const location = node.location ?? 0;
  if (name === "count" && node.agg_star !== true && args.length === 0) {
    const message = "count(*) must be used to call a parameterless aggregate function";
    throw statement.error("42809", message, location);
  }
  const candidates = aggregateSignatures(name);
  const resolution = resolveCall(candidates, types);
  if (resolution === "none" || resolution === "ambiguous") {
    const state = resolution === "none" ? "42883" : "42725";
    const problem = resolution === "none" ? "does not exist" : "is not unique";
    throw statement.error(state, `function ${callForm(name, types)} ${problem}`, location, {
      hint: "No function matches the given name and argument types. You might need to add explicit type casts.",
    });
  }
  return { ...resolution, signature: resolution.signature as AggregateSignature };
}

function argumentList(
  signature: AggregateSignature,
  args: readonly Typed[],
  node: FuncCall,
  scope: Scope,
): string {
  if (node.agg_star === true) {
    return "*";
  }
  const [first, ...rest] = args;
  if (first === undefined) {
    return "";
  }
  const texts = args.map((arg, index) =>
    index === args.length - 1 && signature.argument !== ""
      ? fillTemplate(signature.argument, [arg.sql, String(arg.typeOid)])
      : arg.sql,
  );
  if (signature.keyed) {
    texts.splice(1, 0, sortKey(first, scope));
  }
  const list = texts.join(", ");
  if (node.agg_distinct !== true || signature.ignoresDistinct) {
    return list;
  }
  if (rest.length > 0) {
    throw scope.statement.notSupported(`DISTINCT in ${signature.name}`, node.location);
  }
  if (!needsKey(first.typeOid)) {
    return `DISTINCT ${list}`;
  }
  if (signature.name === "count") {
    return `DISTINCT ${comparisonKey(first, scope)}`;
  }
  throw scope.statement.notSupported(`DISTINCT in ${signature.name} of this type`, node.location);
}
