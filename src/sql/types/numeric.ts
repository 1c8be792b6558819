/**
 * numeric. Storage form: string of plain decimal digits as PostgreSQL prints it, trailing zeros of
 * the scale kept ("1.50"), or NaN, Infinity, -Infinity.
 *
 * Binary (numeric_send): int16 number of base-10000 digits, int16 weight of the first, uint16 sign
 * (0x0000 +, 0x4000 -, 0xC000 NaN, 0xD000 Infinity, 0xF000 -Infinity), int16 display scale, digits.
 */
import { SqlError } from "../errors.ts";
import { trimEndOf } from "../trim.ts";
import { expectString, invalidBinary, invalidInput, trimSpace } from "./conversion.ts";
import { ARRAY_OID, OID } from "./oids.ts";
import type { PgType } from "./pg-type.ts";

export const numericType: PgType = {
  oid: OID.numeric,
  name: "numeric",
  displayName: "numeric",
  size: -1,
  category: "N",
  preferred: false,
  arrayOid: ARRAY_OID.numeric,
  elementOid: 0,
  fromText: (text, modifier) => applyModifier(parseNumeric(text), modifier),
  // A sum or other expression over numeric may come as SQLite's own number.
  toText: (value) => (typeof value === "string" ? value : parseNumeric(String(value))),
  fromBinary: (bytes, modifier) => applyModifier(decodeBinary(bytes), modifier),
  toBinary: (value) =>
    encodeBinary(typeof value === "string" ? value : parseNumeric(expectNumeral(value))),
};

function expectNumeral(value: unknown): string {
  return typeof value === "number" || typeof value === "bigint"
    ? value.toString()
    : expectString(null);
}

const NUMERIC_SYNTAX = /^([+-]?)(\d*)(?:\.(\d*))?(?:e([+-]?\d+))?$/i;
const SPECIAL_SYNTAX = /^(?:nan|([+-]?)inf(?:inity)?)$/i;

const INTEGER_DIGITS_MAX = 131_072;
const SCALE_MAX = 16_383;

/** Any spelling that PostgreSQL accepts, to the storage form. Throws 22P02 and 22003. */
export function parseNumeric(text: string): string {
  const trimmed = trimSpace(text);
  const special = SPECIAL_SYNTAX.exec(trimmed);
  if (special !== null) {
    if (special[1] === undefined) return "NaN";
    return special[1] === "-" ? "-Infinity" : "Infinity";
  }
  const parts = NUMERIC_SYNTAX.exec(trimmed);
  if (parts === null) throw invalidInput("numeric", text);
  const [, sign = "", whole = "", fraction = "", exponentText = "0"] = parts;
  if (whole === "" && fraction === "") throw invalidInput("numeric", text);
  const exponent = Number(exponentText);
  if (Math.abs(exponent) >= 0x3fff_ffff) throw invalidInput("numeric", text);
  return placePoint(sign === "-", whole + fraction, whole.length + exponent);
}

/** The number 0.DIGITS x 10^pointAt, in plain notation. */
function placePoint(negative: boolean, digits: string, pointAt: number): string {
  const leadingZeros = countLeadingZeros(digits);
  const scale = Math.max(0, digits.length - pointAt);
  if (pointAt - leadingZeros > INTEGER_DIGITS_MAX && leadingZeros < digits.length) {
    throw numericOverflow();
  }
  if (scale > SCALE_MAX) {
    // What lies beyond the last digit that can be held is rounded away.
    const kept = scale - SCALE_MAX > digits.length ? "" : digits;
    const shown = shift(kept, pointAt, scale);
    return roundToScale(withSign(negative, shown), SCALE_MAX);
  }
  if (leadingZeros === digits.length) return withSign(false, shift("", 0, scale));
  return withSign(negative, shift(digits, pointAt, scale));
}

function countLeadingZeros(digits: string): number {
  let count = 0;
  while (count < digits.length && digits.charCodeAt(count) === 0x30) count += 1;
  return count;
}

