/** CASE, COALESCE, GREATEST and LEAST. */
import type { CaseExpr, CoalesceExpr, MinMaxExpr, Node } from "libpg-query";
import { commonType } from "../analyze/common-type.ts";
import type { Scope } from "../analyze/scope.ts";
import { type Typed, typed } from "../analyze/typed.ts";
import { coerce } from "./cast.ts";
import { compare, sortKey } from "./comparison.ts";
import { unknownLiteral } from "./constant.ts";
import { condition } from "./logic.ts";

/** The values converted to their common type. */
export function unified(
  values: readonly Typed[],
  construct: string,
  scope: Scope,
): readonly Typed[] {
  const typeOid = commonType(values, construct, scope.statement);
  return values.map((value) => coerce(value, typeOid, scope.statement));
}

export function caseExpression(node: CaseExpr, scope: Scope): Typed {
  const { arg, args = [], defresult, location = 0 } = node;
  const { expression } = scope.translate;
  const subject = arg === undefined ? null : expression(arg, scope);
  const branches = args.flatMap((when) => ("CaseWhen" in when ? [when.CaseWhen] : []));
  const conditions = branches.map((when) => {
    const test = required(when.expr, scope);
    return subject === null
      ? condition(test, "CASE/WHEN", scope)
      : compare("=", subject, test, { scope, location: when.location ?? location });
  });
  const fallback =
    defresult === undefined ? unknownLiteral(null, location) : expression(defresult, scope);
  const results = branches.map((when) => required(when.result, scope));
  const [last, ...values] = unified([fallback, ...results], "CASE", scope);
  const arms = values.map((value, index) => `WHEN ${conditions[index]?.sql} THEN ${value.sql}`);
  const sql = `CASE ${arms.join(" ")} ELSE ${last?.sql ?? "NULL"} END`;
  const typeOid = last?.typeOid ?? 0;
  const parts = [...conditions, ...values, ...(last === undefined ? [] : [last])];
  return {
    ...typed(`(${sql})`, typeOid, location, parts),
    typeModifier: sharedModifier(last === undefined ? values : [last, ...values]),
  };
}

function required(node: Node | undefined, scope: Scope): Typed {
  if (node === undefined) {
    throw scope.statement.notSupported("this CASE");
  }
  return scope.translate.expression(node, scope);
}

/** The modifier that all values have, or none. */
function sharedModifier(values: readonly Typed[]): number {
  const [first] = values;
  const shared = values.every((value) => value.typeModifier === first?.typeModifier);
  return shared ? (first?.typeModifier ?? -1) : -1;
}

export function coalesce(node: CoalesceExpr, scope: Scope): Typed {
  const { args = [], location = 0 } = node;
  const given = args.map((arg) => scope.translate.expression(arg, scope));
  const values = unified(given, "COALESCE", scope);
  const [first] = values;
  const list = values.map((value) => value.sql).join(", ");
  return {
    ...typed(
      values.length === 1 ? list : `coalesce(${list})`,
      first?.typeOid ?? 0,
      location,
      values,
    ),
    typeModifier: sharedModifier(values),
    notNull: values.some((value) => value.notNull === true),
  };
}

/** NULLs are left out, as PostgreSQL does; so SQLite's own max() and min() do not fit. */
export function greatestOrLeast(node: MinMaxExpr, scope: Scope): Typed {
  const { op, args = [], location = 0 } = node;
  const construct = op === "IS_GREATEST" ? "GREATEST" : "LEAST";
  const given = args.map((arg) => scope.translate.expression(arg, scope));
  const values = unified(given, construct, scope);
  const [first] = values;
  const pairs = values.flatMap((value) => [value.sql, sortKey(value, scope)]);
  const sql = `pg_${construct.toLowerCase()}(${pairs.join(", ")})`;
  return typed(sql, first?.typeOid ?? 0, location, values);
}
