/**
 * Reads intervals: PostgreSQL's own words (`1 day 02:03`, `3 weeks ago`), SQL's (`1-2`, `1 10:20`)
 * and ISO 8601 durations (`P1Y2M3DT4H5M6.7S`, `P0001-02-03T04:05:06`).
 */
import { SqlError } from "../../errors.ts";
import { trimSpace } from "../conversion.ts";
import { roundHalfEven } from "../float.ts";

/** The three parts do not convert into each other: a month has no fixed length, nor has a day. */
export interface Interval {
  readonly months: number;
  readonly days: number;
  readonly micros: bigint;
}

type Unit =
  | "microsecond"
  | "millisecond"
  | "second"
  | "minute"
  | "hour"
  | "day"
  | "week"
  | "month"
  | "year"
  | "decade"
  | "century"
  | "millennium";

const MICROS_PER: Partial<Record<Unit, bigint>> = {
  microsecond: 1n,
  millisecond: 1000n,
  second: 1_000_000n,
  minute: 60_000_000n,
  hour: 3_600_000_000n,
};
const DAYS_PER: Partial<Record<Unit, number>> = { day: 1, week: 7 };
const YEARS_PER: Partial<Record<Unit, number>> = {
  year: 1,
  decade: 10,
  century: 100,
  millennium: 1000,
};

const UNIT_WORDS: readonly (readonly [unit: Unit, words: RegExp])[] = [
  ["microsecond", /^(?:us|usecs?|microseconds?|useconds?)$/],
  ["millisecond", /^(?:ms|msecs?|milliseconds?|mseconds?)$/],
  ["second", /^(?:s|secs?|seconds?)$/],
  ["minute", /^(?:m|mins?|minutes?)$/],
  ["hour", /^(?:h|hrs?|hours?)$/],
  ["day", /^(?:d|days?)$/],
  ["week", /^(?:w|weeks?)$/],
  ["month", /^(?:mons?|months?)$/],
  ["year", /^(?:y|yrs?|years?)$/],
  ["decade", /^(?:decs?|decades?)$/],
  ["century", /^(?:c|cent|century|centuries)$/],
  ["millennium", /^(?:mil|mils|millennia|millennium)$/],
];

function unitOf(word: string): Unit | undefined {
  return UNIT_WORDS.find(([, words]) => words.test(word))?.[0];
}

const RANGE_UNITS: Readonly<Record<number, Unit>> = {
  2: "month",
  4: "year",
  6: "month",
  8: "day",
  1024: "hour",
  1032: "hour",
  2048: "minute",
  3072: "minute",
  3080: "minute",
};

const RANGE_FULL = 0x7fff;
const LENGTH_MAX = 256;
/** Of the numbers in ISO 8601 durations. */
const REAL_MAX = 1e15;

/**
 * `range` is that of the type modifier (`interval day to hour`): it says what a number without a
 * unit means. Throws 22007 and, for parts that do not fit, 22015.
 */
export function parseInterval(text: string, range = RANGE_FULL): Interval {
  const trimmed = trimSpace(text);
  if (trimmed.length > LENGTH_MAX) throw invalidInterval(text);
  const sum = new IntervalSum(text);
  const bareUnit = RANGE_UNITS[range] ?? "second";
  const complete = /^p/i.test(trimmed)
    ? readIso(trimmed.slice(1).toUpperCase(), sum)
    : readWords(trimmed.toLowerCase(), sum, bareUnit);
  if (!complete) throw invalidInterval(text);
  return sum.finish();
}

function invalidInterval(text: string): SqlError {
  return new SqlError("22007", `invalid input syntax for type interval: "${text}"`);
}

/** Adds up the parts; fractions spill into the next smaller part. */
class IntervalSum {
  readonly #text: string;
  readonly #seen = new Set<Unit>();
  #months = 0;
  #days = 0;
  #micros = 0n;

  constructor(text: string) {
    this.#text = text;
  }

