/**
 * Reads dates and times as people write them, by the rules of PostgreSQL's ParseDateTime and
 * DecodeDateTime with DateStyle "ISO, MDY". Words that depend on the clock (now, today …) are
 * refused: a replicated value must be the same on every node.
 */
import { notSupported, SqlError } from "../../errors.ts";
import { trimSpace } from "../conversion.ts";
import { roundHalfEven } from "../float.ts";
import {
  daysFromCivil,
  daysInMonth,
  MICROS_PER_DAY,
  MICROS_PER_HOUR,
  MICROS_PER_MINUTE,
  MICROS_PER_SECOND,
} from "./calendar.ts";
import { readIso } from "./iso-date-time.ts";
import { findZone, type Zone } from "./time-zone.ts";

/** What stood in the text. */
export type DateTimeInput =
  | { readonly kind: "infinity"; readonly negative: boolean }
  | {
      readonly kind: "fields";
      /** Null: no date was given. */
      readonly days: number | null;
      /** Time of day, up to and including 24:00; null: none was given. */
      readonly micros: number | null;
      readonly zone: Zone | null;
    };

export type DateTimeTypeName =
  | "date"
  | "time"
  | "time with time zone"
  | "timestamp"
  | "timestamp with time zone";

/** Longer input is no date (MAXDATELEN). */
const LENGTH_MAX = 128;

/** Throws 22007 (no date or time), 22008 (a field out of range), 22009, 22023 (unknown zone). */
export function parseDateTime(text: string, typeName: DateTimeTypeName): DateTimeInput {
  const trimmed = trimSpace(text);
  if (trimmed.length > LENGTH_MAX || trimmed === "") throw invalidDateTime(typeName, text);
  const iso = isTimeOfDay(typeName) ? null : readIso(trimmed);
  if (iso !== null) return iso;
  const special = parseSpecial(trimmed.toLowerCase(), typeName);
  if (special !== null) return special;
  const reader = new FieldReader(text, typeName);
  for (const token of tokenize(trimmed, () => invalidDateTime(typeName, text))) {
    reader.take(token);
  }
  return reader.finish();
}

function isTimeOfDay(typeName: DateTimeTypeName): boolean {
  return typeName === "time" || typeName === "time with time zone";
}

export function invalidDateTime(typeName: string, text: string): SqlError {
  return new SqlError("22007", `invalid input syntax for type ${typeName}: "${text}"`);
}

function fieldOutOfRange(text: string, fields: { hint?: string } = {}): SqlError {
  return new SqlError("22008", `date/time field value out of range: "${text}"`, fields);
}

const CLOCK_WORDS = /^(?:now|today|tomorrow|yesterday)(?![a-z])/;

function parseSpecial(lower: string, typeName: DateTimeTypeName): DateTimeInput | null {
  const infinity = /^(-?)\s*infinity$/.exec(lower);
  if (infinity !== null && !isTimeOfDay(typeName)) {
    return { kind: "infinity", negative: infinity[1] === "-" };
  }
  if (lower === "epoch") {
    const days = daysFromCivil({ year: 1970, month: 1, day: 1 });
    return { kind: "fields", days, micros: 0, zone: { kind: "fixed", offsetSeconds: 0 } };
  }
  const word = CLOCK_WORDS.exec(lower)?.[0];
  if (word !== undefined) throw notSupported(`"${word}" as a value of type ${typeName}`);
  return null;
}

type Token = { readonly kind: "time" | "date" | "number" | "zone" | "word"; readonly text: string };

/**
 * In this order: a time has colons, a date two equal parts' delimiters, a zone a sign. A date takes
 * what follows with its delimiter too, and is none then: 2020-01-01-02 has no offset. A word with an
 * offset is a zone of POSIX, even am-05; only a plus sign ends a word that means something else.
 */
