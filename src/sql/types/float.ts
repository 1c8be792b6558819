/** float4 and float8. Storage form: number; float4 rounded to single precision. */
import { notSupported, SqlError } from "../errors.ts";
import { expectNumber, fixedView, invalidInput, trimSpace } from "./conversion.ts";
import { ARRAY_OID, OID } from "./oids.ts";
import type { PgType } from "./pg-type.ts";

interface FloatNames {
  readonly name: "float4" | "float8";
  readonly displayName: string;
  readonly size: 4 | 8;
}

function floatType({ name, displayName, size }: FloatNames): PgType {
  return {
    oid: OID[name],
    name,
    displayName,
    size,
    category: "N",
    preferred: size === 8,
    arrayOid: ARRAY_OID[name],
    elementOid: 0,
    fromText: (text) => refuseNaN(parseFloatText(text, displayName, size)),
    toText: (value, settings) => formatFloat(expectNumber(value), size, settings.extraFloatDigits),
    fromBinary(bytes) {
      const view = fixedView(bytes, size);
      return refuseNaN(size === 8 ? view.getFloat64(0) : view.getFloat32(0));
    },
    toBinary(value) {
      const bytes = new Uint8Array(size);
      const view = new DataView(bytes.buffer);
      if (size === 8) view.setFloat64(0, expectNumber(value));
      else view.setFloat32(0, expectNumber(value));
      return bytes;
    },
  };
}

/** SQLite turns NaN into NULL when it is stored, which would be another value than the one given. */
function refuseNaN(value: number): number {
  if (Number.isNaN(value)) throw notSupported("NaN in a floating-point value");
  return value;
}

const DECIMAL_SYNTAX = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i;
const SPECIAL_SYNTAX = /^([+-]?)(nan|inf|infinity)$/i;

function parseFloatText(text: string, displayName: string, size: 4 | 8): number {
  const trimmed = trimSpace(text);
  const special = SPECIAL_SYNTAX.exec(trimmed);
  if (special !== null) {
    if (special[2]?.toLowerCase() === "nan") return Number.NaN;
    return special[1] === "-" ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  }
  if (!DECIMAL_SYNTAX.test(trimmed)) throw invalidInput(displayName, text);
  const exact = Number(trimmed);
  const value = size === 8 ? exact : Math.fround(exact);
  const vanished = value === 0 && /[1-9]/.test(trimmed.replace(/e.*/i, ""));
  if (!Number.isFinite(value) || vanished) {
    throw new SqlError("22003", `"${trimmed}" is out of range for type ${displayName}`);
  }
  return value;
}

/**
 * What came out of a computation. `finiteOperands`: an infinity is then too large a number;
 * `zeroExpected`: a zero is then no number that vanished.
 */
export function inFloatRange(result: number, finiteOperands: boolean, zeroExpected = true): number {
  if (finiteOperands && Math.abs(result) === Number.POSITIVE_INFINITY) {
    throw new SqlError("22003", "value out of range: overflow");
  }
  if (result === 0 && !zeroExpected) throw new SqlError("22003", "value out of range: underflow");
  return refuseNaN(result);
}

/** The nearest float4. Throws SqlError 22003 where that would be an infinity or zero. */
export function toFloat4(value: number): number {
  return inFloatRange(Math.fround(value), Number.isFinite(value), value === 0);
}

/** Rounds half to even, as C's rint() does. */
export function roundHalfEven(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  if (rest === 0.5) return floor % 2 === 0 ? floor : floor + 1;
  return Math.round(value);
}

const DIGITS_EXACT = { 4: 6, 8: 15 } as const;

/**
 * As PostgreSQL prints it: the shortest digits that read back to the same value when
 * `extraFloatDigits` is above 0, else 6 or 15 significant digits and that many more.
 */