  /** As add; a unit may come once only. */
  addOnce(number: string, unit: Unit, rounded = roundHalfDown): void {
    if (this.#seen.has(unit)) throw invalidInterval(this.#text);
    this.#seen.add(unit);
    this.add(number, unit, rounded);
  }

  /** `number` is a decimal with optional sign; `rounded` makes microseconds whole. */
  add(number: string, unit: Unit, rounded = roundHalfDown): void {
    const [whole = "", fraction = ""] = number.replace(/^[+-]/, "").split(".");
    const sign = number.startsWith("-") ? -1 : 1;
    const part = fraction === "" ? 0 : sign * Number(`0.${fraction}`);
    this.#addParts(BigInt(sign) * BigInt(whole || "0"), part, unit, rounded);
  }

  /** As add, for a number that is read as a float8 before its fraction is taken. */
  addReal(number: string, unit: Unit): void {
    const value = Number(number);
    if (Math.abs(value) > REAL_MAX) throw this.outOfRange();
    const whole = Math.trunc(value);
    this.#addParts(BigInt(whole), value - whole, unit, roundHalfDown);
  }

  #addParts(whole: bigint, part: number, unit: Unit, rounded: (value: number) => number): void {
    const micros = MICROS_PER[unit];
    if (micros === undefined) this.#addDate(Number(whole), part, unit);
    else this.#micros += whole * micros + BigInt(rounded(part * Number(micros)));
  }

