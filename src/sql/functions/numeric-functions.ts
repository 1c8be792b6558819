import { Decimal } from "decimal.js";
import { SqlError } from "../errors.ts";
import { trimEndOf } from "../trim.ts";
import { parseNumeric, roundToScale } from "../types/numeric.ts";
import {
  add,
  divide,
  type Finite,
  finite,
  key,
  leadingGroup,
  multiply,
  type Numeric,
  negate,
  parse,
  power10,
  print,
  remainder,
} from "./numeric.ts";
import { internal, type LibraryEntry, native, strict } from "./signature.ts";

function binary(apply: (left: Numeric, right: Numeric) => Numeric) {
  return (left: string, right: string): string => print(apply(parse(left), parse(right)));
}

function subtract(left: Numeric, right: Numeric): Numeric {
  return add(left, negate(right));
}

/** Towards zero, negative infinity, or positive infinity, at a scale that may be negative. */
function truncate(text: string, scale: bigint): string {
  const value = parse(text);
  if (value.kind !== "finite") return text;
  const wanted = Math.min(Number(scale), 16_383);
  if (wanted >= value.scale) return roundToScale(text, wanted);
  const unit = power10(value.scale - wanted);
  const kept = value.digits / unit;
  return wanted >= 0 ? print(finite(kept, wanted)) : print(finite(kept * power10(-wanted), 0));
}

function floor(text: string): string {
  const value = parse(text);
  if (value.kind !== "finite") return text;
  const unit = power10(value.scale);
  const whole = value.digits / unit;
  return (value.digits < 0n && whole * unit !== value.digits ? whole - 1n : whole).toString();
}

function ceiling(text: string): string {
  return print(negate(parse(floor(print(negate(parse(text)))))));
}

function sign(text: string): string {
  const value = parse(text);
  if (value.kind !== "finite")
    return value.kind === "-Infinity" ? "-1" : value.kind === "NaN" ? "NaN" : "1";
  return value.digits < 0n ? "-1" : value.digits > 0n ? "1" : "0";
}

function absolute(text: string): string {
  return text.startsWith("-") ? text.slice(1) : text;
}

/** Digits enough for every result scale that PostgreSQL gives. */
const Precise = Decimal.clone({ precision: 1100, toExpNeg: -9e15, toExpPos: 9e15 });

function rounded(value: Decimal, scale: number): string {
  return roundToScale(parseNumeric(value.toFixed()), Math.min(Math.max(scale, 0), 1000));
}

function precise(digits: number) {
  return Precise.clone({ precision: Math.min(1100, digits) });
}

function squareRoot(text: string): string {
  const value = parse(text);
  if (value.kind !== "finite") {
    if (value.kind === "-Infinity") throw negativeRoot();
    return text;
  }
  if (value.digits < 0n) throw negativeRoot();
  const { weight } = leadingGroup(value);
  const sweight = Math.trunc(((weight + 1) * 4) / 2) - 1;
  return rootAtScale(value, Math.max(16 - sweight, value.scale, 0));
}

function negativeRoot(): SqlError {
  return new SqlError("2201F", "cannot take square root of a negative number");
}

/** Newton's method over integers, one digit more than asked for, then rounded. */
export function rootAtScale(value: Finite, scale: number): string {
  // The digits at an even scale, with one more digit in the root than asked for.
  const even = 2 * Math.max(scale + 1, Math.ceil(value.scale / 2));
  const wide = value.digits * power10(even - value.scale);
  return roundToScale(print(finite(integerRoot(wide), even / 2)), scale);
}

function integerRoot(value: bigint): bigint {
  if (value < 2n) return value;
  let guess = 1n << BigInt(Math.ceil(value.toString(2).length / 2));
  for (;;) {
    const next = (guess + value / guess) >> 1n;
    if (next >= guess) return guess;
    guess = next;
  }
}

function requireFinite(text: string): Finite {
  const value = parse(text);
  if (value.kind !== "finite") {
    throw new SqlError("0A000", `this function of ${text} is not supported`);
  }
  return value;
}

function exponential(text: string): string {
  const value = requireFinite(text);
  const magnitude = Number(text) * Math.LOG10E;
  if (magnitude > 131_072) throw new SqlError("22003", "value overflows numeric format");
  const scale = Math.max(16 - Math.trunc(magnitude), value.scale, 0);
  return rounded(precise(scale + Math.abs(Math.trunc(magnitude)) + 20).exp(text), scale);
}

/** estimate_ln_dweight(): decimal weight of the logarithm. */
function logarithmWeight(text: string): number {
  const ln = Math.log(Number(text));
  return ln === 0 ? 0 : Math.trunc(Math.log10(Math.abs(ln)));
}

function naturalLogarithm(text: string): string {
  const value = positive(text);
  const scale = Math.max(16 - logarithmWeight(text), value.scale, 0);
  return rounded(precise(scale + 20).ln(text), scale);
}

