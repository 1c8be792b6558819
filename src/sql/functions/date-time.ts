/** Calendar arithmetic over moments and intervals. */
import { SqlError } from "../errors.ts";
import {
  addMicros,
  civilFromDays,
  DAYS_MAX,
  DAYS_MIN,
  daysFromCivil,
  daysInMonth,
  type Moment,
} from "../types/datetime/calendar.ts";
import type { Interval } from "../types/datetime/interval-input.ts";

/** Months first, ending on the last day of a shorter month; then days; then the time. */
export function addInterval(moment: Moment, { months, days, micros }: Interval): Moment {
  const moved = addMicros(
    { days: addMonths(moment.days, months) + days, micros: moment.micros },
    Number(micros),
  );
  if (moved.days < DAYS_MIN || moved.days > DAYS_MAX) {
    throw new SqlError("22008", "timestamp out of range");
  }
  return moved;
}

function addMonths(days: number, months: number): number {
  if (months === 0) {
    return days;
  }
  const { year, month, day } = civilFromDays(days);
  const total = year * 12 + (month - 1) + months;
  const [newYear, newMonth] = [Math.floor(total / 12), (((total % 12) + 12) % 12) + 1];
  const last = daysInMonth(newYear, newMonth);
  return daysFromCivil({ year: newYear, month: newMonth, day: Math.min(day, last) });
}

export function negateInterval({ months, days, micros }: Interval): Interval {
  return { months: 0 - months, days: 0 - days, micros: -micros };
}

export function addIntervals(left: Interval, right: Interval): Interval {
  return {
    months: left.months + right.months,
    days: left.days + right.days,
    micros: left.micros + right.micros,
  };
}

const MICROS_PER_DAY = 86_400_000_000n;

/** A factor of an interval: fractions of months go to days, of days to the time. */
export function scaleInterval(interval: Interval, factor: number): Interval {
  const months = interval.months * factor;
  const wholeMonths = Math.trunc(months);
  const daysOfMonths = roundMicro((months - wholeMonths) * 30);
  const days = interval.days * factor + daysOfMonths;
  const wholeDays = Math.trunc(interval.days * factor) + Math.trunc(daysOfMonths);
  const rest = roundMicro(days - wholeDays);
  const micros = Math.round(Number(interval.micros) * factor + rest * Number(MICROS_PER_DAY));
  return { months: wholeMonths, days: wholeDays, micros: BigInt(micros) };
}

function roundMicro(value: number): number {
  return Math.round(value * 1_000_000) / 1_000_000;
}

/** How PostgreSQL compares intervals: a month as 30 days, a day as 24 hours. */
export function intervalSpan({ months, days, micros }: Interval): bigint {
  return (BigInt(months) * 30n + BigInt(days)) * MICROS_PER_DAY + micros;
}

/** left - right in days and time. */
export function difference(left: Moment, right: Moment): Interval {
  const total =
    BigInt(left.days - right.days) * MICROS_PER_DAY + BigInt(left.micros - right.micros);
  return { months: 0, days: Number(total / MICROS_PER_DAY), micros: total % MICROS_PER_DAY };
}

/** age(): years, months and days, as calendars count them. */
export function symbolicDifference(left: Moment, right: Moment): Interval {
  const negative =
    left.days < right.days || (left.days === right.days && left.micros < right.micros);
  const [later, earlier] = negative ? [right, left] : [left, right];
  const [a, b] = [civilFromDays(later.days), civilFromDays(earlier.days)];
  let micros = later.micros - earlier.micros;
  let days = a.day - b.day;
  let months = (a.year - b.year) * 12 + (a.month - b.month);
  if (micros < 0) {
    micros += Number(MICROS_PER_DAY);
    days -= 1;
  }
  if (days < 0) {
    // The days of the earlier month of the pair, as timestamp_age() borrows them.
    days += negative
      ? daysInMonth(a.month === 1 ? a.year - 1 : a.year, a.month === 1 ? 12 : a.month - 1)
      : daysInMonth(b.year, b.month);
    months -= 1;
  }
  const result = { months, days, micros: BigInt(micros) };
  return negative ? negateInterval(result) : result;
}