const TOKENS: readonly (readonly [kind: Token["kind"], pattern: RegExp])[] = [
  ["time", /\d+:\d+(?::\d+(?:\.\d*)?|\.\d*)?/y],
  [
    "date",
    /\d+([-/])\d+(?:\1(?:\d|\1)*)?|\d+\.\d+\.[\d.]*|\d+([-/.])[a-z](?:[a-z\d]|\2)*|[a-z]{3,}-\d+-\d+/iy,
  ],
  ["number", /\d+(?:\.\d*)?/y],
  ["zone", /[+-]\d+(?::\d+)*/y],
  [
    "word",
    /j\d+|[a-z]+-\d+(?::\d+)*|(?!(?:am|pm|ad|bc|allballs)\+)[a-z]+\+\d+(?::\d+)*|t(?=\d)|[a-z]+(?:[/_][a-z_+\-/0-9]+)?/iy,
  ],
];

const SEPARATOR = /[ \t\n\r\f\v,@]+/y;

function tokenize(text: string, invalid: () => SqlError): readonly Token[] {
  const tokens: Token[] = [];
  let at = 0;
  while (at < text.length) {
    const start = at;
    SEPARATOR.lastIndex = at;
    at += SEPARATOR.exec(text)?.[0].length ?? 0;
    for (const [kind, pattern] of TOKENS) {
      pattern.lastIndex = at;
      const matched = pattern.exec(text)?.[0];
      if (matched === undefined) continue;
      tokens.push({ kind, text: matched });
      at += matched.length;
      break;
    }
    if (at === start) throw invalid();
  }
  return tokens;
}

const MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const MONTH_NAMES = [
  "january",
  "february",
  "march",
  "april",
  "may",
  "june",
  "july",
  "august",
  "september",
  "october",
  "november",
  "december",
];
const WEEKDAY =
  /^(?:mon(?:day)?|tues?(?:day)?|wed(?:s|nesday)?|thu(?:rs?)?(?:day)?|fri(?:day)?|sat(?:urday)?|sun(?:day)?)$/;

function monthNumber(word: string): number | null {
  const at = MONTHS.includes(word) ? MONTHS.indexOf(word) : MONTH_NAMES.indexOf(word);
  if (at >= 0) return at + 1;
  return word === "sept" ? 9 : null;
}

/** The astronomers' count of days at 2000-01-01, for J2451187. */
const JULIAN_DAY_OF_2000 = 2_451_545;

/** Two-digit years mean 1970 to 2069. */
function fullYear(digits: string): number {
  const year = Number(digits);
  if (digits.length > 2) return year;
  return year < 70 ? year + 2000 : year + 1900;
}

/** Collects the fields of one value from its tokens. */
class FieldReader {
  readonly #text: string;
  readonly #typeName: DateTimeTypeName;
  #year: number | null = null;
  #month: number | null = null;
  #day: number | null = null;
  #days: number | null = null;
  #monthWasName = false;
  #era: "ad" | "bc" | null = null;
  #micros: number | null = null;
  #half: "am" | "pm" | null = null;
  #zone: Zone | null = null;
  #timeFollows = false;

  constructor(text: string, typeName: DateTimeTypeName) {
    this.#text = text;
    this.#typeName = typeName;
  }

  take(token: Token): void {
    switch (token.kind) {
      case "time":
        this.#time(token.text);
        break;
      case "date":
        this.#dateParts(token.text);
        break;
      case "number":
        this.#number(token.text);
        break;
      case "zone":
        this.#offset(token.text);
        break;
      case "word":
        this.#word(token.text);
        break;
    }
  }

