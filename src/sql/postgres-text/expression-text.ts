/** Expressions as PostgreSQL text again, much as pg_get_expr writes them. */
import type { A_Expr, FuncCall, Node, TypeName, WindowDef } from "libpg-query";
import { kindOf, listItems, stringOf, stringsOf } from "../analyze/nodes.ts";
import { resolveTypeName } from "../analyze/type-name.ts";
import { notSupported } from "../errors.ts";
import { stringLiteral } from "../print/identifiers.ts";
import { quotedName } from "../relations/quoted-name.ts";
import { typeText } from "../schema/column-type.ts";
import type { Deparser } from "./deparser.ts";
import { windowText } from "./window-text.ts";

type Writer = (node: Node, deparser: Deparser) => string;

const WRITERS: { readonly [kind in string]?: Writer } = {
  A_Const: constant,
  ColumnRef: column,
  TypeCast: cast,
  A_Expr: (node, deparser) => ("A_Expr" in node ? operator(node.A_Expr, deparser) : ""),
  BoolExpr: logic,
  NullTest: (node, { expression }) =>
    "NullTest" in node && node.NullTest.arg !== undefined
      ? `(${expression(node.NullTest.arg)} ${node.NullTest.nulltesttype === "IS_NULL" ? "IS NULL" : "IS NOT NULL"})`
      : "",
  BooleanTest: (node, { expression }) =>
    "BooleanTest" in node && node.BooleanTest.arg !== undefined
      ? `(${expression(node.BooleanTest.arg)} ${(node.BooleanTest.booltesttype ?? "").replaceAll("_", " ")})`
      : "",
  CaseExpr: caseText,
  CoalesceExpr: (node, deparser) =>
    "CoalesceExpr" in node ? `COALESCE(${listText(node.CoalesceExpr.args, deparser)})` : "",
  MinMaxExpr: (node, deparser) =>
    "MinMaxExpr" in node
      ? `${(node.MinMaxExpr.op ?? "").replace("IS_", "")}(${listText(node.MinMaxExpr.args, deparser)})`
      : "",
  FuncCall: (node, deparser) => ("FuncCall" in node ? call(node.FuncCall, deparser) : ""),
  SQLValueFunction: sessionValue,
  SubLink: subLink,
  A_ArrayExpr: (node, deparser) =>
    "A_ArrayExpr" in node ? `ARRAY[${listText(node.A_ArrayExpr.elements, deparser)}]` : "",
  RowExpr: (node, deparser) =>
    "RowExpr" in node ? `ROW(${listText(node.RowExpr.args, deparser)})` : "",
  A_Indirection: indirection,
  CollateClause: (node, { expression }) =>
    "CollateClause" in node && node.CollateClause.arg !== undefined
      ? `(${expression(node.CollateClause.arg)} COLLATE ${stringsOf(node.CollateClause.collname)
          .map((name) => `"${name}"`)
          .join(".")})`
      : "",
};

export function expressionText(node: Node, deparser: Deparser): string {
  const writer = WRITERS[kindOf(node)];
  if (writer === undefined) {
    throw notSupported(`${kindOf(node)} in a stored expression`);
  }
  return writer(node, deparser);
}

function listText(nodes: readonly Node[] | undefined, { expression }: Deparser): string {
  return (nodes ?? []).map(expression).join(", ");
}

function constant(node: Node, { literalTypes }: Deparser): string {
  if (!("A_Const" in node)) return "";
  const { ival, fval, boolval, sval, location = 0 } = node.A_Const;
  if (ival !== undefined) return number(String(ival.ival ?? 0));
  if (fval !== undefined) return number(fval.fval ?? "0");
  if (boolval !== undefined) return boolval.boolval === true ? "true" : "false";
  const text = sval === undefined ? "NULL" : literal(sval.sval ?? "");
  const typeOid = literalTypes.get(location);
  return typeOid === undefined ? text : `${text}::${typeText(typeOid, -1)}`;
}

/** A backslash is an ordinary character: standard_conforming_strings is on. */
function literal(text: string): string {
  return stringLiteral(text);
}

