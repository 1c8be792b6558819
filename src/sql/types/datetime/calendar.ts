/**
 * Dates and times as numbers, and their storage forms. A day is counted from 2000-01-01 in the
 * proleptic Gregorian calendar; a time of day in microseconds. The storage forms (values.ts) hold
 * the years 1 to 9999, because beyond them text would not sort by time, and the two infinities.
 */

export interface CivilDate {
  /** 0 is 1 BC. */
  readonly year: number;
  /** 1 to 12. */
  readonly month: number;
  /** 1 to 31. */
  readonly day: number;
}

/** A point on a calendar without a time zone, or in UTC. `micros` is from 0 to below a day. */
export interface Moment {
  readonly days: number;
  readonly micros: number;
}

export const MICROS_PER_SECOND = 1_000_000;
export const MICROS_PER_MINUTE = 60 * MICROS_PER_SECOND;
export const MICROS_PER_HOUR = 60 * MICROS_PER_MINUTE;
export const MICROS_PER_DAY = 24 * MICROS_PER_HOUR;

/** Days from 1970-01-01 to 2000-01-01. */
export const UNIX_EPOCH_DAYS = 10_957;

/** 0001-01-01 and 9999-12-31. */
export const DAYS_MIN = -730_119;
export const DAYS_MAX = 2_921_939;

/** Days since 2000-01-01 (the days_from_civil algorithm, with years that begin in March). */
export function daysFromCivil({ year, month, day }: CivilDate): number {
  const marchYear = month <= 2 ? year - 1 : year;
  const era = Math.floor(marchYear / 400);
  const yearOfEra = marchYear - era * 400;
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1;
  const dayOfEra =
    yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear;
  return era * 146_097 + dayOfEra - 719_468 - UNIX_EPOCH_DAYS;
}

/** The inverse of daysFromCivil. */
export function civilFromDays(days: number): CivilDate {
  const shifted = days + UNIX_EPOCH_DAYS + 719_468;
  const era = Math.floor(shifted / 146_097);
  const dayOfEra = shifted - era * 146_097;
  const yearOfEra = Math.floor(
    (dayOfEra -
      Math.floor(dayOfEra / 1460) +
      Math.floor(dayOfEra / 36_524) -
      Math.floor(dayOfEra / 146_096)) /
      365,
  );
  const dayOfYear =
    dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const shiftedMonth = Math.floor((5 * dayOfYear + 2) / 153);
  const day = dayOfYear - Math.floor((153 * shiftedMonth + 2) / 5) + 1;
  const month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9;
  return { year: yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day };
}

/** 28 to 31. */
export function daysInMonth(year: number, month: number): number {
  if (month !== 2) return [4, 6, 9, 11].includes(month) ? 30 : 31;
  return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28;
}

/** Moves by microseconds, over day boundaries. */
export function addMicros({ days, micros }: Moment, delta: number): Moment {
  const sum = micros + delta;
  const carried = Math.floor(sum / MICROS_PER_DAY);
  return { days: days + carried, micros: sum - carried * MICROS_PER_DAY };
}

const two = (value: number): string => value.toString().padStart(2, "0");

/** YYYY-MM-DD; years before 1 as PostgreSQL prints them need the suffix " BC" from the caller. */
export function formatDate(days: number): string {
  const { year, month, day } = civilFromDays(days);
  const shown = year > 0 ? year : 1 - year;
  return `${shown.toString().padStart(4, "0")}-${two(month)}-${two(day)}`;
}

/** HH:MM:SS.ffffff, always six digits; 24:00:00.000000 for a whole day. */
export function formatTime(micros: number): string {
  const seconds = Math.floor(micros / MICROS_PER_SECOND);
  const fraction = (micros % MICROS_PER_SECOND).toString().padStart(6, "0");
  const hours = Math.floor(seconds / 3600);
  return `${two(hours)}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}.${fraction}`;
}

/** The storage form of a timestamp. */
export function formatMoment(moment: Moment): string {
  return `${formatDate(moment.days)} ${formatTime(moment.micros)}`;
}

const digits = (text: string, at: number, count: number): number =>
  Number(text.slice(at, at + count));

/** Reads the storage form of a date. */
export function readDate(stored: string): number {
  return daysFromCivil({
    year: digits(stored, 0, 4),
    month: digits(stored, 5, 2),
    day: digits(stored, 8, 2),
  });
}

/** Reads the storage form of a time, which is the start of `stored`; the fraction may be shorter. */
export function readTime(stored: string): number {
  const seconds = digits(stored, 0, 2) * 3600 + digits(stored, 3, 2) * 60 + digits(stored, 6, 2);
  const fraction = /^\.(\d{1,6})/.exec(stored.slice(8))?.[1] ?? "";
  return seconds * MICROS_PER_SECOND + Number(fraction.padEnd(6, "0"));
}

/** Reads the storage form of a timestamp that is not infinite. */
export function readMoment(stored: string): Moment {
  return { days: readDate(stored), micros: stored.length > 10 ? readTime(stored.slice(11)) : 0 };
}

/** Without the zeros (and the point) at the end of a fraction of seconds. */
export function trimFraction(stored: string): string {
  if (!stored.includes(".")) return stored;
  let end = stored.length;
  while (stored.charCodeAt(end - 1) === 0x30) end -= 1;
  return stored.slice(0, stored.charCodeAt(end - 1) === 0x2e ? end - 1 : end);
}

/** Rounds half away from zero to `precision` digits of a second; other precisions keep the value. */
export function roundMicros(micros: number, precision: number): number {
  if (precision < 0 || precision >= 6) return micros;
  const unit = 10 ** (6 - precision);
  return Math.sign(micros) * Math.floor((Math.abs(micros) + unit / 2) / unit) * unit;
}
