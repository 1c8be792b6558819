import { SqlError } from "../errors.ts";
import { inFloatRange, roundHalfEven } from "../types/float.ts";
import type { SqliteValue } from "../values.ts";
import { contextual, type LibraryEntry, lenient, native, strict } from "./signature.ts";

/** An argument outside of what the function is defined for, or a result beyond float8. */
function inDomain(call: (value: number) => number) {
  return (value: number): number => {
    const result = call(value);
    if (Number.isNaN(result)) throw new SqlError("22003", "input is out of range");
    return inFloatRange(result, Number.isFinite(value));
  };
}

/** A result that is zero for no finite number but zero itself. */
function vanishing(call: (value: number) => number) {
  return (value: number): number => {
    const isFinite = Number.isFinite(value);
    return inFloatRange(call(value), isFinite, value === 0 || !isFinite);
  };
}

function logarithm(call: (value: number) => number) {
  return (value: number): number => {
    if (value === 0) throw new SqlError("2201E", "cannot take logarithm of zero");
    if (value < 0) throw new SqlError("2201E", "cannot take logarithm of a negative number");
    return call(value);
  };
}

function power(base: number, exponent: number): number {
  if (base === 0 && exponent < 0) {
    throw new SqlError("2201F", "zero raised to a negative power is undefined");
  }
  if (base < 0 && Math.floor(exponent) !== exponent) {
    throw new SqlError(
      "2201F",
      "a negative number raised to a non-integer power yields a complex result",
    );
  }
  const isFinite = Number.isFinite(base) && Number.isFinite(exponent);
  return inFloatRange(base ** exponent, isFinite, base === 0 || !isFinite);
}

function squareRoot(value: number): number {
  if (value < 0) throw new SqlError("2201F", "cannot take square root of a negative number");
  return Math.sqrt(value);
}

function greatestCommonDivisor(left: bigint, right: bigint): bigint {
  let [a, b] = [left < 0n ? -left : left, right < 0n ? -right : right];
  while (b !== 0n) [a, b] = [b, a % b];
  return a;
}

function leastCommonMultiple(left: bigint, right: bigint): bigint {
  if (left === 0n || right === 0n) return 0n;
  const product = (left / greatestCommonDivisor(left, right)) * right;
  return product < 0n ? -product : product;
}

function widthBucket(value: number, low: number, high: number, count: bigint): bigint {
  if (count <= 0n) throw new SqlError("2201G", "count must be greater than zero");
  if (low === high) throw new SqlError("2201G", "lower bound cannot equal upper bound");
  const ratio = (value - low) / (high - low);
  if (ratio < 0) return 0n;
  return ratio >= 1 ? count + 1n : BigInt(Math.floor(ratio * Number(count))) + 1n;
}

/** Pairs of value and sort key; NULLs do not count. */
function extreme(wins: (order: number) => boolean) {
  return (...args: SqliteValue[]): SqliteValue => {
    let best: SqliteValue = null;
    let bestKey: SqliteValue = null;
    for (let at = 0; at + 1 < args.length; at += 2) {
      const [value = null, key = null] = args.slice(at, at + 2);
      if (value !== null && (best === null || wins(order(key, bestKey)))) {
        [best, bestKey] = [value, key];
      }
    }
    return best;
  };
}

function order(left: SqliteValue, right: SqliteValue): number {
  if (typeof left === "string" && typeof right === "string") {
    return Buffer.compare(Buffer.from(left), Buffer.from(right));
  }
  if (left instanceof Uint8Array && right instanceof Uint8Array) {
    return Buffer.compare(left, right);
  }
  return Number(left) < Number(right) || (left ?? 0n) < (right ?? 0n) ? -1 : 1;
}

function uuid(bytes: Uint8Array): string {
  const hex = Buffer.from(bytes).toString("hex");
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    hex.slice(12, 16),
    hex.slice(16, 20),
    hex.slice(20),
  ].join("-");
}

const ROUNDINGS: readonly (readonly [string, (value: number) => number])[] = [
  ["round", roundHalfEven],
  ["trunc", Math.trunc],
  ["floor", Math.floor],
  ["ceil", Math.ceil],
  ["ceiling", Math.ceil],
];

const RADIANS_PER_DEGREE = 0.017453292519943295;

const FUNCTIONS: readonly (readonly [string, (value: number) => number])[] = [
  ["sin", Math.sin],
  ["cos", Math.cos],
  ["tan", Math.tan],
  ["asin", Math.asin],
  ["acos", Math.acos],
  ["atan", Math.atan],
  ["tanh", Math.tanh],
  ["cbrt", Math.cbrt],
  ["degrees", (value) => value / RADIANS_PER_DEGREE],
];

export const mathFunctions: readonly LibraryEntry[] = [
  native("abs(int2) int2", "int2_check(abs($1))"),
  native("abs(int4) int4", "int4_check(abs($1))"),
  native("abs(int8) int8", "abs($1)"),
  // Of -0 the sum makes 0.
  native("abs(float4) float4; abs(float8) float8", "(abs($1) + 0.0)"),
  ...ROUNDINGS.map(([name, call]) => strict(`${name}(float8) float8`, call)),
  ...FUNCTIONS.map(([name, call]) => strict(`${name}(float8) float8`, inDomain(call))),
  strict("exp(float8) float8", vanishing(Math.exp)),
  strict(
    "radians(float8) float8",
    vanishing((value) => value * RADIANS_PER_DEGREE),
  ),
  // These two are infinite where they are too large.
  strict("sinh(float8) float8", Math.sinh),
  strict("cosh(float8) float8", Math.cosh),
  strict("sign(float8) float8", (value: number) => Math.sign(value)),
  strict("sqrt(float8) float8; |/(float8) float8", squareRoot, "float8_sqrt"),
  strict("ln(float8) float8", logarithm(Math.log), "float8_ln"),
  strict("log(float8) float8; log10(float8) float8", logarithm(Math.log10), "float8_log"),
  strict(
    "power(float8, float8) float8; pow(float8, float8) float8; ^(float8, float8) float8",
    power,
    "float8_power",
  ),
  strict("atan2(float8, float8) float8", Math.atan2),
  strict("gcd(int4, int4) int4; gcd(int8, int8) int8", greatestCommonDivisor),
  strict("lcm(int4, int4) int4; lcm(int8, int8) int8", leastCommonMultiple),
  strict("width_bucket(float8, float8, float8, int4) int4", widthBucket),
  native("pi() float8", "pi()"),
  contextual("random() float8", (context) => context.randomU32() / 2 ** 32, "pg_random"),
  contextual(
    "gen_random_uuid() uuid; uuid_generate_v4() uuid",
    (context) => {
      const bytes = Buffer.alloc(16);
      for (let at = 0; at < 16; at += 4) bytes.writeUInt32BE(context.randomU32(), at);
      bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x40, 6);
      bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
      return uuid(bytes);
    },
    "pg_gen_random_uuid",
  ),
  lenient(
    "greatest(variadic any) any",
    extreme((sign) => sign > 0),
  ),
  lenient(
    "least(variadic any) any",
    extreme((sign) => sign < 0),
  ),
].map((entry) => (entry.scalar?.arity === null ? { ...entry, signatures: [] } : entry));
