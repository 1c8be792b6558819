/** Queries as PostgreSQL text again, for views. */
import type { Alias, JoinExpr, Node, RangeFunction, SelectStmt, WithClause } from "libpg-query";
import { kindOf, listItems, stringsOf } from "../analyze/nodes.ts";
import { notSupported } from "../errors.ts";
import { quotedName } from "../relations/quoted-name.ts";
import type { Deparser, Resolved } from "./deparser.ts";
import { expressionText, orderText } from "./expression-text.ts";
import { windowText } from "./window-text.ts";

export function deparserOf(resolved: Resolved): Deparser {
  const deparser: Deparser = {
    ...resolved,
    expression: (node) => expressionText(node, deparser),
    query: (select) => queryText(select, deparser),
  };
  return deparser;
}

function queryText(select: SelectStmt, deparser: Deparser): string {
  const { expression } = deparser;
  const { limitCount, limitOffset } = select;
  const all = limitCount !== undefined && "A_Const" in limitCount && limitCount.A_Const.isnull;
  return [
    withText(select.withClause, deparser),
    bodyText(select, deparser),
    orderText(select.sortClause, deparser),
    limitCount === undefined || all === true ? "" : ` LIMIT ${expression(limitCount)}`,
    limitOffset === undefined ? "" : ` OFFSET ${expression(limitOffset)}`,
  ].join("");
}

function withText(clause: WithClause | undefined, { query }: Deparser): string {
  if (clause === undefined) return "";
  const tables = (clause.ctes ?? []).flatMap((node) => {
    if (!("CommonTableExpr" in node)) return [];
    const { ctename = "", aliascolnames, ctequery, ctematerialized } = node.CommonTableExpr;
    const select = ctequery !== undefined && "SelectStmt" in ctequery ? ctequery.SelectStmt : {};
    const hint =
      ctematerialized === "CTEMaterializeAlways"
        ? "MATERIALIZED "
        : ctematerialized === "CTEMaterializeNever"
          ? "NOT MATERIALIZED "
          : "";
    return [`${quotedName(ctename)}${columnList(aliascolnames)} AS ${hint}(${query(select)})`];
  });
  return `WITH ${clause.recursive === true ? "RECURSIVE " : ""}${tables.join(", ")} `;
}

function columnList(nodes: readonly Node[] | undefined): string {
  const names = stringsOf(nodes);
  return names.length === 0 ? "" : `(${names.map(quotedName).join(", ")})`;
}

const OPERATIONS: Readonly<Record<string, string>> = {
  SETOP_UNION: "UNION",
  SETOP_INTERSECT: "INTERSECT",
  SETOP_EXCEPT: "EXCEPT",
};

function bodyText(select: SelectStmt, deparser: Deparser): string {
  const { larg, rarg, op = "SETOP_NONE" } = select;
  const word = OPERATIONS[op];
  if (larg !== undefined && rarg !== undefined && word !== undefined) {
    const all = select.all === true ? " ALL" : "";
    return `(${deparser.query(larg)}) ${word}${all} (${deparser.query(rarg)})`;
  }
  if (select.valuesLists !== undefined) {
    const rows = select.valuesLists.map(
      (row) => `(${listItems(row).map(deparser.expression).join(", ")})`,
    );
    return `VALUES ${rows.join(", ")}`;
  }
  return plainText(select, deparser);
}

function plainText(select: SelectStmt, deparser: Deparser): string {
  const { expression } = deparser;
  const targets = (select.targetList ?? []).flatMap((node) => {
    if (!("ResTarget" in node) || node.ResTarget.val === undefined) return [];
    const { name, val } = node.ResTarget;
    return [expression(val) + (name === undefined ? "" : ` AS ${quotedName(name)}`)];
  });
  const from = (select.fromClause ?? []).map((node) => fromText(node, deparser));
  const group = (select.groupClause ?? []).map(expression);
  const windows = (select.windowClause ?? []).flatMap((node) =>
    "WindowDef" in node
      ? [`${quotedName(node.WindowDef.name ?? "")} AS ${windowText(node.WindowDef, deparser)}`]
      : [],
  );
  return [
    `SELECT ${distinctText(select, deparser)}${targets.join(", ")}`,
    from.length === 0 ? "" : ` FROM ${from.join(", ")}`,
    select.whereClause === undefined ? "" : ` WHERE ${expression(select.whereClause)}`,
    group.length === 0 ? "" : ` GROUP BY ${group.join(", ")}`,
    select.havingClause === undefined ? "" : ` HAVING ${expression(select.havingClause)}`,
    windows.length === 0 ? "" : ` WINDOW ${windows.join(", ")}`,
  ].join("");
}

function distinctText(select: SelectStmt, { expression }: Deparser): string {
  const { distinctClause } = select;
  if (distinctClause === undefined) return "";
  const terms = distinctClause.filter((node) => Object.keys(node).length > 0);
  return terms.length === 0 ? "DISTINCT " : `DISTINCT ON (${terms.map(expression).join(", ")}) `;
}

function aliasText(alias: Alias | undefined): string {
  return alias?.aliasname === undefined
    ? ""
    : ` ${quotedName(alias.aliasname)}${columnList(alias.colnames)}`;
}

function fromText(node: Node, deparser: Deparser): string {
  if ("RangeVar" in node) {
    const { schemaname, relname = "", alias } = node.RangeVar;
    const schema = schemaname === undefined ? "" : `${quotedName(schemaname)}.`;
    return `${schema}${quotedName(relname)}${aliasText(alias)}`;
  }
  if ("JoinExpr" in node) return joinText(node.JoinExpr, deparser);
  if ("RangeSubselect" in node) {
    const { subquery, alias, lateral } = node.RangeSubselect;
    const select = subquery !== undefined && "SelectStmt" in subquery ? subquery.SelectStmt : {};
    return `${lateral === true ? "LATERAL " : ""}(${deparser.query(select)})${aliasText(alias)}`;
  }
  if ("RangeFunction" in node) return functionText(node.RangeFunction, deparser);
  throw notSupported(`${kindOf(node)} in a view`);
}

function functionText(node: RangeFunction, { expression }: Deparser): string {
  const [call] = (node.functions ?? []).map((list) => listItems(list)[0]);
  if (call === undefined) throw notSupported("this function in a view");
  const ordinality = node.ordinality === true ? " WITH ORDINALITY" : "";
  return `${expression(call)}${ordinality}${aliasText(node.alias)}`;
}

const JOINS: Readonly<Record<string, string>> = {
  JOIN_INNER: "JOIN",
  JOIN_LEFT: "LEFT JOIN",
  JOIN_RIGHT: "RIGHT JOIN",
  JOIN_FULL: "FULL JOIN",
};

function joinText(node: JoinExpr, deparser: Deparser): string {
  const { larg, rarg, quals, usingClause, isNatural, jointype = "JOIN_INNER" } = node;
  if (larg === undefined || rarg === undefined) throw notSupported("this join in a view");
  const [left, right] = [larg, rarg].map((side) => fromText(side, deparser));
  const word = `${isNatural === true ? "NATURAL " : ""}${JOINS[jointype] ?? "JOIN"}`;
  if (isNatural === true) return `(${left} ${word} ${right})`;
  if (usingClause !== undefined)
    return `(${left} ${word} ${right} USING ${columnList(usingClause)})`;
  return quals === undefined
    ? `(${left} CROSS JOIN ${right})`
    : `(${left} ${word} ${right} ON ${deparser.expression(quals)})`;
}
