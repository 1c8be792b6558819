/** Texts of a COPY to values of their columns, in storage form, as each type's input function reads them. */
import { notSupported } from "../errors.ts";
import { bpcharFit, dateToTimestamp } from "../functions/cast-functions.ts";
import { now } from "../functions/date-time-functions.ts";
import type { FunctionContext } from "../functions/function.ts";
import { resolveRegName } from "../functions/reg-names.ts";
import { fromZone, toZone } from "../functions/zone-functions.ts";
import { formatDate, readMoment } from "../types/datetime/calendar.ts";
import { OID } from "../types/oids.ts";
import { DEFAULT_TEXT_SETTINGS } from "../types/pg-type.ts";
import { typeByOid } from "../types/registry.ts";
import type { SqliteValue } from "../values.ts";

export interface ValueType {
  readonly typeOid: number;
  readonly typeModifier: number;
}

/** Reads a text; throws SqlError (22P02, 22003, 22007 …) in PostgreSQL's words. */
export type ValueInput = (text: string) => SqliteValue;

const REG_TYPES: ReadonlySet<number> = new Set([
  OID.regclass,
  OID.regtype,
  OID.regproc,
  OID.regnamespace,
]);

const CLOCK_TYPES: ReadonlySet<number> = new Set([
  OID.date,
  OID.time,
  OID.timestamp,
  OID.timestamptz,
]);

/** `timeZone`: the session's, for moments without a zone. Throws SqlError 0A000 for an unknown type. */
export function valueInput(
  { typeOid, typeModifier }: ValueType,
  context: FunctionContext,
  timeZone: string,
): ValueInput {
  if (REG_TYPES.has(typeOid)) {
    return (text) => BigInt(resolveRegName(text, typeOid, context.catalog));
  }
  const type = typeByOid(typeOid);
  if (type === undefined) throw notSupported(`COPY into the type with OID ${typeOid}`);
  const settings = { ...DEFAULT_TEXT_SETTINGS, timeZone };
  const read = (text: string): SqliteValue => type.fromText(text, typeModifier, settings);
  if (typeOid === OID.bpchar && typeModifier > MODIFIER_HEADER) {
    const length = BigInt(typeModifier - MODIFIER_HEADER);
    return (text) => bpcharFit(text, length);
  }
  if (!CLOCK_TYPES.has(typeOid)) return read;
  return (text) =>
    clockValue(text, typeOid, toZone(timeZone, now(context)), timeZone) ?? read(text);
}

const MODIFIER_HEADER = 4;

const DAYS: { readonly [word in string]?: number } = { today: 0, tomorrow: 1, yesterday: -1 };

/** 'now', 'today', 'tomorrow' and 'yesterday'; null for any other text. `local`: now, on the zone's clocks. */
function clockValue(text: string, typeOid: number, local: string, timeZone: string): string | null {
  if (!/^\s*[nty]/i.test(text)) return null;
  const word = text.trim().toLowerCase();
  const inZone = (moment: string): string =>
    typeOid === OID.timestamptz ? fromZone(timeZone, moment) : moment;
  if (word === "now" && typeOid === OID.time) return local.slice(11);
  if (word === "now" && typeOid !== OID.date) return inZone(local);
  const days = word === "now" ? 0 : DAYS[word];
  if (days === undefined || typeOid === OID.time) return null;
  const day = formatDate(readMoment(local).days + days);
  return typeOid === OID.date ? day : inZone(dateToTimestamp(day));
}
