/** extract(), date_part() and date_trunc(). */
import { SqlError } from "../errors.ts";
import {
  civilFromDays,
  daysFromCivil,
  formatMoment,
  type Moment,
  readMoment,
  readTime,
  UNIX_EPOCH_DAYS,
} from "../types/datetime/calendar.ts";
import { type Interval, parseInterval } from "../types/datetime/interval-input.ts";
import { finite, print } from "./numeric.ts";

const decimal = (digits: bigint, scale: number): string => print(finite(digits, scale));

const PLURALS: Readonly<Record<string, string>> = {
  microseconds: "microsecond",
  milliseconds: "millisecond",
  seconds: "second",
  sec: "second",
  minutes: "minute",
  min: "minute",
  hours: "hour",
  days: "day",
  weeks: "week",
  months: "month",
  mon: "month",
  quarters: "quarter",
  years: "year",
  decades: "decade",
  centuries: "century",
  millennia: "millennium",
  millenniums: "millennium",
  msec: "millisecond",
  usec: "microsecond",
};

function normalized(field: string): string {
  const name = field.toLowerCase();
  return PLURALS[name] ?? name;
}

function notRecognized(field: string, type: string): SqlError {
  return new SqlError("22023", `unit "${field}" not recognized for type ${type}`);
}

function clockField(name: string, micros: bigint): string | undefined {
  const seconds = micros % 60_000_000n;
  switch (name) {
    case "microsecond":
      return seconds.toString();
    case "millisecond":
      return decimal(seconds, 3);
    case "second":
      return decimal(seconds, 6);
    case "minute":
      return ((micros / 60_000_000n) % 60n).toString();
    case "hour":
      return (micros / 3_600_000_000n).toString();
    default:
      return undefined;
  }
}

/** The Monday of ISO week 1 of a year. */
function firstMonday(year: number): number {
  const fourth = daysFromCivil({ year, month: 1, day: 4 });
  return fourth - (isoDay(fourth) - 1);
}

/** 1 for Monday to 7 for Sunday. 2000-01-01 was a Saturday. */
export function isoDay(days: number): number {
  return ((((days + 5) % 7) + 7) % 7) + 1;
}

export function isoYear(days: number): number {
  const { year } = civilFromDays(days);
  if (days < firstMonday(year)) return year - 1;
  return days >= firstMonday(year + 1) ? year + 1 : year;
}

export function isoWeek(days: number): number {
  return Math.floor((days - firstMonday(isoYear(days))) / 7) + 1;
}

export function dayOfYear(days: number): number {
  return days - daysFromCivil({ year: civilFromDays(days).year, month: 1, day: 1 }) + 1;
}

function calendarField(name: string, { days, micros }: Moment): string | undefined {
  const { year, month, day } = civilFromDays(days);
  const fields: Readonly<Record<string, () => number>> = {
    day: () => day,
    month: () => month,
    quarter: () => Math.floor((month - 1) / 3) + 1,
    year: () => year,
    decade: () => Math.floor(year / 10),
    century: () => Math.ceil(year / 100),
    millennium: () => Math.ceil(year / 1000),
    dow: () => isoDay(days) % 7,
    isodow: () => isoDay(days),
    doy: () => dayOfYear(days),
    week: () => isoWeek(days),
    isoyear: () => isoYear(days),
    timezone: () => 0,
    timezone_hour: () => 0,
    timezone_minute: () => 0,
  };
  if (name === "epoch") {
    return decimal(BigInt(days + UNIX_EPOCH_DAYS) * 86_400_000_000n + BigInt(micros), 6);
  }
  return name === "julian" ? julian(days, micros) : fields[name]?.().toString();
}

function julian(days: number, micros: number): string {
  const fraction = decimal(BigInt(Math.round((micros / 86_400_000_000) * 1e15)), 15);
  const whole = days + 2_451_545;
  return micros === 0 ? whole.toString() : `${whole}${fraction.slice(fraction.indexOf("."))}`;
}

