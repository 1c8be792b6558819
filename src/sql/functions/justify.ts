import { MICROS_PER_DAY } from "../types/datetime/calendar.ts";
import { formatInterval } from "../types/datetime/interval.ts";
import { type Interval, parseInterval } from "../types/datetime/interval-input.ts";

const DAY = BigInt(MICROS_PER_DAY);

/** justify_days(), justify_hours() and justify_interval(): what carries over into the next unit. */
export function justified(units: { readonly days: boolean; readonly hours: boolean }) {
  return (text: string): string => {
    let interval = parseInterval(text);
    if (units.hours) interval = wholeDays(interval);
    if (units.days) interval = sameSignMonths(wholeMonths(interval));
    return formatInterval(units.hours ? sameSignDays(interval) : interval);
  };
}

function wholeDays({ months, days, micros }: Interval): Interval {
  const carried = micros / DAY;
  return { months, days: days + Number(carried), micros: micros - carried * DAY };
}

function wholeMonths({ months, days, micros }: Interval): Interval {
  const carried = Math.trunc(days / 30);
  return { months: months + carried, days: days - carried * 30, micros };
}

function sameSignMonths(interval: Interval): Interval {
  const { months, days, micros } = interval;
  if (months > 0 && (days < 0 || (days === 0 && micros < 0n))) {
    return { months: months - 1, days: days + 30, micros };
  }
  if (months < 0 && (days > 0 || (days === 0 && micros > 0n))) {
    return { months: months + 1, days: days - 30, micros };
  }
  return interval;
}

function sameSignDays(interval: Interval): Interval {
  const { months, days, micros } = interval;
  if (days > 0 && micros < 0n) return { months, days: days - 1, micros: micros + DAY };
  if (days < 0 && micros > 0n) return { months, days: days + 1, micros: micros - DAY };
  return interval;
}
