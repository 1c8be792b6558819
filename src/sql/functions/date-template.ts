/** The patterns of to_char(), to_date() and to_timestamp() for dates and times. */
import { SqlError } from "../errors.ts";
import {
  addMicros,
  civilFromDays,
  daysFromCivil,
  daysInMonth,
  formatMoment,
  type Moment,
} from "../types/datetime/calendar.ts";
import { dayOfYear as dayNumber, isoDay, isoWeek, isoYear } from "./date-fields.ts";

const MONTHS =
  "January February March April May June July August September October November December".split(
    " ",
  );
const DAYS = "Sunday Monday Tuesday Wednesday Thursday Friday Saturday".split(" ");

const PATTERNS = [
  "YYYY",
  "Y,YYY",
  "IYYY",
  "YYY",
  "IYY",
  "YY",
  "IY",
  "Y",
  "I",
  "HH24",
  "HH12",
  "HH",
  "MI",
  "SSSSS",
  "SSSS",
  "SS",
  "MS",
  "US",
  "MONTH",
  "Month",
  "month",
  "MON",
  "Mon",
  "mon",
  "MM",
  "RM",
  "rm",
  "DDD",
  "IDDD",
  "DD",
  "DAY",
  "Day",
  "day",
  "DY",
  "Dy",
  "dy",
  "D",
  "ID",
  "WW",
  "IW",
  "W",
  "CC",
  "Q",
  "J",
  "A.M.",
  "P.M.",
  "a.m.",
  "p.m.",
  "AM",
  "PM",
  "am",
  "pm",
  "B.C.",
  "A.D.",
  "BC",
  "AD",
  "bc",
  "ad",
  "b.c.",
  "a.d.",
  "TZH",
  "TZM",
  "TZ",
  "tz",
  "OF",
  "FF1",
  "FF2",
  "FF3",
  "FF4",
  "FF5",
  "FF6",
].toSorted((left, right) => right.length - left.length);

type Token =
  | { readonly kind: "text"; readonly text: string }
  | {
      readonly kind: "field";
      readonly name: string;
      readonly fill: boolean;
      readonly suffix: string;
    };

function tokens(template: string): readonly Token[] {
  const found: Token[] = [];
  let at = 0;
  while (at < template.length) {
    const quoted = /^"((?:[^"\\]|\\.)*)"/.exec(template.slice(at));
    if (quoted !== null) {
      found.push({ kind: "text", text: (quoted[1] ?? "").replace(/\\(.)/g, "$1") });
      at += quoted[0].length;
      continue;
    }
    const prefix = /^(?:FM|fm|TM|tm(?!z))*/.exec(template.slice(at))?.[0] ?? "";
    const rest = template.slice(at + prefix.length);
    const name = PATTERNS.find((pattern) => matches(rest, pattern));
    if (name === undefined) {
      found.push({ kind: "text", text: template.charAt(at) });
      at += 1;
      continue;
    }
    const suffix = /^(?:TH|th)/.exec(rest.slice(name.length))?.[0] ?? "";
    found.push({ kind: "field", name, fill: !/fm/i.test(prefix), suffix });
    at += prefix.length + name.length + suffix.length;
  }
  return found;
}

/** Names of months and days mind their case, numbers do not. */
function matches(text: string, pattern: string): boolean {
  const given = text.slice(0, pattern.length);
  return /^(?:month|mon|day|dy|rm|am|pm|bc|ad|a\.|p\.|b\.|tz$)/i.test(pattern)
    ? given === pattern
    : given.toUpperCase() === pattern;
}

interface Parts {
  readonly year: number;
  readonly month: number;
  readonly day: number;
}

export function formatDateTime(moment: Moment, template: string, given?: Parts): string {
  const parts = given ?? civilFromDays(moment.days);
  return tokens(template)
    .map((token) => {
      if (token.kind === "text") return token.text;
      const text = field(token.name, moment, parts, token.fill);
      return token.suffix === "" ? text : text + ordinal(text, token.suffix);
    })
    .join("");
}

function ordinal(text: string, suffix: string): string {
  const value = Number(text);
  const teen = Math.floor(value / 10) % 10 === 1;
  const ending = teen ? "th" : (["th", "st", "nd", "rd"][value % 10] ?? "th");
  return suffix === "TH" ? ending.toUpperCase() : ending;
}

function field(name: string, moment: Moment, parts: Parts, fill: boolean): string {
  const number = numberField(name, moment, parts);
  if (number !== undefined) {
    const [value, width] = number;
    const digits = Math.abs(value).toString();
    return (value < 0 ? "-" : "") + (fill ? digits.padStart(width, "0") : digits);
  }
  return wordField(name, moment, parts, fill);
}

