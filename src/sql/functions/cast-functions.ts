/** Conversions between types at run time; the translator calls them, clients do not. */
import { SqlError } from "../errors.ts";
import { trimEndOf } from "../trim.ts";
import { float4Type, float8Type, roundHalfEven, toFloat4 } from "../types/float.ts";
import { applyModifier, parseNumeric, roundToScale } from "../types/numeric.ts";
import { OID } from "../types/oids.ts";
import { DEFAULT_TEXT_SETTINGS, type PgType } from "../types/pg-type.ts";
import { typeByOid } from "../types/registry.ts";
import type { SqliteValue } from "../values.ts";
import { objectNames } from "./reg-functions.ts";
import { internal, internalContextual, type LibraryEntry, lenient } from "./signature.ts";

function typeOf(oid: bigint): PgType {
  const type = typeByOid(Number(oid));
  if (type === undefined) {
    throw new SqlError("0A000", `the type with OID ${oid} is not supported`);
  }
  return type;
}

const RANGES = {
  smallint: [-(2n ** 15n), 2n ** 15n - 1n],
  integer: [-(2n ** 31n), 2n ** 31n - 1n],
  bigint: [-(2n ** 63n), 2n ** 63n - 1n],
} as const;

type IntegerName = keyof typeof RANGES;

const INTEGER_NAMES: ReadonlyMap<number, IntegerName> = new Map([
  [OID.int2, "smallint"],
  [OID.int4, "integer"],
  [OID.int8, "bigint"],
]);

/** SQLite turns an integer that overflows 64 bits into a REAL: that is out of range as well. */
function inRange(name: IntegerName, value: SqliteValue): bigint {
  const [low, high] = RANGES[name];
  if (typeof value !== "bigint" || value < low || value > high) {
    throw new SqlError("22003", `${name} out of range`);
  }
  return value;
}

function integerName(oid: bigint): IntegerName {
  return INTEGER_NAMES.get(Number(oid)) ?? "bigint";
}

function float8ToInteger(value: number, oid: bigint): bigint {
  const name = integerName(oid);
  if (!Number.isFinite(value)) {
    throw new SqlError("22003", `${name} out of range`);
  }
  return inRange(name, BigInt(roundHalfEven(value)));
}

function numericToInteger(value: string, oid: bigint): bigint {
  const name = integerName(oid);
  if (!/\d/.test(value)) {
    const what = value === "NaN" ? "NaN" : "infinity";
    throw new SqlError("0A000", `cannot convert ${what} to ${name}`);
  }
  return inRange(name, BigInt(roundToScale(value, 0)));
}

/** float8 keeps 15 significant digits on its way to numeric, float4 six. */
function realToNumeric(value: number, digits: number): string {
  return Number.isFinite(value)
    ? parseNumeric(Number(value.toPrecision(digits)).toString())
    : parseNumeric(String(value));
}

function varcharFit(text: string, length: bigint): string {
  const characters = Array.from(text);
  const kept = characters.slice(0, Number(length)).join("");
  if (text.slice(kept.length).trimEnd() !== "") {
    throw new SqlError("22001", `value too long for type character varying(${length})`);
  }
  return kept;
}

/** As a character(n) column keeps it: filled up with blanks. Throws SqlError 22001 where it does not fit. */
export function bpcharFit(text: string, length: bigint): string {
  const characters = Array.from(text);
  const kept = characters.slice(0, Number(length)).join("");
  if (trimEndOf(text.slice(kept.length), " ") !== "") {
    throw new SqlError("22001", `value too long for type character(${length})`);
  }
  return kept + " ".repeat(Math.max(0, Number(length) - characters.length));
}

function cut(text: string, length: bigint): string {
  return Array.from(text).slice(0, Number(length)).join("");
}

function toText(value: SqliteValue, oid: bigint): string {
  return typeOf(oid).toText(value, DEFAULT_TEXT_SETTINGS);
}

/** Through the text form, which is how PostgreSQL words what it cannot convert. */
function convertValue(value: SqliteValue, from: bigint, to: bigint): SqliteValue {
  const [text, target] = [toText(value, from), Number(to)];
  switch (Number(from)) {
    case OID.timestamp:
    case OID.timestamptz:
      return fromTimestamp(text, String(value), target);
    case OID.date:
      return dateToTimestamp(String(value));
    default:
      return typeOf(to).fromText(text, -1);
  }
}

