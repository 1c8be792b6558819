/** AND, OR, NOT, IS NULL, IS TRUE …. */
import type { BoolExpr, BooleanTest, Node, NullTest } from "libpg-query";
import { inClause, type Scope } from "../analyze/scope.ts";
import { typeNameOf } from "../analyze/type-name.ts";
import { type Typed, typed } from "../analyze/typed.ts";
import { OID } from "../types/oids.ts";
import { coerce, settled } from "./cast.ts";

/** The value as a boolean; 42804 naming the construct otherwise. */
export function condition(value: Typed, construct: string, scope: Scope): Typed {
  if (value.unknown === undefined && value.typeOid !== OID.bool) {
    throw scope.statement.error(
      "42804",
      `argument of ${construct} must be type boolean, not type ${typeNameOf(value.typeOid)}`,
      value.location,
    );
  }
  return coerce(value, OID.bool, scope.statement);
}

export function booleanExpression(node: BoolExpr, scope: Scope): Typed {
  const { boolop, args = [], location = 0 } = node;
  const construct = boolop === "AND_EXPR" ? "AND" : boolop === "OR_EXPR" ? "OR" : "NOT";
  const parts = args.map((arg) =>
    condition(scope.translate.expression(arg, scope), construct, scope),
  );
  const sql =
    construct === "NOT"
      ? `(NOT ${parts[0]?.sql ?? "NULL"})`
      : `(${parts.map((part) => part.sql).join(` ${construct} `)})`;
  return { ...typed(sql, OID.bool, location, parts), notNull: parts.every((part) => part.notNull) };
}

export function nullTest(node: NullTest, scope: Scope): Typed {
  const { arg, nulltesttype, location = 0 } = node;
  if (arg === undefined) {
    throw scope.statement.notSupported("this null test", location);
  }
  const value = settled(scope.translate.expression(arg, scope), scope.statement);
  const test = nulltesttype === "IS_NULL" ? "IS NULL" : "IS NOT NULL";
  return { ...typed(`(${value.sql} ${test})`, OID.bool, location, [value]), notNull: true };
}

const TESTS: Readonly<Record<string, string>> = {
  IS_TRUE: "IS 1",
  IS_NOT_TRUE: "IS NOT 1",
  IS_FALSE: "IS 0",
  IS_NOT_FALSE: "IS NOT 0",
  IS_UNKNOWN: "IS NULL",
  IS_NOT_UNKNOWN: "IS NOT NULL",
};

export function booleanTest(node: BooleanTest, scope: Scope): Typed {
  const { arg, booltesttype = "IS_TRUE", location = 0 } = node;
  if (arg === undefined) {
    throw scope.statement.notSupported("this boolean test", location);
  }
  const construct = booltesttype.replaceAll("_", " ");
  const value = condition(scope.translate.expression(arg, scope), construct, scope);
  const sql = `(${value.sql} ${TESTS[booltesttype] ?? "IS NULL"})`;
  return { ...typed(sql, OID.bool, location, [value]), notNull: true };
}

/** The condition of WHERE or HAVING; null where there is none. */
export function clauseCondition(node: Node | undefined, clause: string, scope: Scope) {
  return node === undefined
    ? null
    : inClause(scope, clause, () =>
        condition(scope.translate.expression(node, scope), clause, scope),
      );
}