function numberField(
  name: string,
  { days, micros }: Moment,
  { year, month, day }: Parts,
): readonly [number, number] | undefined {
  const seconds = Math.floor(Math.abs(micros) / 1e6);
  const hour = Math.floor(seconds / 3600);
  const fields: Readonly<Record<string, () => readonly [number, number]>> = {
    YYYY: () => [year, 4],
    YYY: () => [year % 1000, 3],
    YY: () => [year % 100, 2],
    Y: () => [year % 10, 1],
    IYYY: () => [isoYear(days), 4],
    IYY: () => [isoYear(days) % 1000, 3],
    IY: () => [isoYear(days) % 100, 2],
    I: () => [isoYear(days) % 10, 1],
    MM: () => [month, 2],
    DD: () => [day, 2],
    DDD: () => [dayNumber(days), 3],
    IDDD: () => [(isoWeek(days) - 1) * 7 + isoDay(days), 3],
    D: () => [(isoDay(days) % 7) + 1, 1],
    ID: () => [isoDay(days), 1],
    HH24: () => [hour, 2],
    HH12: () => [hour % 12 === 0 ? 12 : hour % 12, 2],
    HH: () => [hour % 12 === 0 ? 12 : hour % 12, 2],
    MI: () => [Math.floor(seconds / 60) % 60, 2],
    SS: () => [seconds % 60, 2],
    SSSS: () => [seconds, 1],
    SSSSS: () => [seconds, 1],
    MS: () => [Math.floor((Math.abs(micros) % 1e6) / 1000), 3],
    US: () => [Math.abs(micros) % 1e6, 6],
    WW: () => [Math.floor((dayNumber(days) - 1) / 7) + 1, 2],
    IW: () => [isoWeek(days), 2],
    W: () => [Math.floor((day - 1) / 7) + 1, 1],
    CC: () => [Math.ceil(year / 100), 2],
    Q: () => [Math.floor((month - 1) / 3) + 1, 1],
    J: () => [days + 2_451_545, 1],
  };
  const fraction = /^FF(\d)$/.exec(name)?.[1];
  if (fraction !== undefined) {
    const width = Number(fraction);
    return [Math.floor((Math.abs(micros) % 1e6) / 10 ** (6 - width)), width];
  }
  return fields[name]?.();
}

const ROMAN = "I II III IV V VI VII VIII IX X XI XII".split(" ");

function wordField(name: string, moment: Moment, parts: Parts, fill: boolean): string {
  const word = name.toLowerCase();
  const fixed = FIXED_WORDS[word];
  if (fixed !== undefined) {
    return cased(fixed, name);
  }
  if (word === "y,yyy") {
    return `${Math.floor(parts.year / 1000)},${String(parts.year % 1000).padStart(3, "0")}`;
  }
  const monthName = MONTHS[parts.month - 1] ?? "";
  const dayName = DAYS[isoDay(moment.days) % 7] ?? "";
  const half = moment.micros >= 43_200_000_000 ? "P" : "A";
  const words: Readonly<Record<string, readonly [text: string, width: number]>> = {
    month: [monthName, 9],
    mon: [monthName.slice(0, 3), 0],
    day: [dayName, 9],
    dy: [dayName.slice(0, 3), 0],
    rm: [ROMAN[parts.month - 1] ?? "", 4],
    am: [`${half}M`, 0],
    pm: [`${half}M`, 0],
    "a.m.": [`${half}.M.`, 0],
    "p.m.": [`${half}.M.`, 0],
  };
  const [text, width] = words[word] ?? [name.includes(".") ? "A.D." : "AD", 0];
  return cased(fill ? text.padEnd(width) : text, name);
}

/** Times are in UTC. */
const FIXED_WORDS: { readonly [word in string]?: string } = {
  tz: "UTC",
  tzh: "+00",
  of: "+00",
  tzm: "00",
};

function cased(text: string, like: string): string {
  if (like === like.toUpperCase()) return text.toUpperCase();
  return like === like.toLowerCase() ? text.toLowerCase() : text;
}

/** The text as a timestamp in storage form. Throws 22007 where it does not follow the template. */
export function parseByTemplate(text: string, template: string): string {
  const values = new Map<string, number>();
  let rest = text;
  let afternoon: boolean | undefined;
  for (const token of tokens(template)) {
    if (token.kind === "text") {
      rest = skipText(rest, token.text);
      continue;
    }
    rest = rest.trimStart();
    const half = /^[ap]\.?m\.?/i.exec(rest);
    if (/^[ap]\.?m\.?$/i.test(token.name) && half !== null) {
      afternoon = half[0].toLowerCase().startsWith("p");
      rest = rest.slice(half[0].length);
      continue;
    }
    rest = readField(token.name, rest, values);
  }
  return assembled(values, afternoon);
}