function shift(digits: string, pointAt: number, scale: number): string {
  if (digits === "") return scale > 0 ? `0.${"0".repeat(Math.min(scale, SCALE_MAX))}` : "0";
  const padded = pointAt > 0 ? digits.padEnd(pointAt, "0") : "0".repeat(1 - pointAt) + digits;
  const split = Math.max(pointAt, 1);
  const whole = padded.slice(countLeadingZeros(padded.slice(0, split - 1)), split);
  const fraction = padded.slice(split);
  return fraction === "" ? whole : `${whole}.${fraction}`;
}

function withSign(negative: boolean, digits: string): string {
  return negative && /[1-9]/.test(digits) ? `-${digits}` : digits;
}

function numericOverflow(): SqlError {
  return new SqlError("22003", "value overflows numeric format");
}

/**
 * Rounds half away from zero to `scale` digits behind the point, which may be negative; pads with
 * zeros. `value` is a storage form; NaN and the infinities stay.
 */
export function roundToScale(value: string, scale: number): string {
  if (!/\d/.test(value)) return value;
  const negative = value.startsWith("-");
  const [whole = "", fraction = ""] = (negative ? value.slice(1) : value).split(".");
  const digits = whole + fraction;
  const keep = whole.length + scale;
  if (keep >= digits.length) {
    const padded = fraction.padEnd(Math.max(scale, 0), "0");
    return padded === "" ? value : `${negative ? "-" : ""}${whole}.${padded}`;
  }
  const kept = keep > 0 ? digits.slice(0, keep) : "";
  const roundsUp = keep >= 0 && digits.charCodeAt(keep) >= 0x35;
  const rounded = roundsUp ? increment(kept) : kept;
  const pointAt = whole.length + (rounded.length - kept.length);
  return withSign(negative, shift(rounded === "" ? "0" : rounded, pointAt, Math.max(scale, 0)));
}

/** The digits plus one; one digit longer if all were nines. */
function increment(digits: string): string {
  const nines = digits.length - trimEndOf(digits, "9").length;
  if (nines === digits.length) return `1${"0".repeat(nines)}`;
  const at = digits.length - nines - 1;
  const next = String.fromCharCode(digits.charCodeAt(at) + 1);
  return digits.slice(0, at) + next + "0".repeat(nines);
}

/** Precision and scale of a numeric(p,s) column, or null. The scale is an 11-bit signed number. */
function numericModifier(modifier: number): { precision: number; scale: number } | null {
  if (modifier < 4) return null;
  const packed = modifier - 4;
  return { precision: (packed >> 16) & 0xffff, scale: ((packed & 0x7ff) ^ 1024) - 1024 };
}

/** Rounds to numeric(p,s). Throws 22003 if the value then has more than p - s digits in front. */
export function applyModifier(value: string, modifier: number): string {
  const declared = numericModifier(modifier);
  if (declared === null || value === "NaN") return value;
  const { precision, scale } = declared;
  if (value.endsWith("y")) {
    throw fieldOverflow(
      `A field with precision ${precision}, scale ${scale} cannot hold an infinite value.`,
    );
  }
  const rounded = roundToScale(value, scale);
  const [whole = ""] = rounded.replace("-", "").split(".");
  const wholeMax = precision - scale;
  if (exceeds(rounded, whole, wholeMax)) {
    const bound = wholeMax === 0 ? "1" : `10^${wholeMax}`;
    throw fieldOverflow(
      `A field with precision ${precision}, scale ${scale} must round to an absolute value ` +
        `less than ${bound}.`,
    );
  }
  return rounded;
}

/** Whether |value| >= 10^wholeMax; wholeMax may be negative (scale above precision). */
function exceeds(value: string, whole: string, wholeMax: number): boolean {
  const significant = whole === "0" ? 0 : whole.length;
  if (significant > 0) return significant > wholeMax;
  if (wholeMax >= 0) return false;
  const fraction = value.split(".")[1] ?? "";
  return /[1-9]/.test(fraction.slice(0, -wholeMax));
}

function fieldOverflow(detail: string): SqlError {
  return new SqlError("22003", "numeric field overflow", { detail });
}

const DIGITS_PER_GROUP = 4;
const BASE = 10_000;
const HEADER_BYTES = 8;

