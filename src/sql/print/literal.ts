import type { SqliteValue } from "../values.ts";
import { stringLiteral } from "./identifiers.ts";

/**
 * A value in storage form as an SQLite literal. A negative number has parentheses, because after
 * another minus sign it would begin a comment, and what a later string holds would become SQL.
 */
export function literal(value: SqliteValue): string {
  if (value === null) return "NULL";
  if (typeof value === "string") return stringLiteral(value);
  if (typeof value === "bigint") return integerLiteral(value);
  if (typeof value === "number") return realLiteral(value);
  return `x'${Buffer.from(value).toString("hex")}'`;
}

/** SQLite reads the digits of -2^63 without their sign as a REAL. */
function integerLiteral(value: bigint): string {
  return value === -(2n ** 63n) ? "(-9223372036854775807 - 1)" : signed(value.toString());
}

function realLiteral(value: number): string {
  if (!Number.isFinite(value)) {
    return value < 0 ? "(-9e999)" : "9e999";
  }
  const text = Object.is(value, -0) ? "-0.0" : value.toString();
  return signed(/[.e]/.test(text) ? text : `${text}.0`);
}

function signed(text: string): string {
  return text.startsWith("-") ? `(${text})` : text;
}