function fromTimestamp(text: string, stored: string, target: number): SqliteValue {
  const infinite = text.endsWith("infinity");
  if (target === OID.date) return infinite ? text : stored.slice(0, 10);
  if (target === OID.time) return infinite ? null : stored.slice(11);
  if (target === OID.timetz) return infinite ? null : `${stored.slice(11)}+00`;
  return stored;
}

export function dateToTimestamp(stored: string): string {
  return stored.endsWith("infinity") ? stored : `${stored} 00:00:00.000000`;
}

function singleRow(value: SqliteValue, count: bigint): SqliteValue {
  if (count > 1n) {
    throw new SqlError("21000", "more than one row returned by a subquery used as an expression");
  }
  return value;
}

function notNull(value: SqliteValue, table: string, column: string): SqliteValue {
  if (value === null) {
    throw new SqlError(
      "23502",
      `null value in column "${column}" of relation "${table}" violates not-null constraint`,
      { schema: "public", table, column },
    );
  }
  return value;
}

function nonNegative(clause: "LIMIT" | "OFFSET", state: string) {
  return (value: bigint | null): bigint => {
    if (value === null) {
      return clause === "LIMIT" ? -1n : 0n;
    }
    if (value < 0n) {
      throw new SqlError(state, `${clause} must not be negative`);
    }
    return value;
  };
}

function int8ToOid(value: SqliteValue): bigint {
  if (typeof value !== "bigint" || value < 0n) throw new SqlError("22003", "OID out of range");
  return oidInRange(value);
}

/** The bits of an int4, or an OID. */
function oidInRange(value: SqliteValue): bigint {
  if (typeof value !== "bigint" || value < -(2n ** 31n) || value >= 2n ** 32n) {
    throw new SqlError("22003", "OID out of range");
  }
  return value < 0n ? value + 2n ** 32n : value;
}

export const castFunctions: readonly LibraryEntry[] = [
  internal("int2_check", 1, (value: SqliteValue) => inRange("smallint", value)),
  internal("int4_check", 1, (value: SqliteValue) => inRange("integer", value)),
  internal("int8_check", 1, (value: SqliteValue) => inRange("bigint", value)),
  internal("oid_check", 1, oidInRange),
  internal("int8_to_oid", 1, int8ToOid),
  internal("oid_to_int4", 1, (value: bigint) => BigInt.asIntN(32, value)),
  internal("float8_to_int", 2, float8ToInteger),
  internal("numeric_to_int", 2, numericToInteger),
  internal("float8_to_numeric", 1, (value: number) => realToNumeric(value, 15)),
  internal("float4_to_numeric", 1, (value: number) => realToNumeric(value, 6)),
  internal("numeric_to_float8", 1, (value: SqliteValue) => float8Type.fromText(String(value), -1)),
  internal("numeric_to_float4", 1, (value: SqliteValue) => float4Type.fromText(String(value), -1)),
  internal("float4", 1, (value: SqliteValue) => toFloat4(Number(value))),
  internal("numeric_fit", 2, (value: string, modifier: bigint) =>
    applyModifier(value, Number(modifier)),
  ),
  internal("varchar_fit", 2, varcharFit),
  internal("varchar_cut", 2, cut),
  internal("bpchar_fit", 2, bpcharFit),
  internal("bpchar_pad", 2, (text: string, length: bigint) => {
    const trimmed = trimEndOf(text, " ");
    return trimmed + " ".repeat(Math.max(0, Number(length) - Array.from(trimmed).length));
  }),
  internal("bpchar_cut", 2, (text: string, length: bigint) =>
    cut(text, length).padEnd(Number(length), " "),
  ),
  internal("cast_from_text", 3, (text: string, oid: bigint, modifier: bigint) =>
    typeOf(oid).fromText(text, Number(modifier)),
  ),
  internal("cast_to_text", 2, toText),
  internalContextual("reg_to_text", 2, ({ catalog }, [value = null, oid]) =>
    value === null || typeof oid !== "bigint"
      ? null
      : typeOf(oid).toText(value, {
          ...DEFAULT_TEXT_SETTINGS,
          objectName: objectNames(catalog),
        }),
  ),
  internal("convert_value", 3, convertValue),
  named("single_row", 2, singleRow),
  named("not_null", 3, notNull),
  named("limit_count", 1, nonNegative("LIMIT", "2201W")),
  named("offset_count", 1, nonNegative("OFFSET", "2201X")),
];

/** Internal like the others, and called for NULLs too. */
function named(name: string, arity: number, call: (...args: never[]) => SqliteValue): LibraryEntry {
  const entry = lenient("internal() void", call, name);
  const scalar = entry.scalar === null ? null : { ...entry.scalar, arity };
  return { signatures: [], scalar };
}