function skipText(rest: string, text: string): string {
  if (/^[A-Za-z0-9]/.test(text)) return rest.slice(text.length);
  return rest.replace(/^[^A-Za-z0-9+-]+|^[+-](?=\d)/, "");
}

const WIDTHS: Readonly<Record<string, number>> = {
  YYYY: 4,
  IYYY: 4,
  YYY: 3,
  YY: 2,
  Y: 1,
  DDD: 3,
  J: 7,
  MS: 3,
  US: 6,
  SSSS: 5,
  SSSSS: 5,
  D: 1,
  ID: 1,
  Q: 1,
  W: 1,
};

function readField(name: string, rest: string, values: Map<string, number>): string {
  const word = name.toLowerCase();
  if (["month", "mon", "day", "dy"].includes(word)) {
    return readName(word, rest, values);
  }
  if (FIXED_WORDS[word] !== undefined) {
    throw new SqlError("0A000", `formatting field "${name}" is only supported in to_char`);
  }
  const isFraction = name === "MS" || name === "US" || name.startsWith("FF");
  const width = WIDTHS[name] ?? (isFraction ? 6 : 2);
  const digits = new RegExp(`^\\d{1,${width}}`).exec(rest)?.[0];
  if (digits === undefined) {
    if (rest === "") return rest;
    throw new SqlError("22007", `invalid value "${rest.slice(0, width)}" for "${name}"`, {
      detail: "Value must be an integer.",
    });
  }
  values.set(name, Number(isFraction ? digits.padEnd(6, "0") : digits));
  return rest.slice(digits.length);
}

function readName(word: string, rest: string, values: Map<string, number>): string {
  const names = word.startsWith("m") ? MONTHS : DAYS;
  const short = word === "mon" || word === "dy";
  const index = names.findIndex((name) => {
    const wanted = short ? name.slice(0, 3) : name;
    return rest.slice(0, wanted.length).toLowerCase() === wanted.toLowerCase();
  });
  const found = names[index];
  if (found === undefined) {
    throw new SqlError("22007", `invalid value "${rest.slice(0, 9)}" for "${word}"`, {
      detail: "The given value did not match any of the allowed values for this field.",
    });
  }
  if (word.startsWith("m")) values.set("MM", index + 1);
  return rest.slice(short ? 3 : found.length);
}

function assembled(values: ReadonlyMap<string, number>, afternoon: boolean | undefined): string {
  const micros = timeOf(values, afternoon);
  return formatMoment(addMicros({ days: dayOf(values), micros: 0 }, micros));
}

function dayOf(values: ReadonlyMap<string, number>): number {
  const julian = values.get("J");
  if (julian !== undefined) return julian - 2_451_545;
  const year = yearOf(values);
  const dayOfYear = values.get("DDD");
  if (dayOfYear !== undefined) return daysFromCivil({ year, month: 1, day: 1 }) + dayOfYear - 1;
  const [month, day] = [values.get("MM") ?? 1, values.get("DD") ?? 1];
  if (month < 1 || month > 12 || day < 1 || day > daysInMonth(year, month)) {
    const date = `${String(year).padStart(4, "0")}-${String(month).padStart(2, "0")}-${String(day).padStart(2, "0")}`;
    throw new SqlError("22008", `date/time field value out of range: "${date}"`);
  }
  return daysFromCivil({ year, month, day });
}

function timeOf(values: ReadonlyMap<string, number>, afternoon: boolean | undefined): number {
  const minutes = hourOf(values, afternoon) * 60 + (values.get("MI") ?? 0);
  const clock = minutes * 60 + (values.get("SS") ?? 0);
  const seconds = values.get("SSSS") ?? values.get("SSSSS") ?? clock;
  const other = [...values].find(([name]) => name.startsWith("FF"))?.[1] ?? 0;
  return seconds * 1e6 + (values.get("US") ?? values.get("MS") ?? other);
}

function yearOf(values: ReadonlyMap<string, number>): number {
  const full = values.get("YYYY") ?? values.get("IYYY");
  if (full !== undefined) return full;
  const short = values.get("YY") ?? values.get("YYY") ?? values.get("Y");
  if (short === undefined) return 1;
  return short < 70 ? short + 2000 : short < 100 ? short + 1900 : short + 1000;
}

function hourOf(values: ReadonlyMap<string, number>, afternoon: boolean | undefined): number {
  const full = values.get("HH24");
  if (full !== undefined) {
    if (full > 23) throw new SqlError("22008", "date/time field value out of range");
    return full;
  }
  const hour = values.get("HH12") ?? values.get("HH") ?? 0;
  if (afternoon === undefined) return hour;
  return (hour % 12) + (afternoon ? 12 : 0);
}
