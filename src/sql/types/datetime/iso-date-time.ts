import {
  daysFromCivil,
  daysInMonth,
  MICROS_PER_HOUR,
  MICROS_PER_MINUTE,
  MICROS_PER_SECOND,
} from "./calendar.ts";
import type { DateTimeInput } from "./input.ts";

const ISO =
  /^(\d{4})-(\d\d)-(\d\d)(?:[ T](\d\d):(\d\d):(\d\d)(?:\.(\d{1,6}))?(?:([+-])(\d\d)(?::?(\d\d))?)?)?$/;

/**
 * A date, with or without a time and its offset, as nearly every program writes it:
 * 2026-11-26 18:23:47.123456+00. Null: it is something else, or not right, and the rules for what people
 * write have to look (input.ts), which takes many times as long.
 */
export function readIso(text: string): DateTimeInput | null {
  const parts = ISO.exec(text);
  if (parts === null) return null;
  const days = daysOf(Number(parts[1]), Number(parts[2]), Number(parts[3]));
  if (days === null) return null;
  if (parts[4] === undefined) return { kind: "fields", days, micros: null, zone: null };
  const clock = clockOf(Number(parts[4]), Number(parts[5]), Number(parts[6]));
  if (clock === null) return null;
  const micros = clock + Number((parts[7] ?? "").padEnd(6, "0"));
  const sign = parts[8];
  if (sign === undefined) return { kind: "fields", days, micros, zone: null };
  const offset = offsetOf(Number(parts[9]), Number(parts[10] ?? "0"));
  if (offset === null) return null;
  const offsetSeconds = sign === "-" && offset > 0 ? -offset : offset;
  return { kind: "fields", days, micros, zone: { kind: "fixed", offsetSeconds } };
}

function daysOf(year: number, month: number, day: number): number | null {
  const isMonth = year > 0 && month > 0 && month <= 12;
  if (!isMonth || day === 0 || day > daysInMonth(year, month)) return null;
  return daysFromCivil({ year, month, day });
}

function clockOf(hours: number, minutes: number, seconds: number): number | null {
  if (hours > 23 || minutes > 59 || seconds > 59) return null;
  return hours * MICROS_PER_HOUR + minutes * MICROS_PER_MINUTE + seconds * MICROS_PER_SECOND;
}

/** Seconds. */
function offsetOf(hours: number, minutes: number): number | null {
  return hours > 15 || minutes > 59 ? null : hours * 3600 + minutes * 60;
}
