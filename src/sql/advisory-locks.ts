/**
 * A query that takes or gives back advisory locks: SELECT pg_advisory_lock($1), and whatever else
 * stands in its list. The locks are the cluster's and not SQLite's: so the query is run for the keys
 * and the other values, and the gateway puts what became of each lock in its key's place.
 */
import type { FuncCall, Node, SelectStmt } from "libpg-query";
import { stringsOf } from "./analyze/nodes.ts";
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

function functionOf(target: Node): FuncCall | undefined {
  const value = "ResTarget" in target ? target.ResTarget.val : undefined;
  return value !== undefined && "FuncCall" in value ? value.FuncCall : undefined;
}
