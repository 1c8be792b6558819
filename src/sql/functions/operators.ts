/** Operators whose meaning depends on nothing but their operands. */
import { SqlError } from "../errors.ts";
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

const floats = ["+", "-", "*"].flatMap((symbol) => [
  native(overPairs(symbol, FLOAT_PAIRS), `float8_check($1 ${symbol} $2)`),
  native(`${symbol}(float4, float4) float4`, `float4($1 ${symbol} $2)`),
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
  if (!Number.isFinite(value)) {
    throw new SqlError("22003", "value out of range: overflow");
  }
  return value;
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
  native(overPairs("/", FLOAT_PAIRS), "float8_check($1 / divisor($2))"),
  native("/(float4, float4) float4", "float4($1 / divisor($2))"),
  native(overPairs("%", INTEGER_PAIRS), "($1 % divisor($2))"),
  internal("divisor", 1, divisor),
  internal("float8_check", 1, (value: SqliteValue) => finite(Number(value))),
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
  native("@(int2) int2; @(int4) int4; @(int8) int8; @(float8) float8", "abs($1)"),
  native("||(text, text) text", "($1 || $2)"),
  native("||(any, text) text; ||(text, any) text", "($1 || $2)"),
];
