/**
 * date, time, timetz, timestamp, timestamptz. Storage forms: values.ts; timetz, which it does not
 * list, is HH:MM:SS.ffffff and the offset (+02, -03:30).
 *
 * Binary: date int32 days since 2000-01-01; time int64 microseconds; timetz the same and int32
 * seconds west of Greenwich; timestamps int64 microseconds since 2000-01-01 (timestamptz: UTC).
 * The largest and smallest integers are the infinities.
 */
import { SqlError } from "../../errors.ts";
import { expectString, fixedView } from "../conversion.ts";
import { ARRAY_OID, OID } from "../oids.ts";
import { DEFAULT_TEXT_SETTINGS, type PgType, type TextSettings } from "../pg-type.ts";
import {
  addMicros,
  civilFromDays,
  DAYS_MAX,
  DAYS_MIN,
  formatDate,
  formatMoment,
  formatTime,
  MICROS_PER_DAY,
  MICROS_PER_SECOND,
  type Moment,
  readDate,
  readMoment,
  readTime,
  roundMicros,
  trimFraction,
} from "./calendar.ts";
import { invalidDateTime, parseDateTime } from "./input.ts";
import { formatOffset, offsetAtLocal, offsetAtUtc, zoneNamed } from "./time-zone.ts";

const INT32_MAX = 0x7fff_ffff;
const INT32_MIN = -0x8000_0000;
const INT64_MAX = 0x7fff_ffff_ffff_ffffn;
const INT64_MIN = -0x8000_0000_0000_0000n;

const INFINITY = "infinity";
const MINUS_INFINITY = "-infinity";

function isInfinite(stored: string): boolean {
  return stored === INFINITY || stored === MINUS_INFINITY;
}

/** 22008 unless the storage form can hold the day. */
function checkDay(days: number, what: string): void {
  if (days < DAYS_MIN || days > DAYS_MAX) throw new SqlError("22008", what);
}

export const dateType: PgType = {
  oid: OID.date,
  name: "date",
  displayName: "date",
  size: 4,
  category: "D",
  preferred: false,
  arrayOid: ARRAY_OID.date,
  elementOid: 0,
  fromText(text) {
    const input = parseDateTime(text, "date");
    if (input.kind === "infinity") return input.negative ? MINUS_INFINITY : INFINITY;
    if (input.days === null) throw invalidDateTime("date", text);
    checkDay(input.days, `date out of range: "${text}"`);
    return formatDate(input.days);
  },
  toText: expectString,
  fromBinary(bytes) {
    const days = fixedView(bytes, 4).getInt32(0);
    if (days === INT32_MAX) return INFINITY;
    if (days === INT32_MIN) return MINUS_INFINITY;
    checkDay(days, "date out of range");
    return formatDate(days);
  },
  toBinary(value) {
    const stored = expectString(value);
    const bytes = new Uint8Array(4);
    const days =
      stored === INFINITY ? INT32_MAX : stored === MINUS_INFINITY ? INT32_MIN : readDate(stored);
    new DataView(bytes.buffer).setInt32(0, days);
    return bytes;
  },
};

function timeFromText(text: string, modifier: number): number {
  const input = parseDateTime(text, "time");
  if (input.kind === "infinity" || input.micros === null) throw invalidDateTime("time", text);
  return roundMicros(input.micros, modifier);
}

function checkTime(micros: bigint): number {
  if (micros < 0n || micros > BigInt(MICROS_PER_DAY)) {
    throw new SqlError("22008", "time out of range");
  }
  return Number(micros);
}

export const timeType: PgType = {
  oid: OID.time,
  name: "time",
  displayName: "time without time zone",
  size: 8,
  category: "D",
  preferred: false,
  arrayOid: ARRAY_OID.time,
  elementOid: 0,
  fromText: (text, modifier) => formatTime(timeFromText(text, modifier)),
  toText: (value) => trimFraction(expectString(value)),
  fromBinary: (bytes, modifier) =>
    formatTime(roundMicros(checkTime(fixedView(bytes, 8).getBigInt64(0)), modifier)),
  toBinary(value) {
    const bytes = new Uint8Array(8);
    new DataView(bytes.buffer).setBigInt64(0, BigInt(readTime(expectString(value))));
    return bytes;
  },
};

const TIMETZ_STORAGE = /^([\d:.]+)([+-])(\d+)(?::(\d+))?(?::(\d+))?$/;

function readTimetz(stored: string): { readonly micros: number; readonly offsetSeconds: number } {
  const parts = TIMETZ_STORAGE.exec(stored);
  const [, time = "00:00:00", sign, hours = "0", minutes = "0", seconds = "0"] = parts ?? [];
  const offset = Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds);
  return { micros: readTime(time), offsetSeconds: sign === "-" ? -offset : offset };
}

