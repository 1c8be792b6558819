import type { Node, SelectStmt } from "libpg-query";
import { inClause, type Scope } from "../analyze/scope.ts";
import { OID } from "../types/oids.ts";
import { castTo } from "./cast.ts";

export interface LimitText {
  readonly sql: string;
  /** At most one row. */
  readonly single: boolean;
}

/** LIMIT and OFFSET; a negative number is an error, NULL is none. */
export function limitClause(select: SelectStmt, scope: Scope): LimitText {
  if (select.limitOption === "LIMIT_OPTION_WITH_TIES") {
    throw scope.statement.notSupported("FETCH FIRST … WITH TIES");
  }
  const limit = count(select.limitCount, "LIMIT", scope);
  const offset = count(select.limitOffset, "OFFSET", scope);
  if (limit === null && offset === null) {
    return { sql: "", single: false };
  }
  const skip = offset === null ? "" : ` OFFSET ${offset}`;
  return { sql: ` LIMIT ${limit ?? "-1"}${skip}`, single: limit === "0" || limit === "1" };
}

function count(node: Node | undefined, clause: "LIMIT" | "OFFSET", scope: Scope): string | null {
  if (node === undefined || ("A_Const" in node && node.A_Const.isnull === true)) {
    return null;
  }
  return inClause(scope, clause, () => {
    const given = scope.translate.expression(node, scope);
    const target = { typeOid: OID.int8, typeModifier: -1 };
    const value = castTo(given, target, "assignment", scope.statement);
    if (value.constant !== undefined && value.constant >= 0n) {
      return value.sql;
    }
    return `${clause.toLowerCase()}_count(${value.sql})`;
  });
}
