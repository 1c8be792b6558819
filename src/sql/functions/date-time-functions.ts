/** Dates, times, timestamps (those with time zone in UTC) and intervals. */
import { SqlError } from "../errors.ts";
import {
  addMicros,
  civilFromDays,
  daysFromCivil,
  daysInMonth,
  formatDate,
  formatMoment,
  formatTime,
  MICROS_PER_DAY,
  type Moment,
  readDate,
  readMoment,
  readTime,
  UNIX_EPOCH_DAYS,
} from "../types/datetime/calendar.ts";
import { formatInterval } from "../types/datetime/interval.ts";
import { type Interval, parseInterval } from "../types/datetime/interval-input.ts";
import { dateToTimestamp } from "./cast-functions.ts";
import { dateField, intervalField, timeField, truncateMoment } from "./date-fields.ts";
import {
  addInterval,
  addIntervals,
  difference,
  intervalSpan,
  negateInterval,
  scaleInterval,
  symbolicDifference,
} from "./date-time.ts";
import type { FunctionContext } from "./function.ts";
import { justified } from "./justify.ts";
import { contextual, internal, type LibraryEntry, native, strict } from "./signature.ts";

export const isInfinite = (stored: string): boolean => stored.endsWith("infinity");

export function momentOfMicros(micros: number): Moment {
  return addMicros({ days: -UNIX_EPOCH_DAYS, micros: 0 }, micros);
}

export function now(context: FunctionContext): string {
  return formatMoment(momentOfMicros(context.timestampMicros));
}

export function plus(stored: string, interval: string): string {
  return isInfinite(stored)
    ? stored
    : formatMoment(addInterval(readMoment(stored), parseInterval(interval)));
}

function minus(stored: string, interval: string): string {
  return isInfinite(stored)
    ? stored
    : formatMoment(addInterval(readMoment(stored), negateInterval(parseInterval(interval))));
}

function subtract(left: string, right: string): string {
  if (isInfinite(left) || isInfinite(right)) {
    throw new SqlError("22008", "cannot subtract infinite timestamps");
  }
  return formatInterval(difference(readMoment(left), readMoment(right)));
}

function age(left: string, right: string): string {
  if (isInfinite(left) || isInfinite(right)) {
    throw new SqlError("22008", "timestamp out of range");
  }
  return formatInterval(symbolicDifference(readMoment(left), readMoment(right)));
}

function addDays(stored: string, days: bigint): string {
  return isInfinite(stored) ? stored : checkedDate(readDate(stored) + Number(days));
}

function checkedDate(days: number): string {
  const { year } = civilFromDays(days);
  if (year < 1 || year > 9999) throw new SqlError("22008", "date out of range");
  return formatDate(days);
}

function daysBetween(left: string, right: string): bigint {
  if (isInfinite(left) || isInfinite(right)) {
    throw new SqlError("22008", "cannot subtract infinite dates");
  }
  return BigInt(readDate(left) - readDate(right));
}

function intervalOf(apply: (left: Interval, right: Interval) => Interval) {
  return (left: string, right: string): string =>
    formatInterval(apply(parseInterval(left), parseInterval(right)));
}

function scaled(interval: string, factor: number): string {
  if (!Number.isFinite(factor)) throw new SqlError("22008", "interval out of range");
  return formatInterval(scaleInterval(parseInterval(interval), factor));
}

function divided(interval: string, divisor: number): string {
  if (divisor === 0) throw new SqlError("22012", "division by zero");
  return scaled(interval, 1 / divisor);
}

function timePlus(time: string, interval: string, sign: bigint): string {
  const { micros } = parseInterval(interval);
  const day = BigInt(MICROS_PER_DAY);
  const sum = (BigInt(readTime(time)) + sign * micros) % day;
  return formatTime(Number((sum + day) % day));
}

function makeDate(year: bigint, month: bigint, day: bigint): string {
  const [y, m, d] = [Number(year), Number(month), Number(day)];
  if (y < 1 || m < 1 || m > 12 || d < 1 || d > daysInMonth(y, m)) {
    const text = `${y}-${String(m).padStart(2, "0")}-${String(d).padStart(2, "0")}`;
    throw new SqlError("22008", `date field value out of range: ${text}`);
  }
  return checkedDate(daysFromCivil({ year: y, month: m, day: d }));
}

