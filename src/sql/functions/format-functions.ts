import { readMoment } from "../types/datetime/calendar.ts";
import { parseInterval } from "../types/datetime/interval-input.ts";
import { formatDateTime, parseByTemplate } from "./date-template.ts";
import { formatNumber } from "./number-template.ts";
import type { LibraryEntry } from "./signature.ts";
import { strict } from "./signature.ts";
import { plainText } from "./text-functions.ts";

function toChar(stored: string, template: string): string | null {
  return stored.endsWith("infinity") ? null : formatDateTime(readMoment(stored), template);
}

/** An interval in the fields of a clock that may count beyond a day. */
function intervalToChar(text: string, template: string): string {
  const { months, days, micros } = parseInterval(text);
  return formatDateTime({ days: 0, micros: Number(micros) }, template, {
    year: Math.trunc(months / 12),
    month: months % 12,
    day: days,
  });
}

export const formatFunctions: readonly LibraryEntry[] = [
  strict("to_char(timestamp, text) text", toChar, "timestamp_to_char"),
  strict("to_char(interval, text) text", intervalToChar, "interval_to_char"),
  strict("to_char(numeric, text) text", formatNumber, "numeric_to_char"),
  strict(
    "to_char(int4, text) text; to_char(int8, text) text",
    (value: bigint, template: string) => formatNumber(value.toString(), template),
    "integer_to_char",
  ),
  strict(
    "to_char(float8, text) text",
    (value: number, template: string) => formatNumber(plainText(value), template),
    "float8_to_char",
  ),
  strict("to_date(text, text) date", (text: string, template: string) =>
    parseByTemplate(text, template).slice(0, 10),
  ),
];
