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
  return layOut(value.toExponential(precision - 1), precision);
}

/** Shortest scientific notation that reads back to `value`. */
function shortest(value: number, size: 4 | 8): string {
  if (size === 8) return value.toExponential();
  for (let digits = 0; digits < 8; digits += 1) {
    const text = value.toExponential(digits);
    if (Math.fround(Number(text)) === value) return text;
  }
  return value.toExponential(8);
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