function makeTime(hour: bigint, minute: bigint, second: number): string {
  const micros = Number(hour) * 3.6e9 + Number(minute) * 6e7 + Math.round(second * 1e6);
  const inRange = hour >= 0n && minute >= 0n && minute < 60n && second >= 0 && second <= 60;
  if (!inRange || micros > MICROS_PER_DAY) {
    const text = `${hour}:${String(minute).padStart(2, "0")}:${String(second).padStart(2, "0")}`;
    throw new SqlError("22008", `time field value out of range: ${text}`);
  }
  return formatTime(micros);
}

function makeMoment(...parts: [bigint, bigint, bigint, bigint, bigint, number]): string {
  const [year, month, day, hour, minute, second] = parts;
  return `${makeDate(year, month, day)} ${makeTime(hour, minute, second)}`;
}

function toTimestamp(seconds: number): string {
  if (!Number.isFinite(seconds)) {
    if (Number.isNaN(seconds)) throw new SqlError("22008", "timestamp cannot be NaN");
    return seconds > 0 ? "infinity" : "-infinity";
  }
  return formatMoment(momentOfMicros(Math.round(seconds * 1e6)));
}

function truncateInterval(field: string, text: string): string {
  const { months, days, micros } = parseInterval(text);
  const unit = INTERVAL_UNITS[field.toLowerCase().replace(/s$/, "")];
  if (unit === undefined) {
    throw new SqlError("22023", `unit "${field}" not recognized for type interval`);
  }
  if (unit.months !== undefined) {
    return formatInterval({
      months: Math.trunc(months / unit.months) * unit.months,
      days: 0,
      micros: 0n,
    });
  }
  const step = unit.micros ?? 0n;
  return formatInterval({ months, days, micros: step === 0n ? 0n : (micros / step) * step });
}

const INTERVAL_UNITS: Readonly<
  Record<string, { readonly months?: number; readonly micros?: bigint }>
> = {
  millennium: { months: 12_000 },
  century: { months: 1200 },
  decade: { months: 120 },
  year: { months: 12 },
  quarter: { months: 3 },
  month: { months: 1 },
  day: { micros: 0n },
  hour: { micros: 3_600_000_000n },
  minute: { micros: 60_000_000n },
  second: { micros: 1_000_000n },
  millisecond: { micros: 1000n },
  microsecond: { micros: 1n },
};

const TIMETZ = /^([\d:.]+)([+-])(\d+)(?::(\d+))?(?::(\d+))?$/;

/** Sorts by the moment in UTC, then by zone, the westernmost last. */
function timetzKey(stored: string): string {
  const [, time = "", sign, hours = "0", minutes = "0", seconds = "0"] = TIMETZ.exec(stored) ?? [];
  const east =
    (Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds)) * (sign === "-" ? -1 : 1);
  const utc = readTime(time) - east * 1e6 + MICROS_PER_DAY;
  return `${String(utc).padStart(15, "0")}${String(100_000 - east).padStart(6, "0")}`;
}

/** Sorts as a text: the span, shifted to be positive. */
function intervalKey(text: string): string {
  const span = intervalSpan(parseInterval(text)) + 10n ** 23n;
  return span.toString().padStart(24, "0");
}

const fields = ["timestamp", "date"];

const fieldFunctions: readonly LibraryEntry[] = [
  strict(
    fields.map((type) => `extract(text, ${type}) numeric`).join("; "),
    dateField,
    "extract_field",
  ),
  strict("extract(text, interval) numeric", intervalField, "extract_interval_field"),
  strict("extract(text, time) numeric", timeField, "extract_time_field"),
  strict(
    fields.map((type) => `date_part(text, ${type}) float8`).join("; "),
    (field: string, value: string) => numberOf(dateField(field, value)),
    "part_field",
  ),
  strict(
    "date_part(text, interval) float8",
    (field: string, value: string) => numberOf(intervalField(field, value)),
    "part_interval_field",
  ),
  strict(
    "date_part(text, time) float8",
    (field: string, value: string) => numberOf(timeField(field, value)),
    "part_time_field",
  ),
];

function numberOf(text: string | null): number | null {
  return text === null ? null : Number(text);
}

