import type { StatementState } from "../analyze/statement.ts";
import { OID } from "../types/oids.ts";
import { DEFAULT_TEXT_SETTINGS } from "../types/pg-type.ts";
import { typeByOid } from "../types/registry.ts";
import { literal } from "./literal.ts";

const DAYS: ReadonlyMap<string, number> = new Map([
  ["today", 0],
  ["tomorrow", 1],
  ["yesterday", -1],
]);

interface LiteralTarget {
  readonly typeOid: number;
  readonly typeModifier: number;
}

/**
 * Texts whose value the session tells: 'now', 'today', 'tomorrow' and 'yesterday' ask the
 * statement's own clock, a moment without a zone the session's time zone. Null for every other text.
 */
export function dateTimeLiteral(
  text: string,
  target: LiteralTarget,
  statement: StatementState,
): string | null {
  return clockLiteral(text, target.typeOid, statement) ?? zonedLiteral(text, target, statement);
}

function clockLiteral(text: string, typeOid: number, statement: StatementState): string | null {
  const word = text.trim().toLowerCase();
  const days = word === "now" && typeOid === OID.date ? 0 : DAYS.get(word);
  if (word === "now" && typeOid === OID.timestamptz) {
    return "pg_now()";
  }
  if (word === "now" && typeOid === OID.timestamp) {
    return `to_zone(${statement.timeZone()}, pg_now())`;
  }
  if (word === "now" && typeOid === OID.time) {
    return `current_time_of_day(${statement.timeZone()})`;
  }
  if (days === undefined || !DAY_TYPES.has(typeOid)) {
    return null;
  }
  const zone = statement.timeZone();
  const day = `current_day(${days}, ${zone})`;
  if (typeOid === OID.date) return day;
  const midnight = `date_to_timestamp(${day})`;
  return typeOid === OID.timestamp ? midnight : `from_zone(${zone}, ${midnight})`;
}

const DAY_TYPES: ReadonlySet<number> = new Set([OID.date, OID.timestamp, OID.timestamptz]);

/** A zone in the text decides; without one the values in two zones differ. */
function zonedLiteral(
  text: string,
  { typeOid, typeModifier }: LiteralTarget,
  statement: StatementState,
): string | null {
  if (typeOid !== OID.timestamptz) {
    return null;
  }
  const [first, second] = ["UTC", "-07:00"].map((timeZone) =>
    typeByOid(typeOid)?.fromText(text, typeModifier, { ...DEFAULT_TEXT_SETTINGS, timeZone }),
  );
  return first === second
    ? null
    : `text_to_moment(${literal(text)}, ${typeModifier}, ${statement.timeZone()})`;
}
