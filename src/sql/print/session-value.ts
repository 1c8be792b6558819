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

type TimeCall = (zone: () => string) => string;

const today: TimeCall = (zone) => `current_day(0, ${zone()})`;
const timeWithZone: TimeCall = (zone) => `current_time_of_day_tz(${zone()})`;
const localTime: TimeCall = (zone) => `current_time_of_day(${zone()})`;
const localTimestamp: TimeCall = (zone) => `to_zone(${zone()}, pg_now())`;

const TIMES: { readonly [op in string]?: readonly [call: TimeCall, typeOid: number] } = {
  SVFOP_CURRENT_DATE: [today, OID.date],
  SVFOP_CURRENT_TIME: [timeWithZone, OID.timetz],
  SVFOP_CURRENT_TIME_N: [timeWithZone, OID.timetz],
  SVFOP_CURRENT_TIMESTAMP: [() => "pg_now()", OID.timestamptz],
  SVFOP_CURRENT_TIMESTAMP_N: [() => "pg_now()", OID.timestamptz],
  SVFOP_LOCALTIME: [localTime, OID.time],
  SVFOP_LOCALTIME_N: [localTime, OID.time],
  SVFOP_LOCALTIMESTAMP: [localTimestamp, OID.timestamp],
  SVFOP_LOCALTIMESTAMP_N: [localTimestamp, OID.timestamp],
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
  const [callIn, typeOid] = TIMES[op] ?? [];
  if (callIn === undefined || typeOid === undefined) {
    throw statement.notSupported(op, location);
  }
  const call = callIn(() => statement.timeZone());
  const sql = typmod >= 0 ? `cast_from_text(${call}, ${typeOid}, ${typmod})` : call;
  return { ...typed(sql, typeOid, location), typeModifier: typmod, notNull: true };
}
