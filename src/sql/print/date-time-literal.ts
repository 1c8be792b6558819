import { OID } from "../types/oids.ts";

const DAYS: ReadonlyMap<string, number> = new Map([
  ["today", 0],
  ["tomorrow", 1],
  ["yesterday", -1],
]);

/**
 * 'now', 'today', 'tomorrow' and 'yesterday' as calls that ask the statement's own clock; null for
 * every other text.
 */
export function dateTimeLiteral(text: string, typeOid: number): string | null {
  const word = text.trim().toLowerCase();
  const days = DAYS.get(word);
  switch (typeOid) {
    case OID.timestamp:
    case OID.timestamptz:
      if (word === "now") return "pg_now()";
      return days === undefined ? null : `date_to_timestamp(current_day(${days}))`;
    case OID.date:
      if (word === "now") return "current_day(0)";
      return days === undefined ? null : `current_day(${days})`;
    case OID.time:
      return word === "now" ? "current_time_of_day()" : null;
    default:
      return null;
  }
}