function formatFloat(value: number, size: 4 | 8, extraFloatDigits: number): string {
  if (Number.isNaN(value)) return "NaN";
  if (!Number.isFinite(value)) return value < 0 ? "-Infinity" : "Infinity";
  if (value === 0) return Object.is(value, -0) ? "-0" : "0";
  if (extraFloatDigits > 0) return layOut(shortest(value, size), DIGITS_EXACT[size]);
  const precision = Math.max(1, DIGITS_EXACT[size] + extraFloatDigits);
  return layOut(exponential(value, precision - 1), precision);
}

/**
 * Shortest scientific notation that is nearer to `value` than to any other float: what lies halfway
 * reads back to it only by the rule for ties, and PostgreSQL prints more digits.
 */
function shortest(value: number, size: 4 | 8): string {
  const text = size === 8 ? value.toExponential() : "";
  if (text !== "" && !isHalfway(text, value, size)) return text;
  for (let digits = 0; digits < DIGITS_MAX[size]; digits += 1) {
    const candidate = exponential(value, digits);
    const read = size === 8 ? Number(candidate) : Math.fround(Number(candidate));
    if (read === value && !isHalfway(candidate, value, size)) return candidate;
  }
  return exponential(value, DIGITS_MAX[size]);
}

/** Behind the point, in scientific notation. */
const DIGITS_MAX = { 4: 8, 8: 16 } as const;
const DIGITS_OF_A_TIE = 40;

/** toExponential that rounds half to even, as C's printf() does. */
function exponential(value: number, digits: number): string {
  const [mantissa = "", exponent = ""] = value.toExponential(DIGITS_OF_A_TIE).split("e");
  const end = mantissa.length - DIGITS_OF_A_TIE + digits;
  const kept = digits === 0 ? mantissa.slice(0, end - 1) : mantissa.slice(0, end);
  const isTie = /^50*$/.test(mantissa.slice(end));
  return isTie && /[02468]$/.test(kept) ? `${kept}e${exponent}` : value.toExponential(digits);
}

/** Only above these are there numbers of so few digits halfway between two floats. */
const HALFWAY_MIN = { 4: 2 ** 25, 8: 2 ** 54 } as const;
/** Above 5^23 no power of ten is twice a float's distance from the next. */
const HALFWAY_MAX = 1e24;

function isHalfway(text: string, value: number, size: 4 | 8): boolean {
  const magnitude = Math.abs(value);
  if (magnitude < HALFWAY_MIN[size] || magnitude > HALFWAY_MAX) return false;
  const [mantissa = "", exponent = "0"] = text.replace("-", "").split("e");
  const [whole = "", fraction = ""] = mantissa.split(".");
  const printed = BigInt(whole + fraction.padEnd(Number(exponent), "0"));
  const exact = BigInt(magnitude);
  const distance = printed > exact ? printed - exact : exact - printed;
  const bits = size === 8 ? 52 : 23;
  return distance * 2n === 2n ** BigInt(Math.floor(Math.log2(magnitude)) - bits);
}

/** Turns scientific notation into C's %g: plain for exponents from -4 to below `precision`. */
function layOut(scientific: string, precision: number): string {
  const [mantissa = "", exponentText = "0"] = scientific.split("e");
  const exponent = Number(exponentText);
  const sign = mantissa.startsWith("-") ? "-" : "";
  const digits = mantissa.replace(/[-.]/g, "").replace(/(?<=.)0+$/, "");
  if (exponent < -4 || exponent >= precision) {
    const fraction = digits.length > 1 ? `.${digits.slice(1)}` : "";
    const magnitude = Math.abs(exponent).toString().padStart(2, "0");
    return `${sign}${digits[0] ?? ""}${fraction}e${exponent < 0 ? "-" : "+"}${magnitude}`;
  }
  if (exponent < 0) return `${sign}0.${"0".repeat(-exponent - 1)}${digits}`;
  if (digits.length <= exponent + 1) return sign + digits.padEnd(exponent + 1, "0");
  return `${sign}${digits.slice(0, exponent + 1)}.${digits.slice(exponent + 1)}`;
}

export const float4Type = floatType({ name: "float4", displayName: "real", size: 4 });
export const float8Type = floatType({ name: "float8", displayName: "double precision", size: 8 });
