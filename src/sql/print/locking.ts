/**
 * FOR UPDATE, FOR SHARE and their like. They lock nothing here, because what a transaction has read is
 * looked at again when it commits; but as in PostgreSQL they have no place where the rows of tables
 * cannot be told apart.
 */
import type { LockingClause, Node, RangeVar, SelectStmt } from "libpg-query";
import { listItems, stringsOf } from "../analyze/nodes.ts";
import type { Scope } from "../analyze/scope.ts";

const WORDS: { readonly [strength in string]?: string } = {
  LCS_FORKEYSHARE: "FOR KEY SHARE",
  LCS_FORSHARE: "FOR SHARE",
  LCS_FORNOKEYUPDATE: "FOR NO KEY UPDATE",
};

function clausesOf(select: SelectStmt): readonly LockingClause[] {
  return (select.lockingClause ?? []).flatMap((node) =>
    "LockingClause" in node ? [node.LockingClause] : [],
  );
}

function wordOf({ strength = "LCS_FORUPDATE" }: LockingClause): string {
  return WORDS[strength] ?? "FOR UPDATE";
}

/** Throws SqlError for a clause that VALUES or a set operation cannot have. */
export function refuseLocking(select: SelectStmt, scope: Scope): void {
  const [clause] = clausesOf(select);
  if (clause === undefined) return;
  const problem =
    select.valuesLists === undefined
      ? "is not allowed with UNION/INTERSECT/EXCEPT"
      : "cannot be applied to VALUES";
  throw scope.statement.error("0A000", `${wordOf(clause)} ${problem}`);
}

/** Throws SqlError for a clause that this query cannot have. `scope` is its own, all of it translated. */
export function checkLocking(select: SelectStmt, scope: Scope): void {
  for (const clause of clausesOf(select)) {
    scope.statement.locksRows = true;
    const word = wordOf(clause);
    const problem = problemOf(select, scope);
    if (problem !== undefined) {
      throw scope.statement.error("0A000", `${word} is not allowed with ${problem}`);
    }
    for (const name of clause.lockedRels ?? []) {
      if ("RangeVar" in name) checkName(name.RangeVar, word, { select, scope });
    }
  }
}

function problemOf(select: SelectStmt, { level }: Scope): string | undefined {
  if (select.distinctClause !== undefined) return "DISTINCT clause";
  if (select.groupClause !== undefined) return "GROUP BY clause";
  if (select.havingClause !== undefined) return "HAVING clause";
  if (level.aggregates > 0) return "aggregate functions";
  if (level.windowFunctions > 0) return "window functions";
  return level.setReturning.length > 0 ? "set-returning functions in the target list" : undefined;
}

function checkName(
  { relname = "", schemaname, location }: RangeVar,
  word: string,
  { select, scope }: { readonly select: SelectStmt; readonly scope: Scope },
): void {
  const { statement } = scope;
  if (schemaname !== undefined) {
    throw statement.error("42601", `${word} must specify unqualified relation names`, location);
  }
  const item = itemsOf(select.fromClause ?? [], scope).find(({ name }) => name === relname);
  if (item === undefined) {
    const message = `relation "${relname}" in ${word} clause not found in FROM clause`;
    throw statement.error("42P01", message, location);
  }
  if (item.refused !== null) {
    throw statement.error("0A000", `${word} cannot be applied to ${item.refused}`, location);
  }
}

interface NamedItem {
  readonly name: string | undefined;
  /** What it is, if its rows cannot be locked. */
  readonly refused: string | null;
}

function itemsOf(from: readonly Node[], scope: Scope): readonly NamedItem[] {
  return from.flatMap((node): readonly NamedItem[] => {
    if ("RangeVar" in node) {
      const { relname = "", schemaname, alias } = node.RangeVar;
      const isWith = schemaname === undefined && scope.commonTables.has(relname);
      return [{ name: alias?.aliasname ?? relname, refused: isWith ? "a WITH query" : null }];
    }
    if ("RangeSubselect" in node) {
      return [{ name: node.RangeSubselect.alias?.aliasname, refused: null }];
    }
    if ("RangeFunction" in node) {
      const { alias, functions } = node.RangeFunction;
      return [{ name: alias?.aliasname ?? functionName(functions?.[0]), refused: "a function" }];
    }
    if (!("JoinExpr" in node)) return [];
    const { larg, rarg } = node.JoinExpr;
    const sides = [larg, rarg].flatMap((side) => (side === undefined ? [] : [side]));
    return itemsOf(sides, scope);
  });
}

function functionName(list: Node | undefined): string | undefined {
  const [call] = listItems(list);
  return call !== undefined && "FuncCall" in call
    ? stringsOf(call.FuncCall.funcname).at(-1)
    : undefined;
}

/** The query with its locking clauses on the queries in its FROM as well, which they are for too. */
export function withLockedItems(select: SelectStmt): SelectStmt {
  const { fromClause } = select;
  const clauses = clausesOf(select);
  if (clauses.length === 0 || fromClause === undefined) return select;
  return { ...select, fromClause: fromClause.map((item) => lockedItem(item, clauses)) };
}

function lockedItem(item: Node, clauses: readonly LockingClause[]): Node {
  if ("JoinExpr" in item) {
    const { larg, rarg, ...join } = item.JoinExpr;
    return {
      JoinExpr: {
        ...join,
        ...(larg === undefined ? {} : { larg: lockedItem(larg, clauses) }),
        ...(rarg === undefined ? {} : { rarg: lockedItem(rarg, clauses) }),
      },
    };
  }
  const query = "RangeSubselect" in item ? item.RangeSubselect.subquery : undefined;
  if (!("RangeSubselect" in item) || query === undefined || !("SelectStmt" in query)) return item;
  const name = item.RangeSubselect.alias?.aliasname;
  const those = clauses.filter((clause) => isFor(clause, name));
  // VALUES have no rows of a table: PostgreSQL passes over them.
  if (those.length === 0 || query.SelectStmt.valuesLists !== undefined) return item;
  const lockingClause = [
    ...(query.SelectStmt.lockingClause ?? []),
    ...those.map(({ lockedRels: _these, ...clause }) => ({ LockingClause: clause })),
  ];
  const subquery = { SelectStmt: { ...query.SelectStmt, lockingClause } };
  return { RangeSubselect: { ...item.RangeSubselect, subquery } };
}

/** Without OF a clause is for all. */
function isFor({ lockedRels }: LockingClause, name: string | undefined): boolean {
  return lockedRels?.some((each) => "RangeVar" in each && each.RangeVar.relname === name) ?? true;
}
