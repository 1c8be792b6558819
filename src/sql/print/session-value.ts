import type { SQLValueFunction } from "libpg-query";
import type { Scope } from "../analyze/scope.ts";
import { type Typed, typed } from "../analyze/typed.ts";
import type { SessionFact } from "../translation.ts";
import { OID } from "../types/oids.ts";

const FACTS: { readonly [op in string]?: SessionFact } = {
  SVFOP_CURRENT_USER: "currentUser",
  SVFOP_USER: "currentUser",
  SVFOP_CURRENT_ROLE: "currentUser",
  SVFOP_SESSION_USER: "sessionUser",
  SVFOP_CURRENT_CATALOG: "currentDatabase",
};

const TIMES: { readonly [op in string]?: readonly [call: string, typeOid: number] } = {
  SVFOP_CURRENT_DATE: ["current_day(0)", OID.date],
  SVFOP_CURRENT_TIME: ["current_time_of_day_tz()", OID.timetz],
  SVFOP_CURRENT_TIME_N: ["current_time_of_day_tz()", OID.timetz],
  SVFOP_CURRENT_TIMESTAMP: ["pg_now()", OID.timestamptz],
  SVFOP_CURRENT_TIMESTAMP_N: ["pg_now()", OID.timestamptz],
  SVFOP_LOCALTIME: ["current_time_of_day()", OID.time],
  SVFOP_LOCALTIME_N: ["current_time_of_day()", OID.time],
  SVFOP_LOCALTIMESTAMP: ["pg_now()", OID.timestamp],
  SVFOP_LOCALTIMESTAMP_N: ["pg_now()", OID.timestamp],
};

/** CURRENT_USER, CURRENT_TIMESTAMP …: the words that are functions without parentheses. */
export function sessionValue(node: SQLValueFunction, scope: Scope): Typed {
  const { op = "", typmod = -1, location = 0 } = node;
  const { statement } = scope;
  statement.volatile = true;
  if (op === "SVFOP_CURRENT_SCHEMA") {
    return { ...typed("'public'", OID.name, location), notNull: true };
  }
  const fact = FACTS[op];
  if (fact !== undefined) {
    return { ...typed(statement.sessionFact(fact), OID.name, location), notNull: true };
  }
  const [call, typeOid] = TIMES[op] ?? [];
  if (call === undefined || typeOid === undefined) {
    throw statement.notSupported(op, location);
  }
  const sql = typmod >= 0 ? `cast_from_text(${call}, ${typeOid}, ${typmod})` : call;
  return { ...typed(sql, typeOid, location), typeModifier: typmod, notNull: true };
}