  finish(): DateTimeInput {
    const micros = this.#timeOfDay();
    const days = this.#date();
    if (days === null && micros === null) throw this.#invalid();
    return { kind: "fields", days, micros, zone: this.#zone };
  }

  #time(text: string): void {
    if (this.#micros !== null) throw this.#invalid();
    this.#timeFollows = false;
    const [hours = "", minutes = "", seconds = "0"] = clockParts(text);
    const [wholeSeconds = "", fraction = ""] = seconds.split(".");
    const clock = this.#clock(Number(hours), Number(minutes), Number(wholeSeconds));
    this.#micros = clock + fractionMicros(fraction);
  }

  #clock(hours: number, minutes: number, seconds: number): number {
    if (minutes > 59 || seconds > 60 || hours > 24) throw fieldOutOfRange(this.#text);
    return hours * MICROS_PER_HOUR + minutes * MICROS_PER_MINUTE + seconds * MICROS_PER_SECOND;
  }

  /** A date with delimiters; where only a time can stand, 040506-08 is one with its offset. */
  #dateParts(text: string): void {
    const [first = "", second = ""] = text.split("-");
    if (this.#isBareTime(first) && /^\d{4,6}-\d{1,2}$/.test(text)) {
      this.#compactTime(first, "");
      this.#offset(`-${second}`);
      return;
    }
    // One delimiter at the end is nothing, as in PostgreSQL.
    for (const part of text.replace(/[-/.]$/, "").split(/[-/.]/)) {
      if (/^\d+$/.test(part)) this.#dateNumber(part);
      else this.#monthName(part.toLowerCase());
    }
  }

  #monthName(word: string): void {
    const month = monthNumber(word);
    if (month === null) throw this.#invalid();
    // "1 Jan": the number in front was taken for the month.
    if (this.#month !== null) {
      if (this.#monthWasName || this.#day !== null) throw this.#invalid();
      this.#day = this.#month;
    }
    this.#month = month;
    this.#monthWasName = true;
  }