const SIGN = { plus: 0x0000, minus: 0x4000, nan: 0xc000, plusInf: 0xd000, minusInf: 0xf000 };
const SPECIAL_SIGNS: ReadonlyMap<number, string> = new Map([
  [SIGN.nan, "NaN"],
  [SIGN.plusInf, "Infinity"],
  [SIGN.minusInf, "-Infinity"],
]);

function encodeBinary(value: string): Uint8Array {
  for (const [sign, name] of SPECIAL_SIGNS) {
    if (value === name) return pack([], { weight: 0, sign, scale: value === "NaN" ? 0 : 32 });
  }
  const negative = value.startsWith("-");
  const [whole = "", fraction = ""] = (negative ? value.slice(1) : value).split(".");
  const wholeGroups = Math.ceil(whole.length / DIGITS_PER_GROUP);
  const fractionGroups = Math.ceil(fraction.length / DIGITS_PER_GROUP);
  const digits =
    whole.padStart(wholeGroups * DIGITS_PER_GROUP, "0") +
    fraction.padEnd(fractionGroups * DIGITS_PER_GROUP, "0");
  const groups: number[] = [];
  for (let at = 0; at < digits.length; at += DIGITS_PER_GROUP) {
    groups.push(Number(digits.slice(at, at + DIGITS_PER_GROUP)));
  }
  const first = groups.findIndex((group) => group !== 0);
  if (first < 0) return pack([], { weight: 0, sign: SIGN.plus, scale: fraction.length });
  const last = groups.findLastIndex((group) => group !== 0);
  return pack(groups.slice(first, last + 1), {
    weight: wholeGroups - 1 - first,
    sign: negative ? SIGN.minus : SIGN.plus,
    scale: fraction.length,
  });
}

interface NumericHeader {
  readonly weight: number;
  readonly sign: number;
  readonly scale: number;
}

function pack(groups: readonly number[], header: NumericHeader): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES + groups.length * 2);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, groups.length);
  view.setInt16(2, header.weight);
  view.setUint16(4, header.sign);
  view.setUint16(6, header.scale);
  groups.forEach((group, at) => {
    view.setUint16(HEADER_BYTES + at * 2, group);
  });
  return bytes;
}

function decodeBinary(bytes: Uint8Array): string {
  if (bytes.length < HEADER_BYTES) {
    throw new SqlError("08P01", "insufficient data left in message");
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const count = view.getUint16(0);
  const weight = view.getInt16(2);
  const sign = view.getUint16(4);
  const scale = view.getUint16(6);
  if (bytes.length !== HEADER_BYTES + count * 2)
    throw invalidBinary("incorrect binary data format");
  const special = SPECIAL_SIGNS.get(sign);
  if (special !== undefined) return special;
  if (sign !== SIGN.plus && sign !== SIGN.minus) {
    throw invalidBinary('invalid sign in external "numeric" value');
  }
  if (scale > SCALE_MAX) throw invalidBinary('invalid scale in external "numeric" value');
  let digits = "";
  for (let at = 0; at < count; at += 1) {
    const group = view.getUint16(HEADER_BYTES + at * 2);
    if (group >= BASE) throw invalidBinary('invalid digit in external "numeric" value');
    digits += group.toString().padStart(DIGITS_PER_GROUP, "0");
  }
  return fromGroups(sign === SIGN.minus, digits, {
    pointAt: (weight + 1) * DIGITS_PER_GROUP,
    scale,
  });
}

/** Digits beyond the display scale are cut off, as numeric_recv does. */
function fromGroups(
  negative: boolean,
  digits: string,
  place: { readonly pointAt: number; readonly scale: number },
): string {
  const { pointAt, scale } = place;
  if (digits === "" || pointAt + scale <= 0) return shift("", 0, scale);
  if (pointAt > INTEGER_DIGITS_MAX) throw numericOverflow();
  const plain = shift(digits, pointAt, scale);
  const [whole = "", fraction = ""] = plain.split(".");
  const shown = fraction.slice(0, scale).padEnd(scale, "0");
  return withSign(negative, scale > 0 ? `${whole}.${shown}` : whole);
}
