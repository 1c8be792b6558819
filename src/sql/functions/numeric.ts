/** Exact decimal arithmetic with PostgreSQL's result scales (its numeric.c). */
import { unreachable } from "../../base/assert.ts";
import { SqlError } from "../errors.ts";
import { trimEndOf } from "../trim.ts";

/** digits x 10^-scale, or one of the values that are no number. */
export type Numeric =
  | { readonly kind: "finite"; readonly digits: bigint; readonly scale: number }
  | { readonly kind: "NaN" | "Infinity" | "-Infinity" };

export type Finite = Extract<Numeric, { kind: "finite" }>;

const NAN: Numeric = { kind: "NaN" };

export function finite(digits: bigint, scale: number): Finite {
  return { kind: "finite", digits, scale };
}

/** Reads the storage form; integers and reals are taken as well. */
export function parse(value: unknown): Numeric {
  const text = String(value);
  if (text === "NaN" || text === "Infinity" || text === "-Infinity") {
    return { kind: text };
  }
  const point = text.indexOf(".");
  if (point === -1) {
    return finite(BigInt(text), 0);
  }
  return finite(BigInt(text.slice(0, point) + text.slice(point + 1)), text.length - point - 1);
}

export function print(value: Numeric): string {
  if (value.kind !== "finite") {
    return value.kind;
  }
  const { digits, scale } = value;
  if (scale === 0) {
    return digits.toString();
  }
  const magnitude = (digits < 0n ? -digits : digits).toString().padStart(scale + 1, "0");
  const at = magnitude.length - scale;
  return `${digits < 0n ? "-" : ""}${magnitude.slice(0, at)}.${magnitude.slice(at)}`;
}

export function power10(exponent: number): bigint {
  return 10n ** BigInt(exponent);
}

/** The digits at another scale; rounds half away from zero where it is smaller. */
function rescale({ digits, scale }: Finite, wanted: number): Finite {
  if (wanted >= scale) {
    return finite(digits * power10(wanted - scale), wanted);
  }
  return finite(divideRounded(digits, power10(scale - wanted)), wanted);
}

function divideRounded(dividend: bigint, divisor: bigint): bigint {
  const negative = dividend < 0n !== divisor < 0n;
  const [a, b] = [dividend < 0n ? -dividend : dividend, divisor < 0n ? -divisor : divisor];
  const quotient = (2n * a + b) / (2n * b);
  return negative ? -quotient : quotient;
}

function signOf(value: Numeric): number {
  if (value.kind === "finite") {
    return value.digits < 0n ? -1 : value.digits > 0n ? 1 : 0;
  }
  return value.kind === "-Infinity" ? -1 : 1;
}

function infinity(sign: number): Numeric {
  return sign === 0 ? NAN : { kind: sign < 0 ? "-Infinity" : "Infinity" };
}

export function negate(value: Numeric): Numeric {
  if (value.kind === "finite") {
    return finite(-value.digits, value.scale);
  }
  return value.kind === "NaN" ? value : infinity(-signOf(value));
}

export function add(left: Numeric, right: Numeric): Numeric {
  if (left.kind === "finite" && right.kind === "finite") {
    const scale = Math.max(left.scale, right.scale);
    return finite(rescale(left, scale).digits + rescale(right, scale).digits, scale);
  }
  if (left.kind === "NaN" || right.kind === "NaN") return NAN;
  if (left.kind === "finite") return right;
  return right.kind === "finite" || right.kind === left.kind ? left : NAN;
}

export function multiply(left: Numeric, right: Numeric): Numeric {
  if (left.kind === "finite" && right.kind === "finite") {
    return finite(left.digits * right.digits, left.scale + right.scale);
  }
  if (left.kind === "NaN" || right.kind === "NaN") return NAN;
  return infinity(signOf(left) * signOf(right));
}

export function divide(left: Numeric, right: Numeric): Numeric {
  if (left.kind === "NaN" || right.kind === "NaN") return NAN;
  if (right.kind === "finite" && right.digits === 0n) throw divisionByZero();
  if (left.kind === "finite" && right.kind === "finite") {
    return divideToScale(left, right, divisionScale(left, right));
  }
  if (left.kind === "finite") return finite(0n, 0);
  return right.kind === "finite" ? infinity(signOf(left) * signOf(right)) : NAN;
}

export function divideToScale(left: Finite, right: Finite, scale: number): Finite {
  const dividend = left.digits * power10(scale + right.scale);
  return finite(divideRounded(dividend, right.digits * power10(left.scale)), scale);
}

export function remainder(left: Numeric, right: Numeric): Numeric {
  if (left.kind === "NaN" || right.kind === "NaN") return NAN;
  if (right.kind === "finite" && right.digits === 0n) throw divisionByZero();
  if (left.kind !== "finite") return NAN;
  if (right.kind !== "finite") return left;
  const scale = Math.max(left.scale, right.scale);
  return finite(rescale(left, scale).digits % rescale(right, scale).digits, scale);
}

function divisionByZero(): SqlError {
  return new SqlError("22012", "division by zero");
}

const SIGNIFICANT_DIGITS_MIN = 16;
const SCALE_MAX = 1000;

/** select_div_scale(): enough digits for 16 significant ones, counted in groups of four. */
export function divisionScale(left: Finite, right: Finite): number {
  const [a, b] = [leadingGroup(left), leadingGroup(right)];
  const weight = a.weight - b.weight - (a.first <= b.first ? 1 : 0);
  const scale = Math.max(SIGNIFICANT_DIGITS_MIN - weight * 4, left.scale, right.scale, 0);
  return Math.min(scale, SCALE_MAX);
}

/** Weight and value of the first base-10000 digit that is not zero. */
export function leadingGroup({ digits, scale }: Finite): { weight: number; first: number } {
  if (digits === 0n) {
    return { weight: 0, first: 0 };
  }
  const magnitude = (digits < 0n ? -digits : digits).toString();
  const whole = magnitude.length - scale;
  const weight = Math.ceil(whole / 4) - 1;
  const length = whole - weight * 4;
  return { weight, first: Number(magnitude.slice(0, length).padEnd(length, "0")) };
}

/** Negative, zero or positive; NaN is equal to itself and above everything. */
export function compare(left: Numeric, right: Numeric): number {
  const [a, b] = [key(left), key(right)];
  return a < b ? -1 : a > b ? 1 : 0;
}

const EXPONENT_BIAS = 200_000;

/**
 * A text that sorts by code point as the numbers do, equal for equal numbers: a letter for the
 * sign, the decimal exponent, the significant digits; for negative numbers all complemented.
 */
export function key(value: Numeric): string {
  switch (value.kind) {
    case "NaN":
      return "9";
    case "Infinity":
      return "8";
    case "-Infinity":
      return "1";
    case "finite":
      return finiteKey(value);
    default:
      return unreachable(value);
  }
}

function finiteKey({ digits, scale }: Finite): string {
  if (digits === 0n) {
    return "5";
  }
  const magnitude = (digits < 0n ? -digits : digits).toString();
  const exponent = magnitude.length - scale + EXPONENT_BIAS;
  const significant = trimEndOf(magnitude, "0");
  if (digits > 0n) {
    return `6${exponent.toString().padStart(6, "0")}${significant}`;
  }
  const complement = Array.from(significant)
    .map((digit) => 9 - Number(digit))
    .join("");
  return `4${(999_999 - exponent).toString().padStart(6, "0")}${complement}~`;
}