  #addDate(value: number, part: number, unit: Unit): void {
    const days = DAYS_PER[unit];
    const years = YEARS_PER[unit];
    if (days !== undefined) {
      this.#days += value * days;
      this.#addDayFraction(part * days);
    } else if (years !== undefined) {
      this.#months += value * years * 12 + roundHalfEven(part * years * 12);
    } else {
      this.#months += value;
      this.#addDayFraction(part * 30);
    }
  }

  /** Whole days first; what is left becomes time. */
  #addDayFraction(days: number): void {
    const whole = Math.trunc(days);
    this.#days += whole;
    this.#micros += BigInt(roundHalfDown((days - whole) * 86_400_000_000));
  }

  negate(): void {
    this.#months = -this.#months;
    this.#days = -this.#days;
    this.#micros = -this.#micros;
  }

  outOfRange(): SqlError {
    return new SqlError("22015", `interval field value out of range: "${this.#text}"`);
  }

  finish(): Interval {
    const fits =
      fitsInt32(this.#months) &&
      fitsInt32(this.#days) &&
      BigInt.asIntN(64, this.#micros) === this.#micros;
    if (!fits) throw this.outOfRange();
    // -0 would print a sign.
    return { months: this.#months + 0, days: this.#days + 0, micros: this.#micros };
  }
}

function fitsInt32(value: number): boolean {
  return value >= -0x8000_0000 && value <= 0x7fff_ffff;
}

/** Half a microsecond is dropped where a unit's fraction becomes time. */
function roundHalfDown(value: number): number {
  const whole = Math.trunc(value);
  const rest = value - whole;
  if (rest > 0.5) return whole + 1;
  return rest < -0.5 ? whole - 1 : whole;
}

const SPACE = /[ \t\n\r\f\v,@]*/y;
const CLOCK = /([+-]?)(\d+):(\d+)(?::(\d+(?:\.\d*)?)|(\.\d*))?/y;
const YEAR_MONTH = /([+-]?)(\d+)-(\d+)(?![\d:])/y;
// Behind a sign stands a digit.
const NUMBER = /[+-]?\d+(?:\.\d*)?|\.\d+/y;
const WORD = /[a-zµ]+/y;

function matchAt(pattern: RegExp, text: string, at: number): RegExpExecArray | null {
  pattern.lastIndex = at;
  return pattern.exec(text);
}

/** False: not an interval. */
function readWords(text: string, sum: IntervalSum, bareUnit: Unit): boolean {
  let at = 0;
  let parts = 0;
  while (at < text.length) {
    at += matchAt(SPACE, text, at)?.[0].length ?? 0;
    if (at >= text.length) break;
    const ago = /^ago$/.test(text.slice(at));
    if (ago) {
      if (parts === 0) return false;
      sum.negate();
      return true;
    }
    const length = readPart(text, at, sum, bareUnit);
    if (length === 0) return false;
    at += length;
    parts += 1;
  }
  return parts > 0;
}

/** Characters taken; 0: nothing that belongs into an interval. */
function readPart(text: string, at: number, sum: IntervalSum, bareUnit: Unit): number {
  const clock = matchAt(CLOCK, text, at);
  if (clock !== null) {
    addClock(clock, sum);
    return clock[0].length;
  }
  const yearMonth = matchAt(YEAR_MONTH, text, at);
  if (yearMonth !== null) {
    const [all, sign = "", years = "", months = ""] = yearMonth;
    if (Number(months) > 11) return 0;
    sum.addOnce(sign + years, "year");
    sum.addOnce(sign + months, "month");
    return all.length;
  }
  return readNumber(text, at, sum, bareUnit);
}

function addClock(clock: RegExpExecArray, sum: IntervalSum): void {
  const [, sign = "", first = "", second = "", third = "0", fraction] = clock;
  // 10:20.5 is minutes and seconds.
  const [hours, minutes, seconds] =
    fraction === undefined ? [first, second, third] : ["0", first, second + fraction];
  if (Number(minutes) > 59 || Number(seconds) >= 61) throw sum.outOfRange();
  sum.addOnce(sign + hours, "hour");
  sum.addOnce(sign + minutes, "minute");
  // The seconds of a clock are read as those of a time.
  sum.addOnce(sign + seconds, "second", roundHalfEven);
}

function readNumber(text: string, at: number, sum: IntervalSum, bareUnit: Unit): number {
  const number = matchAt(NUMBER, text, at)?.[0];
  if (number === undefined) return 0;
  const space = matchAt(SPACE, text, at + number.length)?.[0] ?? "";
  const wordAt = at + number.length + space.length;
  const word = matchAt(WORD, text, wordAt)?.[0];
  const unit = word === undefined ? undefined : unitOf(word);
  if (word !== undefined && unit === undefined && word !== "ago") return 0;
  if (word !== undefined && unit !== undefined) {
    sum.addOnce(number, unit);
    return number.length + space.length + word.length;
  }
  // SQL's `1 10:20:30`: a number in front of a clock counts days.
  sum.addOnce(number, matchAt(CLOCK, text, wordAt) === null ? bareUnit : "day");
  return number.length;
}

const ISO_DATE_UNITS: Readonly<Record<string, Unit>> = {
  Y: "year",
  M: "month",
  W: "week",
  D: "day",
};
const ISO_TIME_UNITS: Readonly<Record<string, Unit>> = { H: "hour", M: "minute", S: "second" };
const ISO_PART = /(-?(?:\d+(?:\.\d*)?|\.\d+)(?:E[+-]?\d+)?)([YMWDHS])/y;

/** Behind the P. False: not a duration. */
function readIso(text: string, sum: IntervalSum): boolean {
  const alternative =
    /^([+-]?\d+)-([+-]?\d+)-([+-]?\d+)(?:T([+-]?)(\d+):(\d+)(?::(\d+(?:\.\d*)?))?)?$/.exec(text);
  if (alternative !== null) return addIsoAlternative(alternative, sum);
  let at = 0;
  let units = ISO_DATE_UNITS;
  while (at < text.length) {
    if (text.charAt(at) === "T" && units === ISO_DATE_UNITS) {
      units = ISO_TIME_UNITS;
      at += 1;
      continue;
    }
    const part = matchAt(ISO_PART, text, at);
    const unit = units[part?.[2] ?? ""];
    if (part === null || unit === undefined) return false;
    sum.addReal(part[1] ?? "", unit);
    at += part[0].length;
  }
  return at > 0;
}

function addIsoAlternative(parts: RegExpExecArray, sum: IntervalSum): boolean {
  const [, years = "", months = "", days = "", sign = "", hours, minutes, seconds] = parts;
  sum.add(years, "year");
  sum.add(months, "month");
  sum.add(days, "day");
  sum.add(sign + (hours ?? "0"), "hour");
  sum.add(sign + (minutes ?? "0"), "minute");
  sum.addReal(sign + (seconds ?? "0"), "second");
  return true;
}
