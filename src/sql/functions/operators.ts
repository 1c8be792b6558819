/** Operators whose meaning depends on nothing but their operands. */
import { SqlError } from "../errors.ts";
import { inFloatRange } from "../types/float.ts";
import type { SqliteValue } from "../values.ts";
import { internal, type LibraryEntry, native, strict } from "./signature.ts";

const INTEGER_PAIRS: readonly (readonly [string, string, string])[] = [
  ["int2", "int2", "int2"],
  ["int2", "int4", "int4"],
  ["int4", "int2", "int4"],
  ["int4", "int4", "int4"],
  ["int2", "int8", "int8"],
  ["int8", "int2", "int8"],
  ["int4", "int8", "int8"],
  ["int8", "int4", "int8"],
  ["int8", "int8", "int8"],
];

/** Ranges of sums are checked by the translator where the result is used. */
const integers = ["+", "-", "*"].map((symbol) =>
  native(overPairs(symbol, INTEGER_PAIRS), `($1 ${symbol} $2)`),
);

const FLOAT_PAIRS: readonly (readonly [string, string, string])[] = [
  ["float4", "float8", "float8"],
  ["float8", "float4", "float8"],
  ["float8", "float8", "float8"],
];

/** float8 keeps its signs of zero and tells its overflow from an infinity only where it computes itself. */
const floats = (
  [
    ["+", "float8_add"],
    ["-", "float8_subtract"],
    ["*", "float8_multiply"],
    ["/", "float8_divide"],
  ] as const
).flatMap(([symbol, name]) => [
  native(overPairs(symbol, FLOAT_PAIRS), `${name}($1, $2)`),
  native(`${symbol}(float4, float4) float4`, `float4(${name}($1, $2))`),
]);

function overPairs(symbol: string, pairs: readonly (readonly [string, string, string])[]): string {
  return pairs.map(([left, right, result]) => `${symbol}(${left}, ${right}) ${result}`).join("; ");
}

function divisor(value: SqliteValue): SqliteValue {
  if (value === 0n || value === 0) {
    throw new SqlError("22012", "division by zero");
  }
  return value;
}

function finite(value: number): number {
  return inFloatRange(value, true);
}

const isZero = (value: number): boolean => value === 0;

function float8Sum(left: number, right: number): number {
  return inFloatRange(left + right, Number.isFinite(left) && Number.isFinite(right));
}

function float8Product(left: number, right: number): number {
  const finiteOperands = Number.isFinite(left) && Number.isFinite(right);
  return inFloatRange(left * right, finiteOperands, isZero(left) || isZero(right));
}

function float8Quotient(left: number, right: number): number {
  if (isZero(right)) throw new SqlError("22012", "division by zero");
  return inFloatRange(left / right, Number.isFinite(left), isZero(left) || !Number.isFinite(right));
}

function shift(value: bigint, count: bigint, bits: number): bigint {
  return BigInt.asIntN(bits, value << (count & BigInt(bits - 1)));
}

export const operators: readonly LibraryEntry[] = [
  ...integers,
  ...floats,
  native(
    overPairs(
      "/",
      INTEGER_PAIRS.filter(([, , result]) => result === "int8"),
    ),
    "int8_check($1 / divisor($2))",
  ),
  native(
    overPairs(
      "/",
      INTEGER_PAIRS.filter(([, , result]) => result === "int4"),
    ),
    "int4_check($1 / divisor($2))",
  ),
  native("/(int2, int2) int2", "int2_check($1 / divisor($2))"),
  native(overPairs("%", INTEGER_PAIRS), "($1 % divisor($2))"),
  internal("divisor", 1, divisor),
  // Only in expressions that an earlier version stored.
  internal("float8_check", 1, (value: SqliteValue) => finite(Number(value))),
  internal("float8_add", 2, (left: SqliteValue, right: SqliteValue) =>
    float8Sum(Number(left), Number(right)),
  ),
  internal("float8_subtract", 2, (left: SqliteValue, right: SqliteValue) =>
    float8Sum(Number(left), -Number(right)),
  ),
  internal("float8_multiply", 2, (left: SqliteValue, right: SqliteValue) =>
    float8Product(Number(left), Number(right)),
  ),
  internal("float8_divide", 2, (left: SqliteValue, right: SqliteValue) =>
    float8Quotient(Number(left), Number(right)),
  ),
  native("-(int2) int2; -(int4) int4; -(int8) int8", "(- $1)"),
  native("-(float4) float4; -(float8) float8", "(- $1)"),
  native("+(int2) int2; +(int4) int4; +(int8) int8; +(float8) float8; +(numeric) numeric", "$1"),
  native("&(int2, int2) int2; &(int4, int4) int4; &(int8, int8) int8", "($1 & $2)"),
  native("|(int2, int2) int2; |(int4, int4) int4; |(int8, int8) int8", "($1 | $2)"),
  native("#(int2, int2) int2; #(int4, int4) int4; #(int8, int8) int8", "(($1 | $2) - ($1 & $2))"),
  native("~(int2) int2; ~(int4) int4; ~(int8) int8", "(~$1)"),
  strict(
    "<<(int4, int4) int4",
    (value: bigint, count: bigint) => shift(value, count, 32),
    "int4_shift_left",
  ),
  strict(
    "<<(int8, int4) int8",
    (value: bigint, count: bigint) => shift(value, count, 64),
    "int8_shift_left",
  ),
  strict(
    ">>(int4, int4) int4",
    (value: bigint, count: bigint) => value >> (count & 31n),
    "int4_shift_right",
  ),
  strict(
    ">>(int8, int4) int8",
    (value: bigint, count: bigint) => value >> (count & 63n),
    "int8_shift_right",
  ),
  native("@(int2) int2; @(int4) int4; @(int8) int8", "abs($1)"),
  native("@(float8) float8", "(abs($1) + 0.0)"),
  native("||(text, text) text", "($1 || $2)"),
  native("||(any, text) text; ||(text, any) text", "($1 || $2)"),
];
