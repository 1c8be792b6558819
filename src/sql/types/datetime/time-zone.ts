/**
 * Time zones: IANA names from the ICU data in Node, fixed offsets and abbreviations. Offsets are in
 * seconds east of Greenwich.
 */
import { SqlError } from "../../errors.ts";
import {
  addMicros,
  daysFromCivil,
  MICROS_PER_DAY,
  MICROS_PER_SECOND,
  type Moment,
  UNIX_EPOCH_DAYS,
} from "./calendar.ts";

export type Zone =
  | { readonly kind: "fixed"; readonly offsetSeconds: number }
  | { readonly kind: "named"; readonly format: Intl.DateTimeFormat };

/** PostgreSQL's "Default" abbreviations that people write, in hours east. */
const ABBREVIATION_HOURS: Readonly<Record<string, number>> = {
  utc: 0,
  gmt: 0,
  ut: 0,
  z: 0,
  zulu: 0,
  uct: 0,
  wet: 0,
  west: 1,
  bst: 1,
  cet: 1,
  cest: 2,
  met: 1,
  mest: 2,
  eet: 2,
  eest: 3,
  msk: 3,
  msd: 4,
  ist: 2,
  idt: 3,
  sgt: 8,
  hkt: 8,
  awst: 8,
  jst: 9,
  kst: 9,
  aest: 10,
  aedt: 11,
  acst: 9.5,
  nzst: 12,
  nzdt: 13,
  nst: -3.5,
  ndt: -2.5,
  ast: -4,
  adt: -3,
  est: -5,
  edt: -4,
  cst: -6,
  cdt: -5,
  mst: -7,
  mdt: -6,
  pst: -8,
  pdt: -7,
  akst: -9,
  akdt: -8,
  hst: -10,
  brt: -3,
  art: -3,
  clt: -4,
  pkt: 5,
  ict: 7,
};

const cache = new Map<string, Zone | null>();
const CACHED_MAX = 1000;

/**
 * A zone by the name given to SET TimeZone, or undefined: IANA ("Europe/Zurich"), an abbreviation,
 * hours east ("-8", "5.5"), or POSIX, whose offsets count west ("UTC+3", "<-03>3", "+05:30").
 */
export function findZone(name: string): Zone | undefined {
  const key = name.toLowerCase();
  const cached = cache.get(key);
  if (cached !== undefined) return cached ?? undefined;
  const zone = lookUp(name);
  if (cache.size >= CACHED_MAX) cache.clear();
  cache.set(key, zone ?? null);
  return zone;
}

/** findZone that throws 22023 `time zone "…" not recognized`. */
export function zoneNamed(name: string): Zone {
  const zone = findZone(name);
  if (zone === undefined) throw new SqlError("22023", `time zone "${name}" not recognized`);
  return zone;
}

function lookUp(name: string): Zone | undefined {
  if (/^[+-]?\d+(?:\.\d+)?$/.test(name)) return hoursEast(Number(name));
  const abbreviated = ABBREVIATION_HOURS[name.toLowerCase()];
  if (abbreviated !== undefined) return hoursEast(abbreviated);
  const posix = /^(?:<[^>]*>|[a-z]*)([+-]?)(\d{1,2})(?::(\d{2})(?::(\d{2}))?)?$/i.exec(name);
  if (posix !== null) return posixZone(posix);
  return namedZone(name);
}

function hoursEast(hours: number): Zone | undefined {
  if (Math.abs(hours) > 168) return undefined;
  return { kind: "fixed", offsetSeconds: Math.round(hours * 3600) };
}

function posixZone(parts: RegExpExecArray): Zone | undefined {
  const [, sign, hours = "0", minutes = "0", seconds = "0"] = parts;
  if (Number(minutes) > 59 || Number(seconds) > 59) return undefined;
  const west = Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds);
  return { kind: "fixed", offsetSeconds: sign === "-" ? west : west === 0 ? 0 : -west };
}

function namedZone(name: string): Zone | undefined {
  if (!/^[a-z][\w+\-/]*$/i.test(name)) return undefined;
  try {
    const format = new Intl.DateTimeFormat("en-US", {
      timeZone: name,
      calendar: "gregory",
      hourCycle: "h23",
      era: "short",
      year: "numeric",
      month: "numeric",
      day: "numeric",
      hour: "numeric",
      minute: "numeric",
      second: "numeric",
    });
    return { kind: "named", format };
  } catch {
    return undefined;
  }
}

/** The offset that holds at a moment given in UTC. */
export function offsetAtUtc(zone: Zone, utc: Moment): number {
  if (zone.kind === "fixed") return zone.offsetSeconds;
  const utcSeconds = secondsOf(utc);
  const parts = new Map<string, string>();
  for (const { type, value } of zone.format.formatToParts(utcSeconds * 1000)) {
    parts.set(type, value);
  }
  const part = (name: string): number => Number(parts.get(name) ?? "0");
  const year = parts.get("era") === "BC" ? 1 - part("year") : part("year");
  // ICU counts dates before 1582 in the Julian calendar unless told otherwise; Intl tells it so.
  const days = daysFromCivil({ year, month: part("month"), day: part("day") }) + UNIX_EPOCH_DAYS;
  const localSeconds = days * 86_400 + part("hour") * 3600 + part("minute") * 60 + part("second");
  return localSeconds - utcSeconds;
}

/** Whole seconds since 1970. */
function secondsOf({ days, micros }: Moment): number {
  return (days + UNIX_EPOCH_DAYS) * 86_400 + Math.floor(micros / MICROS_PER_SECOND);
}

/**
 * The offset that holds at a moment given in local time. In the gap of a change to summer time the
 * offset before it, in the doubled hour of the change back the one after it (the standard time):
 * as PostgreSQL's DetermineTimeZoneOffset.
 */
export function offsetAtLocal(zone: Zone, local: Moment): number {
  if (zone.kind === "fixed") return zone.offsetSeconds;
  const before = offsetAtUtc(zone, addMicros(local, -MICROS_PER_DAY));
  const after = offsetAtUtc(zone, addMicros(local, MICROS_PER_DAY));
  if (before === after) return before;
  const holds = (offset: number): boolean =>
    offsetAtUtc(zone, addMicros(local, -offset * MICROS_PER_SECOND)) === offset;
  const beforeHolds = holds(before);
  const afterHolds = holds(after);
  if (beforeHolds === afterHolds) return after > before ? before : after;
  return beforeHolds ? before : after;
}

const two = (value: number): string => value.toString().padStart(2, "0");

/** +00, -03:30, -04:56:02. */
export function formatOffset(offsetSeconds: number): string {
  const total = Math.abs(offsetSeconds);
  const seconds = total % 60;
  const minutes = Math.floor(total / 60) % 60;
  let text = `${offsetSeconds < 0 ? "-" : "+"}${two(Math.floor(total / 3600))}`;
  if (minutes !== 0 || seconds !== 0) text += `:${two(minutes)}`;
  return seconds === 0 ? text : `${text}:${two(seconds)}`;
}