function number(text: string): string {
  return text.startsWith("-") ? `'${text}'::${/^-\d+$/.test(text) ? "integer" : "numeric"}` : text;
}

function column(node: Node, { stars }: Deparser): string {
  if (!("ColumnRef" in node)) return "";
  const { fields = [], location = 0 } = node.ColumnRef;
  const last = fields.at(-1);
  if (last !== undefined && "A_Star" in last) {
    return stars.get(location)?.join(", ") ?? [...stringsOf(fields).map(quotedName), "*"].join(".");
  }
  return stringsOf(fields).map(quotedName).join(".");
}

function cast(node: Node, deparser: Deparser): string {
  if (!("TypeCast" in node) || node.TypeCast.arg === undefined) return "";
  const { arg, typeName = {} } = node.TypeCast;
  if ("A_Const" in arg && arg.A_Const.sval !== undefined) {
    return `${literal(arg.A_Const.sval.sval ?? "")}::${typeOf(typeName)}`;
  }
  if ("A_Const" in arg && arg.A_Const.isnull === true) {
    return `NULL::${typeOf(typeName)}`;
  }
  return `(${deparser.expression(arg)})::${typeOf(typeName)}`;
}

function typeOf(node: TypeName): string {
  const { typeOid, typeModifier } = resolveTypeName(node);
  return typeText(typeOid, typeModifier);
}

function logic(node: Node, { expression }: Deparser): string {
  if (!("BoolExpr" in node)) return "";
  const args = (node.BoolExpr.args ?? []).map(expression);
  if (node.BoolExpr.boolop === "NOT_EXPR") return `(NOT ${args[0] ?? ""})`;
  return `(${args.join(node.BoolExpr.boolop === "AND_EXPR" ? " AND " : " OR ")})`;
}

function operator(node: A_Expr, deparser: Deparser): string {
  const { expression } = deparser;
  const name = stringOf(node.name?.at(-1));
  const left = optional(node.lexpr, deparser);
  const list = listItems(node.rexpr).map(expression);
  const right = list.length > 0 ? "" : optional(node.rexpr, deparser);
  if (node.kind?.includes("BETWEEN") === true) {
    return `(${left} ${name} ${list.join(" AND ")})`;
  }
  const symbol = name === "!=" ? "<>" : name;
  if (left === "") {
    return `(${symbol} ${right})`;
  }
  switch (node.kind) {
    case "AEXPR_IN":
      return `(${left} ${name === "=" ? "IN" : "NOT IN"} (${list.join(", ")}))`;
    case "AEXPR_OP_ANY":
      return `(${left} ${name} ANY (${right}))`;
    case "AEXPR_OP_ALL":
      return `(${left} ${name} ALL (${right}))`;
    case "AEXPR_DISTINCT":
      return `(${left} IS DISTINCT FROM ${right})`;
    case "AEXPR_NOT_DISTINCT":
      return `(${left} IS NOT DISTINCT FROM ${right})`;
    case "AEXPR_NULLIF":
      return `NULLIF(${left}, ${right})`;
    default:
      return `(${left} ${symbol} ${right})`;
  }
}

function optional(node: Node | undefined, { expression }: Deparser): string {
  return node === undefined ? "" : expression(node);
}

function caseText(node: Node, { expression }: Deparser): string {
  if (!("CaseExpr" in node)) return "";
  const { arg, args = [], defresult } = node.CaseExpr;
  const arms = args.flatMap((when) =>
    "CaseWhen" in when && when.CaseWhen.expr !== undefined && when.CaseWhen.result !== undefined
      ? [`WHEN ${expression(when.CaseWhen.expr)} THEN ${expression(when.CaseWhen.result)}`]
      : [],
  );
  const subject = arg === undefined ? "" : ` ${expression(arg)}`;
  const fallback = defresult === undefined ? "" : ` ELSE ${expression(defresult)}`;
  return `CASE${subject} ${arms.join(" ")}${fallback} END`;
}