  /** The order is month, day, year; a number of three digits or more is the year. */
  #dateNumber(digits: string): void {
    if (digits.length >= 3 && this.#year === null) this.#year = Number(digits);
    else if (this.#month === null) this.#month = Number(digits);
    else if (this.#day === null) this.#day = Number(digits);
    else if (this.#year === null) this.#year = fullYear(digits);
    else throw this.#invalid();
  }

  #number(text: string): void {
    const [whole = "", fraction] = text.split(".");
    if (this.#wantsTimeNext(whole)) this.#compactTime(whole, fraction ?? "");
    else if (fraction !== undefined) this.#dayOfYear(whole, fraction);
    else if (whole.length === 8) this.#setCompactDate(whole.slice(0, 4), whole.slice(4));
    else if (whole.length === 6) this.#setCompactDate(whole.slice(0, 2), whole.slice(2));
    else this.#dateNumber(whole);
  }

  #wantsTimeNext(digits: string): boolean {
    const dateIsKnown = this.#days !== null || (this.#year !== null && this.#day !== null);
    return this.#timeFollows || (dateIsKnown && this.#micros === null) || this.#isBareTime(digits);
  }

  /** 040506 is a time where only a time can stand. */
  #isBareTime(digits: string): boolean {
    return (
      isTimeOfDay(this.#typeName) &&
      (digits.length === 4 || digits.length === 6) &&
      this.#year === null
    );
  }

  #compactTime(whole: string, fraction: string): void {
    this.#timeFollows = false;
    const complete = whole.length === 4 || whole.length === 6;
    if (this.#micros !== null || !complete) throw this.#invalid();
    const clock = this.#clock(
      Number(whole.slice(0, 2)),
      Number(whole.slice(2, 4)),
      Number(whole.slice(4, 6) || "0"),
    );
    this.#micros = clock + fractionMicros(fraction);
  }

  #setCompactDate(year: string, monthAndDay: string): void {
    if (this.#year !== null || this.#month !== null) throw this.#invalid();
    this.#year = fullYear(year);
    this.#month = Number(monthAndDay.slice(0, 2));
    this.#day = Number(monthAndDay.slice(2));
  }

  /** 1999.008 */
  #dayOfYear(year: string, digits: string): void {
    const dayOfYear = Number(digits);
    const complete = year.length >= 3 && digits.length === 3;
    if (!complete || this.#year !== null) throw this.#invalid();
    if (dayOfYear < 1 || dayOfYear > 366) throw fieldOutOfRange(this.#text);
    this.#days = daysFromCivil({ year: Number(year), month: 1, day: 1 }) + dayOfYear - 1;
  }

  #offset(text: string): void {
    if (this.#zone !== null) throw this.#invalid();
    const [hours, minutes, seconds] = offsetParts(text.slice(1));
    if (hours > 15 || minutes > 59 || seconds > 59) {
      throw new SqlError("22009", `time zone displacement out of range: "${this.#text}"`);
    }
    const offset = hours * 3600 + minutes * 60 + seconds;
    const west = text.startsWith("-") && offset > 0;
    this.#zone = { kind: "fixed", offsetSeconds: west ? -offset : offset };
  }

  #word(text: string): void {
    const word = text.toLowerCase();
    if (/^j\d+$/.test(word)) this.#days = Number(word.slice(1)) - JULIAN_DAY_OF_2000;
    else if (word === "t") this.#timeFollows = true;
    else if (word === "am" || word === "pm") this.#half = word;
    else if (word === "ad" || word === "bc") this.#era = word;
    else if (word === "allballs") {
      this.#micros = 0;
      this.#zone = { kind: "fixed", offsetSeconds: 0 };
    } else if (monthNumber(word) !== null) this.#monthName(word);
    else if (!WEEKDAY.test(word) && word !== "at" && word !== "on") this.#zoneName(text);
  }

  #zoneName(name: string): void {
    const zone = findZone(name);
    if (zone === undefined && /[/+-]/.test(name)) {
      throw new SqlError("22023", `time zone "${name.toLowerCase()}" not recognized`);
    }
    if (zone === undefined || this.#zone !== null) throw this.#invalid();
    this.#zone = zone;
  }

  #timeOfDay(): number | null {
    if (this.#timeFollows) throw this.#invalid();
    const micros = this.#micros;
    if (micros === null || this.#half === null) {
      if (micros !== null && micros > MICROS_PER_DAY) throw fieldOutOfRange(this.#text);
      return micros;
    }
    const hour = Math.floor(micros / MICROS_PER_HOUR);
    if (hour > 12) throw fieldOutOfRange(this.#text);
    if (this.#half === "am") return hour === 12 ? micros - 12 * MICROS_PER_HOUR : micros;
    return hour === 12 ? micros : micros + 12 * MICROS_PER_HOUR;
  }

  #date(): number | null {
    const parts = [this.#year, this.#month, this.#day].filter((part) => part !== null);
    if (parts.length === 0) return this.#days;
    if (this.#days !== null || this.#year === null) throw this.#invalid();
    if (this.#month === null || this.#day === null) throw this.#invalid();
    const year = this.#era === "bc" ? 1 - this.#year : this.#year;
    if (this.#year === 0) throw fieldOutOfRange(this.#text);
    if (this.#month < 1 || this.#month > 12 || this.#day < 1 || this.#day > 31) {
      throw fieldOutOfRange(this.#text, {
        hint: 'Perhaps you need a different "datestyle" setting.',
      });
    }
    if (this.#day > daysInMonth(year, this.#month)) throw fieldOutOfRange(this.#text);
    return daysFromCivil({ year, month: this.#month, day: this.#day });
  }

  #invalid(): SqlError {
    return invalidDateTime(this.#typeName, this.#text);
  }
}

/** Hours, minutes, seconds. Of two parts the second is minutes, or seconds where it has a point. */
function clockParts(text: string): readonly string[] {
  const parts = text.split(":");
  return parts.length === 2 && text.includes(".") ? ["0", ...parts] : parts;
}

/** Hours, minutes, seconds. Three digits and more without a colon are hours and minutes. */
function offsetParts(text: string): readonly [hours: number, minutes: number, seconds: number] {
  const [first = "", minutes, seconds = "0"] = text.split(":");
  const hours = Number(first);
  if (minutes !== undefined) return [hours, Number(minutes), Number(seconds)];
  return first.length < 3 ? [hours, 0, 0] : [Math.floor(hours / 100), hours % 100, 0];
}

function fractionMicros(digits: string): number {
  return digits === "" ? 0 : roundHalfEven(Number(`0.${digits}`) * MICROS_PER_SECOND);
}