function positive(text: string): Finite {
  const value = requireFinite(text);
  if (value.digits === 0n) throw new SqlError("2201E", "cannot take logarithm of zero");
  if (value.digits < 0n) throw new SqlError("2201E", "cannot take logarithm of a negative number");
  return value;
}

function logarithm(base: string, text: string): string {
  const [left, right] = [positive(base), positive(text)];
  const ratio = Math.log(Number(text)) / Math.log(Number(base));
  const weight = ratio === 0 ? 0 : Math.trunc(Math.log10(Math.abs(ratio)));
  const scale = Math.max(16 - weight, left.scale, right.scale, 0);
  const context = precise(scale + 30);
  return rounded(context.ln(text).div(context.ln(base)), scale);
}

function power(base: string, exponent: string): string {
  const [left, right] = [requireFinite(base), requireFinite(exponent)];
  const isInteger = right.digits % power10(right.scale) === 0n;
  if (left.digits === 0n && right.digits < 0n) {
    throw new SqlError("2201F", "zero raised to a negative power is undefined");
  }
  if (left.digits < 0n && !isInteger) {
    throw new SqlError(
      "2201F",
      "a negative number raised to a non-integer power yields a complex result",
    );
  }
  const digits = left.digits === 0n ? 0 : Math.log10(Math.abs(Number(base))) * Number(exponent);
  if (digits > 131_072) throw new SqlError("22003", "value overflows numeric format");
  const scale = isInteger
    ? Math.max(16, left.scale)
    : Math.max(16 - Math.trunc(digits), left.scale, right.scale, 0);
  const context = precise(scale + Math.abs(Math.trunc(digits)) + 30);
  return rounded(context.pow(base, exponent), scale);
}

function modulus(value: bigint, divisor: bigint): bigint {
  if (divisor === 0n) throw new SqlError("22012", "division by zero");
  return value % divisor;
}

export const numericFunctions: readonly LibraryEntry[] = [
  strict("+(numeric, numeric) numeric", binary(add), "numeric_add"),
  strict("-(numeric, numeric) numeric", binary(subtract), "numeric_subtract"),
  strict("*(numeric, numeric) numeric", binary(multiply), "numeric_multiply"),
  strict("/(numeric, numeric) numeric", binary(divide), "numeric_divide"),
  strict(
    "%(numeric, numeric) numeric; mod(numeric, numeric) numeric",
    binary(remainder),
    "numeric_mod",
  ),
  strict("-(numeric) numeric", (value: string) => print(negate(parse(value))), "numeric_negate"),
  strict(
    "^(numeric, numeric) numeric; power(numeric, numeric) numeric; pow(numeric, numeric) numeric",
    power,
    "numeric_power",
  ),
  strict("abs(numeric) numeric; @(numeric) numeric", absolute, "numeric_abs"),
  strict("sign(numeric) numeric", sign, "numeric_sign"),
  strict("round(numeric) numeric", (value: string) => roundToScale(value, 0), "numeric_round"),
  strict(
    "round(numeric, int4) numeric",
    (value: string, scale: bigint) => roundToScale(value, Number(scale)),
    "numeric_round",
  ),
  strict("trunc(numeric) numeric", (value: string) => truncate(value, 0n), "numeric_trunc"),
  strict("trunc(numeric, int4) numeric", truncate, "numeric_trunc"),
  strict("floor(numeric) numeric", floor, "numeric_floor"),
  strict("ceil(numeric) numeric; ceiling(numeric) numeric", ceiling, "numeric_ceil"),
  strict("sqrt(numeric) numeric", squareRoot, "numeric_sqrt"),
  strict("exp(numeric) numeric", exponential, "numeric_exp"),
  strict("ln(numeric) numeric", naturalLogarithm, "numeric_ln"),
  strict(
    "log(numeric) numeric; log10(numeric) numeric",
    (value: string) => logarithm("10", value),
    "numeric_log",
  ),
  strict("log(numeric, numeric) numeric", logarithm, "numeric_log"),
  strict("scale(numeric) int4", (value: string) => {
    const number = parse(value);
    return number.kind === "finite" ? BigInt(number.scale) : null;
  }),
  strict("trim_scale(numeric) numeric", (value: string) =>
    value.includes(".") ? trimEndOf(trimEndOf(value, "0"), ".") : value,
  ),
  strict("mod(int4, int4) int4; mod(int8, int8) int8; mod(int2, int2) int2", modulus, "int_mod"),
  strict("div(numeric, numeric) numeric", (left: string, right: string) =>
    truncate(print(divideWhole(left, right)), 0n),
  ),
  internal("numeric_key", 1, (value: unknown) => key(parse(value))),
  native("numeric(numeric, int4) numeric", "numeric_fit($1, $2)"),
];

function divideWhole(left: string, right: string): Numeric {
  const [a, b] = [requireFinite(left), requireFinite(right)];
  if (b.digits === 0n) throw new SqlError("22012", "division by zero");
  const scale = Math.max(a.scale, b.scale);
  return finite((a.digits * power10(scale - a.scale)) / (b.digits * power10(scale - b.scale)), 0);
}