/** A field of a date or timestamp, as numeric. */
export function dateField(field: string, stored: string): string | null {
  const name = normalized(field);
  const isDate = stored.length === 10;
  if (stored.endsWith("infinity")) {
    return MONOTONIC.has(name) ? (stored.startsWith("-") ? "-Infinity" : "Infinity") : null;
  }
  const moment = readMoment(stored);
  const found = calendarField(name, moment);
  if (found !== undefined) {
    return isDate && name === "epoch" ? found.replace(/\.0+$/, "") : found;
  }
  const clock = isDate ? undefined : clockField(name, BigInt(moment.micros));
  if (clock === undefined) {
    throw notRecognized(field, isDate ? "date" : "timestamp without time zone");
  }
  return clock;
}

const MONOTONIC: ReadonlySet<string> = new Set([
  "epoch",
  "year",
  "isoyear",
  "decade",
  "century",
  "millennium",
  "julian",
]);

export function timeField(field: string, stored: string): string {
  const name = normalized(field);
  const micros = BigInt(readTime(stored));
  if (name === "epoch") return decimal(micros, 6);
  const found = clockField(name, micros);
  if (found === undefined) throw notRecognized(field, "time without time zone");
  return found;
}

export function intervalField(field: string, text: string): string {
  const interval = parseInterval(text);
  const name = normalized(field);
  const { months, days, micros } = interval;
  const fields: Readonly<Record<string, () => number>> = {
    day: () => days,
    month: () => months % 12,
    quarter: () => Math.trunc((months % 12) / 3) + 1,
    year: () => Math.trunc(months / 12),
    decade: () => Math.trunc(months / 120),
    century: () => Math.trunc(months / 1200),
    millennium: () => Math.trunc(months / 12_000),
  };
  if (name === "epoch") return epochOf(interval);
  const found = fields[name]?.().toString() ?? clockField(name, micros);
  if (found === undefined) throw notRecognized(field, "interval");
  return found;
}

/** A year counts 365.25 days here, other months 30. */
function epochOf({ months, days, micros }: Interval): string {
  const years = BigInt(Math.trunc(months / 12));
  const seconds = years * 31_557_600n + BigInt(months % 12) * 2_592_000n + BigInt(days) * 86_400n;
  return decimal(seconds * 1_000_000n + micros, 6);
}

const CLOCK_UNITS: Readonly<Record<string, number>> = {
  microsecond: 1,
  millisecond: 1000,
  second: 1_000_000,
  minute: 60_000_000,
  hour: 3_600_000_000,
  day: 86_400_000_000,
};

/** date_trunc() of a timestamp. */
export function truncateMoment(field: string, stored: string): string {
  const name = normalized(field);
  if (stored.endsWith("infinity")) {
    return stored;
  }
  const { days, micros } = readMoment(stored);
  const unit = CLOCK_UNITS[name];
  if (unit !== undefined) {
    return formatMoment({ days, micros: Math.floor(micros / unit) * unit });
  }
  const start = startOf(name, days);
  if (start === undefined) throw notRecognized(field, "timestamp without time zone");
  return formatMoment({ days: start, micros: 0 });
}

/** The storage form knows no year before 1. */
function january(year: number): number {
  return daysFromCivil({ year: Math.max(1, year), month: 1, day: 1 });
}

function startOf(name: string, days: number): number | undefined {
  const { year, month } = civilFromDays(days);
  switch (name) {
    case "week":
      return days - (isoDay(days) - 1);
    case "month":
      return daysFromCivil({ year, month, day: 1 });
    case "quarter":
      return daysFromCivil({ year, month: Math.floor((month - 1) / 3) * 3 + 1, day: 1 });
    case "year":
      return january(year);
    case "decade":
      return january(Math.floor(year / 10) * 10);
    case "century":
      return january((Math.ceil(year / 100) - 1) * 100 + 1);
    case "millennium":
      return january((Math.ceil(year / 1000) - 1) * 1000 + 1);
    default:
      return undefined;
  }
}
