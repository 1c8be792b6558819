/** Joins: USING and NATURAL become conditions, and their columns become one. */
import type { JoinExpr } from "libpg-query";
import { stringsOf } from "../analyze/nodes.ts";
import type { FromItem, Scope, ScopeColumn } from "../analyze/scope.ts";
import { type Typed, typed } from "../analyze/typed.ts";
import { checked } from "./check.ts";
import { comparable, comparisonKey } from "./comparison.ts";

const KEYWORDS: Readonly<Record<string, string>> = {
  JOIN_INNER: "JOIN",
  JOIN_LEFT: "LEFT JOIN",
  JOIN_RIGHT: "RIGHT JOIN",
  JOIN_FULL: "FULL JOIN",
};

export interface JoinCondition {
  readonly scope: Scope;
  /** The ON condition, translated when it is asked for; undefined for a cross join. */
  readonly on: () => string | undefined;
}

export function joined(
  node: JoinExpr,
  left: FromItem,
  right: FromItem,
  { scope, on }: JoinCondition,
): FromItem {
  const kind = node.jointype ?? "JOIN_INNER";
  const keyword = KEYWORDS[kind];
  if (keyword === undefined) {
    throw scope.statement.notSupported(kind);
  }
  const names = sharedNames(node, left, right);
  const merged = names.map((name) => mergeColumn(name, kind, [left, right], scope));
  const written = names.length > 0 ? merged.map((pair) => pair.condition).join(" AND ") : on();
  const isInner = kind === "JOIN_INNER";
  // WHERE sees no row that the condition of an outer join refuses.
  const condition = isInner ? written : checked(written ?? null, right.rowMarks, scope.statement);
  const sql =
    condition === undefined || condition === null
      ? isInner
        ? `${left.sql} CROSS JOIN ${right.sql}`
        : `${left.sql} ${keyword} ${right.sql} ON 1`
      : `${left.sql} ${keyword} ${right.sql} ON ${condition}`;
  const leftSide = kind === "JOIN_RIGHT" || kind === "JOIN_FULL" ? nullable(left) : left;
  const rightSide = kind === "JOIN_LEFT" || kind === "JOIN_FULL" ? nullable(right) : right;
  const unmerged = (item: FromItem) => item.columns.filter(({ name }) => !names.includes(name));
  return {
    sql,
    relations: [...leftSide.relations, ...rightSide.relations],
    columns: [...merged.map((pair) => pair.column), ...unmerged(leftSide), ...unmerged(rightSide)],
    rowMarks: isInner ? [...left.rowMarks, ...right.rowMarks] : left.rowMarks,
    isRecursive: left.isRecursive === true || right.isRecursive === true,
  };
}

function sharedNames(node: JoinExpr, left: FromItem, right: FromItem): readonly string[] {
  if (node.isNatural !== true) {
    return stringsOf(node.usingClause);
  }
  const others = new Set(right.columns.map((column) => column.name));
  return left.columns.map((column) => column.name).filter((name) => others.has(name));
}

interface MergedColumn {
  readonly column: ScopeColumn;
  readonly condition: string;
}

function mergeColumn(
  name: string,
  kind: string,
  [left, right]: readonly [FromItem, FromItem],
  scope: Scope,
): MergedColumn {
  const first = columnNamed(name, left, "left", scope);
  const second = columnNamed(name, right, "right", scope);
  const place = { scope, location: 0 };
  const [a, b] = comparable("=", asTyped(first), asTyped(second), place);
  const condition = `${comparisonKey(a, scope)} = ${comparisonKey(b, scope)}`;
  if (kind === "JOIN_FULL") {
    const column = { ...first, sql: `coalesce(${a.sql}, ${b.sql})`, typeOid: a.typeOid };
    return { condition, column: { ...column, notNull: false, origin: null } };
  }
  return { condition, column: kind === "JOIN_RIGHT" ? second : first };
}

function columnNamed(name: string, item: FromItem, side: string, scope: Scope): ScopeColumn {
  const matches = item.columns.filter((column) => column.name === name);
  const [column, another] = matches;
  if (column === undefined) {
    const message = `column "${name}" specified in USING clause does not exist in ${side} table`;
    throw scope.statement.error("42703", message);
  }
  if (another !== undefined) {
    const message = `common column name "${name}" appears more than once in ${side} table`;
    throw scope.statement.error("42702", message);
  }
  return column;
}

function asTyped(column: ScopeColumn): Typed {
  return { ...typed(column.sql, column.typeOid, 0), typeModifier: column.typeModifier };
}

function weaken(column: ScopeColumn): ScopeColumn {
  return { ...column, notNull: false };
}

/** The side of an outer join that may be missing. */
function nullable(item: FromItem): FromItem {
  return {
    ...item,
    relations: item.relations.map((relation) => ({
      ...relation,
      columns: relation.columns.map(weaken),
    })),
    columns: item.columns.map(weaken),
  };
}
