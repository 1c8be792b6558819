/** Expressions: PostgreSQL's tree to SQLite text with the type that PostgreSQL would give it. */
import type { Node } from "libpg-query";
import { resolveColumn } from "../analyze/columns.ts";
import { kindOf, locationOf } from "../analyze/nodes.ts";
import type { Scope } from "../analyze/scope.ts";
import type { Typed } from "../analyze/typed.ts";
import { arrayConstructor, subscript } from "./arrays.ts";
import { caseExpression, coalesce, greatestOrLeast } from "./conditional.ts";
import { constant, parameter, typeCast } from "./constant.ts";
import { functionCall } from "./function-call.ts";
import { booleanExpression, booleanTest, nullTest } from "./logic.ts";
import { operatorExpression } from "./operator.ts";
import { sessionValue } from "./session-value.ts";
import { subLink } from "./sub-link.ts";

type Handlers = {
  readonly [Kind in string]?: (node: Node, scope: Scope) => Typed;
};

const HANDLERS: Handlers = {
  A_Const: (node, scope) => constant(node, scope),
  ParamRef: (node, scope) => parameter(node, scope),
  TypeCast: (node, scope) => typeCast(node, scope),
  ColumnRef: (node, scope) =>
    "ColumnRef" in node ? resolveColumn(node.ColumnRef, scope) : refuse(node, scope),
  A_Expr: (node, scope) =>
    "A_Expr" in node ? operatorExpression(node.A_Expr, scope) : refuse(node, scope),
  BoolExpr: (node, scope) =>
    "BoolExpr" in node ? booleanExpression(node.BoolExpr, scope) : refuse(node, scope),
  NullTest: (node, scope) =>
    "NullTest" in node ? nullTest(node.NullTest, scope) : refuse(node, scope),
  BooleanTest: (node, scope) =>
    "BooleanTest" in node ? booleanTest(node.BooleanTest, scope) : refuse(node, scope),
  CaseExpr: (node, scope) =>
    "CaseExpr" in node ? caseExpression(node.CaseExpr, scope) : refuse(node, scope),
  CoalesceExpr: (node, scope) =>
    "CoalesceExpr" in node ? coalesce(node.CoalesceExpr, scope) : refuse(node, scope),
  MinMaxExpr: (node, scope) =>
    "MinMaxExpr" in node ? greatestOrLeast(node.MinMaxExpr, scope) : refuse(node, scope),
  FuncCall: (node, scope) =>
    "FuncCall" in node ? functionCall(node.FuncCall, scope) : refuse(node, scope),
  SQLValueFunction: (node, scope) =>
    "SQLValueFunction" in node ? sessionValue(node.SQLValueFunction, scope) : refuse(node, scope),
  SubLink: (node, scope) =>
    "SubLink" in node ? subLink(node.SubLink, scope) : refuse(node, scope),
  A_ArrayExpr: (node, scope) =>
    "A_ArrayExpr" in node ? arrayConstructor(node.A_ArrayExpr, scope) : refuse(node, scope),
  A_Indirection: (node, scope) =>
    "A_Indirection" in node ? subscript(node.A_Indirection, scope) : refuse(node, scope),
  RowExpr: (node, scope) => rowExpression(node, scope),
  CollateClause: (node, scope) => collate(node, scope),
};

export function expression(node: Node, scope: Scope): Typed {
  const handler = HANDLERS[kindOf(node)] ?? refuse;
  const value = handler(node, scope);
  return value.uses.length > 0 && scope.level.groupKeys.has(value.sql)
    ? { ...value, uses: value.uses.filter((use) => use.scope.level !== scope.level) }
    : value;
}

const CONSTRUCTS: ReadonlyMap<string, string> = new Map([
  ["SetToDefault", "DEFAULT in this place"],
  ["GroupingFunc", "GROUPING"],
  ["NamedArgExpr", "a named argument"],
  ["XmlExpr", "XML"],
  ["XmlSerialize", "XML"],
  ["CurrentOfExpr", "WHERE CURRENT OF"],
  ["A_Star", "* in this place"],
]);

function refuse(node: Node, scope: Scope): Typed {
  const kind = kindOf(node);
  throw scope.statement.notSupported(CONSTRUCTS.get(kind) ?? kind, locationOf(node));
}

/** ROW(…): only comparisons, IN and multi-column assignments take one. */
function rowExpression(node: Node, scope: Scope): Typed {
  if (!("RowExpr" in node)) {
    return refuse(node, scope);
  }
  throw scope.statement.notSupported("a row value in this place", node.RowExpr.location);
}

const C_COLLATIONS: ReadonlySet<string> = new Set(["C", "POSIX", "default", "ucs_basic"]);

/** Strings always compare by code point; other collations are refused. */
function collate(node: Node, scope: Scope): Typed {
  if (!("CollateClause" in node) || node.CollateClause.arg === undefined) {
    return refuse(node, scope);
  }
  const { arg, collname = [], location } = node.CollateClause;
  const last = collname.at(-1);
  const name = last !== undefined && "String" in last ? (last.String.sval ?? "") : "";
  if (!C_COLLATIONS.has(name)) {
    throw scope.statement.notSupported(`the collation "${name}"`, location);
  }
  return scope.translate.expression(arg, scope);
}