function call(node: FuncCall, deparser: Deparser): string {
  const name = stringsOf(node.funcname).at(-1) ?? "";
  const args = (node.args ?? []).map(deparser.expression);
  const special = node.funcformat === "COERCE_SQL_SYNTAX" ? sqlSyntax(name, args, node) : undefined;
  if (special !== undefined) {
    return special;
  }
  const inside = [
    `${node.agg_distinct === true ? "DISTINCT " : ""}${node.agg_star === true ? "*" : args.join(", ")}`,
    orderText(node.agg_order, deparser),
  ].join("");
  const filter =
    node.agg_filter === undefined ? "" : ` FILTER (WHERE ${deparser.expression(node.agg_filter)})`;
  const over = node.over === undefined ? "" : ` OVER ${overText(node.over, deparser)}`;
  return `${quotedName(name)}(${inside})${filter}${over}`;
}

function overText(window: WindowDef, deparser: Deparser): string {
  return window.name === undefined ? windowText(window, deparser) : quotedName(window.name);
}

/** Forms that the grammar has instead of a plain call. */
function sqlSyntax(name: string, args: readonly string[], node: FuncCall): string | undefined {
  const [first = "", second = ""] = args;
  switch (name) {
    case "extract": {
      const [field] = node.args ?? [];
      const text = field !== undefined && "A_Const" in field ? field.A_Const.sval?.sval : undefined;
      return `EXTRACT(${text ?? "epoch"} FROM ${second})`;
    }
    case "position":
      return `POSITION((${second}) IN (${first}))`;
    case "timezone":
      return `(${second} AT TIME ZONE ${first})`;
    default:
      return undefined;
  }
}

export function orderText(nodes: readonly Node[] | undefined, { expression }: Deparser): string {
  const terms = (nodes ?? []).flatMap((node) => {
    if (!("SortBy" in node) || node.SortBy.node === undefined) return [];
    const { sortby_dir: direction, sortby_nulls: nulls } = node.SortBy;
    const word = direction === "SORTBY_DESC" ? " DESC" : "";
    const place =
      nulls === "SORTBY_NULLS_FIRST"
        ? " NULLS FIRST"
        : nulls === "SORTBY_NULLS_LAST"
          ? " NULLS LAST"
          : "";
    return [`${expression(node.SortBy.node)}${word}${place}`];
  });
  return terms.length === 0 ? "" : ` ORDER BY ${terms.join(", ")}`;
}

function sessionValue(node: Node): string {
  if (!("SQLValueFunction" in node)) return "";
  const { op = "", typmod = -1 } = node.SQLValueFunction;
  const name = op.replace("SVFOP_", "").replace(/_N$/, "");
  return typmod >= 0 ? `${name}(${typmod})` : name;
}

function subLink(node: Node, deparser: Deparser): string {
  if (!("SubLink" in node)) return "";
  const { subLinkType, subselect, testexpr, operName } = node.SubLink;
  const query =
    subselect !== undefined && "SelectStmt" in subselect
      ? deparser.query(subselect.SelectStmt)
      : "";
  const test = testexpr === undefined ? "" : deparser.expression(testexpr);
  const word = stringOf(operName?.at(-1));
  switch (subLinkType) {
    case "EXISTS_SUBLINK":
      return `(EXISTS (${query}))`;
    case "ARRAY_SUBLINK":
      return `ARRAY(${query})`;
    case "ANY_SUBLINK":
      return word === "" ? `(${test} IN (${query}))` : `(${test} ${word} ANY (${query}))`;
    case "ALL_SUBLINK":
      return `(${test} ${word} ALL (${query}))`;
    default:
      return `(${query})`;
  }
}

function indirection(node: Node, { expression }: Deparser): string {
  if (!("A_Indirection" in node) || node.A_Indirection.arg === undefined) return "";
  const steps = (node.A_Indirection.indirection ?? []).map((step) => {
    if (!("A_Indices" in step)) return `.${quotedName(stringOf(step))}`;
    const { is_slice: slice, lidx, uidx } = step.A_Indices;
    const [low, high] = [lidx, uidx].map((bound) => (bound === undefined ? "" : expression(bound)));
    return slice === true ? `[${low}:${high}]` : `[${high}]`;
  });
  return `(${expression(node.A_Indirection.arg)})${steps.join("")}`;
}
