/**
 * What depends on a time zone: moments (stored in UTC) as the clocks of a zone show them. The
 * session's zone comes as an argument, so that replicas need not know the session.
 */
import { notSupported, SqlError } from "../errors.ts";
import { addMicros, formatDate, formatMoment, readMoment } from "../types/datetime/calendar.ts";
import { timestamptzType } from "../types/datetime/datetime-types.ts";
import { formatInterval } from "../types/datetime/interval.ts";
import { parseInterval } from "../types/datetime/interval-input.ts";
import {
  formatOffset,
  offsetAtLocal,
  offsetAtUtc,
  zoneNamed,
} from "../types/datetime/time-zone.ts";
import { DEFAULT_TEXT_SETTINGS } from "../types/pg-type.ts";
import { typeByOid } from "../types/registry.ts";
import type { SqliteValue } from "../values.ts";
import { dateField, truncateMoment } from "./date-fields.ts";
import { formatDateTime, parseByTemplate } from "./date-template.ts";
import { addInterval } from "./date-time.ts";
import { isInfinite, momentOfMicros, now, plus } from "./date-time-functions.ts";
import { internal, internalContextual, type LibraryEntry, native, strict } from "./signature.ts";

/** Months and days are counted on the zone's clocks, hours as they pass. */
function plusInZone(stored: string, interval: string, zone: string): string {
  if (isInfinite(stored)) return stored;
  const { months, days, micros } = parseInterval(interval);
  const shifted =
    months === 0 && days === 0
      ? stored
      : fromZone(zone, plus(toZone(zone, stored), formatInterval({ months, days, micros: 0n })));
  return formatMoment(addInterval(readMoment(shifted), { months: 0, days: 0, micros }));
}

/** A moment in UTC as the clocks of a zone show it. */
export function toZone(zone: string, stored: string): string {
  if (isInfinite(stored) || zone === "UTC") return stored;
  const moment = readMoment(stored);
  return formatMoment(addMicros(moment, offsetAtUtc(zoneNamed(zone), moment) * 1e6));
}

/** What the clocks of a zone show, as a moment in UTC. */
export function fromZone(zone: string, stored: string): string {
  if (isInfinite(stored) || zone === "UTC") return stored;
  const local = readMoment(stored);
  return formatMoment(addMicros(local, -offsetAtLocal(zoneNamed(zone), local) * 1e6));
}

function byOffset(sign: bigint) {
  return (interval: string, stored: string): string => {
    if (isInfinite(stored)) return stored;
    const { months, days, micros } = parseInterval(interval);
    if (months !== 0 || days !== 0) {
      throw new SqlError(
        "22023",
        `interval time zone "${interval}" must not include months or days`,
      );
    }
    return formatMoment(addMicros(readMoment(stored), Number(sign * micros)));
  };
}

function fieldInZone(field: string, stored: string, zone: string): string | null {
  const name = field.trim().toLowerCase();
  if (isInfinite(stored) || name === "epoch") return dateField(field, stored);
  const perUnit = ZONE_FIELDS[name];
  if (perUnit === undefined) return dateField(field, toZone(zone, stored));
  return perUnit(offsetAtUtc(zoneNamed(zone), readMoment(stored))).toString();
}

const ZONE_FIELDS: { readonly [field in string]?: (seconds: number) => number } = {
  timezone: (seconds) => seconds,
  timezone_hour: (seconds) => Math.trunc(seconds / 3600),
  timezone_minute: (seconds) => Math.trunc(seconds / 60) % 60,
};

function truncateInZone(field: string, stored: string, zone: string): string {
  return fromZone(zone, truncateMoment(field, toZone(zone, stored)));
}

/** The patterns for zones print UTC. */
function toCharInZone(stored: string, template: string, zone: string): string | null {
  refuseZonePatterns(template, zone);
  return isInfinite(stored) ? null : formatDateTime(readMoment(toZone(zone, stored)), template);
}

function parseInZone(text: string, template: string, zone: string): string {
  refuseZonePatterns(template, zone);
  return fromZone(zone, parseByTemplate(text, template));
}

function refuseZonePatterns(template: string, zone: string): void {
  if (zone !== "UTC" && /tz|of/i.test(template)) {
    throw notSupported("a template with TZ or OF in a time zone other than UTC");
  }
}

function onlyInUtc(zone: string, value: SqliteValue): SqliteValue {
  if (zone !== "UTC") throw notSupported("this use of a moment in a time zone other than UTC");
  return value;
}

export const zoneFunctions: readonly LibraryEntry[] = [
  internalContextual("current_day", 2, (context, [offset, zone]) =>
    formatDate(readMoment(toZone(String(zone), now(context))).days + Number(offset)),
  ),
  internalContextual("current_time_of_day", 1, (context, [zone]) =>
    toZone(String(zone), now(context)).slice(11),
  ),
  internalContextual("current_time_of_day_tz", 1, (context, [zone]) => {
    const utc = momentOfMicros(context.timestampMicros);
    const local = toZone(String(zone), formatMoment(utc)).slice(11);
    return local + formatOffset(offsetAtUtc(zoneNamed(String(zone)), utc));
  }),
  internal("text_to_moment", 3, (text: string, modifier: bigint, timeZone: string) =>
    timestamptzType.fromText(text, Number(modifier), { ...DEFAULT_TEXT_SETTINGS, timeZone }),
  ),
  internal("moment_to_text", 3, (value: SqliteValue, oid: bigint, timeZone: string) =>
    (typeByOid(Number(oid)) ?? timestamptzType).toText(value, {
      ...DEFAULT_TEXT_SETTINGS,
      timeZone,
    }),
  ),
  strict("timezone(text, timestamptz) timestamp", toZone, "to_zone"),
  strict("timezone(text, timestamp) timestamptz", fromZone, "from_zone"),
  strict("timezone(interval, timestamptz) timestamp", byOffset(1n), "to_offset"),
  strict("timezone(interval, timestamp) timestamptz", byOffset(-1n), "from_offset"),
  internal("in_utc", 2, onlyInUtc),
  internal("moment_plus", 3, plusInZone),
  native("+(timestamptz, interval) timestamptz", "moment_plus($1, $2, $zone)"),
  native("+(interval, timestamptz) timestamptz", "moment_plus($2, $1, $zone)"),
  native("-(timestamptz, interval) timestamptz", "moment_plus($1, interval_negate($2), $zone)"),
  internal("moment_field", 3, fieldInZone),
  native("extract(text, timestamptz) numeric", "moment_field($1, $2, $zone)"),
  native("date_part(text, timestamptz) float8", "CAST(moment_field($1, $2, $zone) AS REAL)"),
  strict("date_trunc(text, timestamptz, text) timestamptz", truncateInZone, "truncate_moment"),
  native("date_trunc(text, timestamptz) timestamptz", "truncate_moment($1, $2, $zone)"),
  native(
    "age(timestamptz, timestamptz) interval",
    "pg_age(to_zone($zone, $1), to_zone($zone, $2))",
  ),
  native(
    "age(timestamptz) interval",
    "pg_age(date_to_timestamp(current_day(0, $zone)), to_zone($zone, $1))",
  ),
  native(
    "make_timestamptz(int4, int4, int4, int4, int4, float8) timestamptz",
    "from_zone($zone, pg_make_timestamp($*))",
  ),
  internal("moment_to_char", 3, toCharInZone),
  native("to_char(timestamptz, text) text", "moment_to_char($1, $2, $zone)"),
  internal("parse_in_zone", 3, parseInZone),
  native("to_timestamp(text, text) timestamptz", "parse_in_zone($1, $2, $zone)"),
];
