/** What PostgreSQL calls a select-list item that has no AS (FigureColname). */
import type { Node, SelectStmt } from "libpg-query";
import { stringOf, stringsOf } from "./nodes.ts";

const UNNAMED = "?column?";

/** A name and whether it gives way to one from around it. */
interface FoundName {
  readonly name: string;
  readonly weak: boolean;
}

export function columnName(node: Node): string {
  return find(node)?.name ?? UNNAMED;
}

function strong(name: string): FoundName {
  return { name, weak: false };
}

type Finder = (node: Node) => FoundName | undefined;

const FINDERS: { readonly [kind in string]?: Finder } = {
  ColumnRef: (node) => {
    const name = "ColumnRef" in node ? stringsOf(node.ColumnRef.fields).at(-1) : undefined;
    return name === undefined ? undefined : strong(name);
  },
  FuncCall: (node) =>
    "FuncCall" in node ? strong(stringsOf(node.FuncCall.funcname).at(-1) ?? UNNAMED) : undefined,
  A_Indirection: (node) => {
    if (!("A_Indirection" in node)) return undefined;
    const field = stringsOf(node.A_Indirection.indirection).at(-1);
    const { arg } = node.A_Indirection;
    return field === undefined ? arg && find(arg) : strong(field);
  },
  A_Expr: (node) =>
    "A_Expr" in node && node.A_Expr.kind === "AEXPR_NULLIF" ? strong("nullif") : undefined,
  TypeCast: (node) => {
    if (!("TypeCast" in node)) return undefined;
    const inner = node.TypeCast.arg === undefined ? undefined : find(node.TypeCast.arg);
    const type = stringOf(node.TypeCast.typeName?.names?.at(-1));
    return inner === undefined || inner.weak ? { name: type, weak: true } : inner;
  },
  CollateClause: (node) =>
    "CollateClause" in node && node.CollateClause.arg ? find(node.CollateClause.arg) : undefined,
  CaseExpr: (node) => {
    const fallback = "CaseExpr" in node ? node.CaseExpr.defresult : undefined;
    const inner = fallback === undefined ? undefined : find(fallback);
    return inner === undefined || inner.weak ? { name: "case", weak: true } : inner;
  },
  SubLink: (node) => subLinkName(node),
  A_ArrayExpr: () => strong("array"),
  RowExpr: () => strong("row"),
  CoalesceExpr: () => strong("coalesce"),
  GroupingFunc: () => strong("grouping"),
  MinMaxExpr: (node) =>
    strong("MinMaxExpr" in node && node.MinMaxExpr.op === "IS_LEAST" ? "least" : "greatest"),
  SQLValueFunction: (node) =>
    "SQLValueFunction" in node
      ? strong(
          (node.SQLValueFunction.op ?? "").replace("SVFOP_", "").replace(/_N$/, "").toLowerCase(),
        )
      : undefined,
};

function find(node: Node): FoundName | undefined {
  return FINDERS[Object.keys(node)[0] ?? ""]?.(node);
}

function subLinkName(node: Node): FoundName | undefined {
  if (!("SubLink" in node)) {
    return undefined;
  }
  const { subLinkType, subselect } = node.SubLink;
  if (subLinkType === "EXISTS_SUBLINK") return strong("exists");
  if (subLinkType === "ARRAY_SUBLINK") return strong("array");
  if (subLinkType !== "EXPR_SUBLINK" || subselect === undefined || !("SelectStmt" in subselect)) {
    return undefined;
  }
  return firstTarget(subselect.SelectStmt);
}

function firstTarget(select: SelectStmt): FoundName | undefined {
  const [first] = select.targetList ?? [];
  if (select.valuesLists !== undefined) {
    return strong("column1");
  }
  if (first === undefined || !("ResTarget" in first)) {
    return select.larg === undefined ? undefined : firstTarget(select.larg);
  }
  const { name, val } = first.ResTarget;
  return strong(name ?? (val === undefined ? UNNAMED : columnName(val)));
}
