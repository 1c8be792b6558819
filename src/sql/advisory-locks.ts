/**
 * A query that takes or gives back advisory locks: SELECT pg_advisory_lock($1), and whatever else
 * stands in its list. The locks are the cluster's and not SQLite's: so the query is run for the keys
 * and the other values, and the gateway puts what became of each lock in its key's place.
 */
import type { FuncCall, Node, SelectStmt } from "libpg-query";
import { constantText, stringsOf } from "./analyze/nodes.ts";
import { advisoryLockOperations } from "./functions/advisory-lock-functions.ts";
import type { AdvisoryLockCall } from "./translation.ts";

interface Found {
  readonly node: FuncCall;
  readonly call: AdvisoryLockCall;
}

/** The calls that are whole targets of a query without FROM; all others are refused. */
export function advisoryLockCalls(select: SelectStmt): readonly Found[] {
  if (select.fromClause !== undefined) return [];
  return (select.targetList ?? []).flatMap((target, column) => {
    const node = functionOf(target);
    const [name = ""] = stringsOf(node?.funcname).slice(-1);
    const operation = advisoryLockOperations.get(name);
    if (node === undefined || operation === undefined) return [];
    const keySpace = node.args?.length === 2 ? "pair" : "single";
    return [{ node, call: { column, keySpace, ...operation } }];
  });
}

/**
 * Takes out of a query of advisory locks what Kysely puts around its own, in one round trip:
 * WITH x AS (SELECT set_config('lock_timeout', '5000', true)) SELECT pg_advisory_lock(1) FROM x.
 * Any other query stays as it is, with null.
 */
export function withoutLockTimeout(select: SelectStmt): {
  readonly query: SelectStmt;
  readonly lockTimeout: string | null;
} {
  const { withClause, fromClause, ...query } = select;
  const [cte, otherCte] = withClause?.ctes ?? [];
  const [from, otherFrom] = fromClause ?? [];
  const isWhole = otherCte === undefined && otherFrom === undefined;
  if (
    isWhole &&
    cte !== undefined &&
    "CommonTableExpr" in cte &&
    advisoryLockCalls(query).length > 0
  ) {
    const { ctename, ctequery } = cte.CommonTableExpr;
    const isFrom = from !== undefined && "RangeVar" in from && from.RangeVar.relname === ctename;
    const lockTimeout = isFrom ? localLockTimeout(ctequery) : null;
    const isAll = query.targetList?.length === advisoryLockCalls(query).length;
    if (lockTimeout !== null && isAll) return { query, lockTimeout };
  }
  return { query: select, lockTimeout: null };
}

/** The value of SELECT set_config('lock_timeout', value, true); null for anything else. */
function localLockTimeout(query: Node | undefined): string | null {
  if (query === undefined || !("SelectStmt" in query)) return null;
  const { targetList = [], limitOption: _option, op, ...others } = query.SelectStmt;
  if (op !== "SETOP_NONE" || Object.keys(others).length > 0) return null;
  const [target, other] = targetList;
  return target === undefined || other !== undefined ? null : lockTimeoutOf(functionOf(target));
}

function lockTimeoutOf(call: FuncCall | undefined): string | null {
  if (stringsOf(call?.funcname).at(-1) !== "set_config") return null;
  const [name, value = null, isLocal = ""] = (call?.args ?? []).map(constantText);
  return name === "lock_timeout" && /^(true|t|on|1)$/.test(isLocal) ? value : null;
}

/** Whether a statement asks for advisory locks. */
export function asksForLocks(node: Node): boolean {
  if (!("SelectStmt" in node)) return false;
  return advisoryLockCalls(withoutLockTimeout(node.SelectStmt).query).length > 0;
}

/**
 * Whether a statement asks for advisory locks and looks at no data: it needs no view of them, and is
 * not to have one while it waits.
 */
export function asksForLocksOnly(node: Node): boolean {
  return (
    "SelectStmt" in node &&
    asksForLocks(node) &&
    !JSON.stringify(withoutLockTimeout(node.SelectStmt).query).includes(SUBQUERY)
  );
}

/** As it stands in JSON; in a text constant the quotation marks would be escaped. */
const SUBQUERY = '"SelectStmt":';

function functionOf(target: Node): FuncCall | undefined {
  const value = "ResTarget" in target ? target.ResTarget.val : undefined;
  return value !== undefined && "FuncCall" in value ? value.FuncCall : undefined;
}