const arithmetic: readonly LibraryEntry[] = [
  strict("+(timestamp, interval) timestamp", plus, "timestamp_plus"),
  native("+(interval, timestamp) timestamp", "timestamp_plus($2, $1)"),
  strict("-(timestamp, interval) timestamp", minus, "timestamp_minus"),
  native("+(date, interval) timestamp", "timestamp_plus(date_to_timestamp($1), $2)"),
  native("+(interval, date) timestamp", "timestamp_plus(date_to_timestamp($2), $1)"),
  native("-(date, interval) timestamp", "timestamp_minus(date_to_timestamp($1), $2)"),
  strict("+(date, int4) date", addDays, "date_plus"),
  native("+(int4, date) date", "date_plus($2, $1)"),
  native("-(date, int4) date", "date_plus($1, - $2)"),
  strict("-(date, date) int4", daysBetween, "date_difference"),
  strict(
    "+(date, time) timestamp",
    (date: string, time: string) => (isInfinite(date) ? date : `${date} ${time}`),
    "date_and_time",
  ),
  native("+(time, date) timestamp", "date_and_time($2, $1)"),
  strict(
    "-(timestamp, timestamp) interval; -(timestamptz, timestamptz) interval",
    subtract,
    "timestamp_difference",
  ),
  strict(
    "-(time, time) interval",
    (left: string, right: string) =>
      formatInterval({ months: 0, days: 0, micros: BigInt(readTime(left) - readTime(right)) }),
    "time_difference",
  ),
  strict(
    "+(time, interval) time",
    (time: string, interval: string) => timePlus(time, interval, 1n),
    "time_plus",
  ),
  strict(
    "-(time, interval) time",
    (time: string, interval: string) => timePlus(time, interval, -1n),
    "time_minus",
  ),
  native("+(interval, time) time", "time_plus($2, $1)"),
  strict("+(interval, interval) interval", intervalOf(addIntervals), "interval_plus"),
  strict(
    "-(interval, interval) interval",
    intervalOf((left, right) => addIntervals(left, negateInterval(right))),
    "interval_minus",
  ),
  strict(
    "-(interval) interval",
    (interval: string) => formatInterval(negateInterval(parseInterval(interval))),
    "interval_negate",
  ),
  strict("*(interval, float8) interval", scaled, "interval_multiply"),
  native("*(float8, interval) interval", "interval_multiply($2, $1)"),
  strict("/(interval, float8) interval", divided, "interval_divide"),
];

const clock: readonly LibraryEntry[] = [
  contextual("now() timestamptz; transaction_timestamp() timestamptz", now, "pg_now"),
  contextual(
    "statement_timestamp() timestamptz; clock_timestamp() timestamptz",
    (context) => formatMoment(momentOfMicros(context.clockMicros)),
    "pg_clock",
  ),
  internal("date_to_timestamp", 1, dateToTimestamp),
  internal("interval_key", 1, intervalKey),
  internal("timetz_key", 1, timetzKey),
];

export const dateTimeFunctions: readonly LibraryEntry[] = [
  ...clock,
  ...arithmetic,
  ...fieldFunctions,
  strict("date_trunc(text, timestamp) timestamp", truncateMoment),
  strict("date_trunc(text, interval) interval", truncateInterval, "truncate_interval"),
  strict("age(timestamp, timestamp) interval", age),
  native("age(timestamp) interval", "pg_age(date_to_timestamp(current_day(0, $zone)), $1)"),
  strict("make_date(int4, int4, int4) date", makeDate),
  strict("make_time(int4, int4, float8) time", makeTime),
  strict("make_timestamp(int4, int4, int4, int4, int4, float8) timestamp", makeMoment),
  strict("to_timestamp(float8) timestamptz", toTimestamp, "epoch_to_timestamp"),
  strict("justify_days(interval) interval", justified({ days: true, hours: false })),
  strict("justify_hours(interval) interval", justified({ days: false, hours: true })),
  strict("justify_interval(interval) interval", justified({ days: true, hours: true })),
  strict(
    "isfinite(timestamp) bool; isfinite(timestamptz) bool; isfinite(date) bool",
    (stored: string) => (isInfinite(stored) ? 0n : 1n),
  ),
  native("isfinite(interval) bool", "($1 IS NOT NULL)"),
];