export const timetzType: PgType = {
  oid: OID.timetz,
  name: "timetz",
  displayName: "time with time zone",
  size: 12,
  category: "D",
  preferred: false,
  arrayOid: ARRAY_OID.timetz,
  elementOid: 0,
  fromText(text, modifier, settings = DEFAULT_TEXT_SETTINGS) {
    const input = parseDateTime(text, "time with time zone");
    if (input.kind === "infinity" || input.micros === null) {
      throw invalidDateTime("time with time zone", text);
    }
    const zone = input.zone ?? zoneNamed(settings.timeZone);
    // Without a date in the text PostgreSQL takes today's offset; the clock may not count here, so
    // it is the one of 2000-01-01: the zone's standard time.
    const day = { days: input.days ?? 0, micros: input.micros };
    const time = formatTime(roundMicros(input.micros, modifier));
    return time + formatOffset(offsetAtLocal(zone, day));
  },
  toText(value) {
    const stored = expectString(value);
    const at = stored.search(/[+-]/);
    return trimFraction(stored.slice(0, at)) + stored.slice(at);
  },
  fromBinary(bytes, modifier) {
    const view = fixedView(bytes, 12);
    const micros = roundMicros(checkTime(view.getBigInt64(0)), modifier);
    const west = view.getInt32(8);
    if (Math.abs(west) >= 16 * 3600) {
      throw new SqlError("22009", "time zone displacement out of range");
    }
    return formatTime(micros) + formatOffset(west === 0 ? 0 : -west);
  },
  toBinary(value) {
    const { micros, offsetSeconds } = readTimetz(expectString(value));
    const bytes = new Uint8Array(12);
    const view = new DataView(bytes.buffer);
    view.setBigInt64(0, BigInt(micros));
    view.setInt32(8, -offsetSeconds);
    return bytes;
  },
};

/** Rounded to the declared precision and written in the storage form. */
function storeMoment(moment: Moment, modifier: number, outOfRange: string): string {
  // Half is rounded away from 2000-01-01: before it towards the earlier.
  const before = moment.days < 0;
  const micros = before
    ? MICROS_PER_DAY - roundMicros(MICROS_PER_DAY - moment.micros, modifier)
    : roundMicros(moment.micros, modifier);
  const rounded = addMicros({ days: moment.days, micros: 0 }, micros);
  checkDay(rounded.days, outOfRange);
  return formatMoment(rounded);
}

function timestampFromBinary(bytes: Uint8Array, modifier: number): string {
  const micros = fixedView(bytes, 8).getBigInt64(0);
  if (micros === INT64_MAX) return INFINITY;
  if (micros === INT64_MIN) return MINUS_INFINITY;
  const day = BigInt(MICROS_PER_DAY);
  const rest = ((micros % day) + day) % day;
  const moment = { days: Number((micros - rest) / day), micros: Number(rest) };
  return storeMoment(moment, modifier, "timestamp out of range");
}

function timestampToBinary(stored: string): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigInt64(0, binaryTimestamp(stored));
  return bytes;
}

function binaryTimestamp(stored: string): bigint {
  if (stored === INFINITY) return INT64_MAX;
  if (stored === MINUS_INFINITY) return INT64_MIN;
  const { days, micros } = readMoment(stored);
  return BigInt(days) * BigInt(MICROS_PER_DAY) + BigInt(micros);
}

export const timestampType: PgType = {
  oid: OID.timestamp,
  name: "timestamp",
  displayName: "timestamp without time zone",
  size: 8,
  category: "D",
  preferred: false,
  arrayOid: ARRAY_OID.timestamp,
  elementOid: 0,
  fromText(text, modifier) {
    const input = parseDateTime(text, "timestamp");
    if (input.kind === "infinity") return input.negative ? MINUS_INFINITY : INFINITY;
    if (input.days === null) throw invalidDateTime("timestamp", text);
    const moment = { days: input.days, micros: input.micros ?? 0 };
    return storeMoment(moment, modifier, `timestamp out of range: "${text}"`);
  },
  toText: (value) => trimFraction(expectString(value)),
  fromBinary: timestampFromBinary,
  toBinary: (value) => timestampToBinary(expectString(value)),
};

export const timestamptzType: PgType = {
  oid: OID.timestamptz,
  name: "timestamptz",
  displayName: "timestamp with time zone",
  size: 8,
  category: "D",
  preferred: true,
  arrayOid: ARRAY_OID.timestamptz,
  elementOid: 0,
  fromText(text, modifier, settings = DEFAULT_TEXT_SETTINGS) {
    const input = parseDateTime(text, "timestamp with time zone");
    if (input.kind === "infinity") return input.negative ? MINUS_INFINITY : INFINITY;
    if (input.days === null) throw invalidDateTime("timestamp with time zone", text);
    const local = { days: input.days, micros: input.micros ?? 0 };
    const outOfRange = `timestamp out of range: "${text}"`;
    checkDay(local.days, outOfRange);
    const offset = offsetAtLocal(input.zone ?? zoneNamed(settings.timeZone), local);
    return storeMoment(addMicros(local, -offset * MICROS_PER_SECOND), modifier, outOfRange);
  },
  toText: (value, settings) => formatTimestamptz(expectString(value), settings),
  fromBinary: timestampFromBinary,
  toBinary: (value) => timestampToBinary(expectString(value)),
};

function formatTimestamptz(stored: string, settings: TextSettings): string {
  if (isInfinite(stored)) return stored;
  if (settings.timeZone === "UTC") return `${trimFraction(stored)}+00`;
  const utc = readMoment(stored);
  const offset = offsetAtUtc(zoneNamed(settings.timeZone), utc);
  const local = addMicros(utc, offset * MICROS_PER_SECOND);
  const era = civilFromDays(local.days).year > 0 ? "" : " BC";
  return trimFraction(formatMoment(local)) + formatOffset(offset) + era;
}
