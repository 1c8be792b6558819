import { SqlError } from "../errors.ts";
import { type ArrayElement, decodeArray, encodeArray } from "../types/array-storage.ts";
import { OID } from "../types/oids.ts";
import { DEFAULT_TEXT_SETTINGS } from "../types/pg-type.ts";
import { typeByOid } from "../types/registry.ts";
import type { SqliteValue } from "../values.ts";
import { key as numericKey, parse } from "./numeric.ts";
import { internal, type LibraryEntry, lenient, native, strict } from "./signature.ts";
import { plainText } from "./text-functions.ts";

type Elements = readonly ArrayElement[];

function isElements(value: ArrayElement): value is Elements {
  return Array.isArray(value);
}

function flat(elements: Elements): readonly Exclude<ArrayElement, Elements>[] {
  return elements.flatMap((each) => (isElements(each) ? flat(each) : [each]));
}

/** What an array holds of a value: JSON has no bytes. */
function element(value: SqliteValue): ArrayElement {
  return value instanceof Uint8Array ? `\\x${Buffer.from(value).toString("hex")}` : value;
}

function fromElement(value: ArrayElement | undefined): SqliteValue {
  if (value === undefined || value === null) return null;
  return isElements(value) ? encodeArray(value) : value;
}

function arrayOfArrays(...arrays: (string | null)[]): string {
  const parts = arrays.map((array) => (array === null ? null : decodeArray(array)));
  const lengths = new Set(parts.map((part) => part?.length ?? -1));
  if (lengths.size > 1) {
    throw new SqlError(
      "2202E",
      "multidimensional arrays must have array expressions with matching dimensions",
    );
  }
  return encodeArray(parts.map((part) => part ?? []));
}

/** An element, or NULL for a subscript outside of the array or of too few dimensions. */
function elementAt(array: string, ...subscripts: bigint[]): SqliteValue {
  let value: ArrayElement | undefined = decodeArray(array);
  for (const subscript of subscripts) {
    if (value === undefined || value === null || typeof value !== "object") return null;
    value = subscript < 1n ? undefined : value[Number(subscript) - 1];
  }
  return value !== undefined && value !== null && typeof value === "object"
    ? null
    : fromElement(value);
}

function slice(array: string | null, ...bounds: (bigint | null)[]): string | null {
  if (array === null) return null;
  return encodeArray(sliceOf(decodeArray(array), bounds));
}

function sliceOf(elements: Elements, bounds: readonly (bigint | null)[]): Elements {
  const [low, high, ...rest] = bounds;
  const from = Math.max(1, Number(low ?? 1n));
  const to = high === null || high === undefined ? elements.length : Number(high);
  const part = elements.slice(from - 1, Math.max(from - 1, to));
  if (rest.length === 0) return part;
  return part.map((each) => (isElements(each) ? sliceOf(each, rest) : each));
}

function dimensions(elements: Elements): readonly number[] {
  const [first] = elements;
  if (elements.length === 0) return [];
  return [elements.length, ...(first !== undefined && isElements(first) ? dimensions(first) : [])];
}

function same(left: ArrayElement, right: ArrayElement): boolean {
  return (
    left === right ||
    (isElements(left) && isElements(right) && encodeArray(left) === encodeArray(right))
  );
}

function holds(elements: Elements, value: ArrayElement): boolean {
  return value !== null && elements.some((each) => same(each, value));
}

function contains(array: string, other: string): bigint {
  const elements = flat(decodeArray(array));
  return flat(decodeArray(other)).every((value) => holds(elements, value)) ? 1n : 0n;
}

function overlaps(array: string, other: string): bigint {
  const elements = flat(decodeArray(array));
  return flat(decodeArray(other)).some((value) => holds(elements, value)) ? 1n : 0n;
}

function concatenate(left: string | null, right: string | null): string | null {
  if (left === null) return right;
  if (right === null) return left;
  return encodeArray([...decodeArray(left), ...decodeArray(right)]);
}

function position(array: string, value: SqliteValue, from = 1n): bigint | null {
  const elements = decodeArray(array);
  const wanted = element(value);
  const index = elements.findIndex((each, at) => at >= Number(from) - 1 && same(each, wanted));
  return index === -1 ? null : BigInt(index + 1);
}

function toText(array: string, separator: string, oid: bigint, nullText: string | null): string {
  const type = typeByOid(typeByOid(Number(oid))?.elementOid ?? OID.text);
  return flat(decodeArray(array))
    .filter((value) => value !== null || nullText !== null)
    .map((value) =>
      value === null
        ? (nullText ?? "")
        : (type?.toText(value, DEFAULT_TEXT_SETTINGS) ?? plainText(value)),
    )
    .join(separator);
}

function fromString(text: string, separator: string | null, nullText: string | null): string {
  const parts =
    separator === null
      ? Array.from(text)
      : text === ""
        ? []
        : separator === ""
          ? [text]
          : text.split(separator);
  return encodeArray(parts.map((part) => (part === nullText ? null : part)));
}

function castElements(array: string, from: bigint, to: bigint): string {
  const [source, target] = [from, to].map((oid) =>
    typeByOid(typeByOid(Number(oid))?.elementOid ?? 0),
  );
  const cast = (value: ArrayElement): ArrayElement => {
    if (value === null || source === undefined || target === undefined) return value;
    if (isElements(value)) return value.map(cast);
    return element(target.fromText(source.toText(value, DEFAULT_TEXT_SETTINGS), -1));
  };
  return encodeArray(decodeArray(array).map(cast));
}

function fitElements(array: string, oid: bigint, modifier: bigint): string {
  const type = typeByOid(typeByOid(Number(oid))?.elementOid ?? 0);
  const fit = (value: ArrayElement): ArrayElement => {
    if (value === null || type === undefined) return value;
    if (isElements(value)) return value.map(fit);
    return element(type.fromText(type.toText(value, DEFAULT_TEXT_SETTINGS), Number(modifier)));
  };
  return encodeArray(decodeArray(array).map(fit));
}

/** Sorts as arrays do: element by element, NULL last, a prefix before what it begins. */
function sortKey(array: string, oid: bigint): string {
  const elementOid = typeByOid(Number(oid))?.elementOid ?? 0;
  const keyOf = (value: ArrayElement): string => {
    if (value === null) return "9";
    if (isElements(value)) return `5${value.map(keyOf).join("\u0002")}`;
    if (typeof value === "bigint" || typeof value === "number" || elementOid === OID.numeric) {
      return `5${numericKey(parse(typeof value === "number" ? plainNumber(value) : value))}`;
    }
    return `5${value}`;
  };
  return decodeArray(array)
    .map((value) => `\u0001${keyOf(value)}`)
    .join("");
}

function plainNumber(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  return value.toLocaleString("en-US", {
    useGrouping: false,
    maximumSignificantDigits: 17,
    maximumFractionDigits: 100,
  });
}

export const arrayFunctions: readonly LibraryEntry[] = [
  lenient(
    "array_of(variadic any) any",
    (...values: SqliteValue[]) => encodeArray(values.map(element)),
    "array_of",
  ),
  lenient("array_of_arrays(variadic any) any", arrayOfArrays, "array_of_arrays"),
  internal("array_element", null, elementAt),
  lenient("array_slice(variadic any) any", slice, "array_slice"),
  internal("array_cast", 3, castElements),
  internal("array_fit", 3, fitElements),
  internal("array_key", 2, sortKey),
]
  .map((entry): LibraryEntry => ({ ...entry, signatures: [] }))
  .concat([
    strict("array_length(anyarray, int4) int4", (array: string, dimension: bigint) => {
      const length = dimensions(decodeArray(array))[Number(dimension) - 1];
      return length === undefined ? null : BigInt(length);
    }),
    strict("cardinality(anyarray) int4", (array: string) =>
      BigInt(flat(decodeArray(array)).length),
    ),
    strict("array_ndims(anyarray) int4", (array: string) => {
      const count = dimensions(decodeArray(array)).length;
      return count === 0 ? null : BigInt(count);
    }),
    strict("array_lower(anyarray, int4) int4", (array: string, dimension: bigint) =>
      dimensions(decodeArray(array))[Number(dimension) - 1] === undefined ? null : 1n,
    ),
    strict("array_upper(anyarray, int4) int4", (array: string, dimension: bigint) => {
      const length = dimensions(decodeArray(array))[Number(dimension) - 1];
      return length === undefined ? null : BigInt(length);
    }),
    lenient(
      "array_append(anyarray, anyelement) anyarray; ||(anyarray, anyelement) anyarray",
      (array: string | null, value: SqliteValue) =>
        encodeArray([...(array === null ? [] : decodeArray(array)), element(value)]),
      "pg_array_append",
    ),
    lenient(
      "array_prepend(anyelement, anyarray) anyarray; ||(anyelement, anyarray) anyarray",
      (value: SqliteValue, array: string | null) =>
        encodeArray([element(value), ...(array === null ? [] : decodeArray(array))]),
      "pg_array_prepend",
    ),
    lenient(
      "array_cat(anyarray, anyarray) anyarray; ||(anyarray, anyarray) anyarray",
      concatenate,
      "pg_array_cat",
    ),
    lenient(
      "array_remove(anyarray, anyelement) anyarray",
      (array: string | null, value: SqliteValue) =>
        array === null
          ? null
          : encodeArray(decodeArray(array).filter((each) => !same(each, element(value)))),
    ),
    lenient(
      "array_replace(anyarray, anyelement, anyelement) anyarray",
      (array: string | null, from: SqliteValue, to: SqliteValue) =>
        array === null
          ? null
          : encodeArray(
              decodeArray(array).map((each) => (same(each, element(from)) ? element(to) : each)),
            ),
    ),
    lenient(
      "array_position(anyarray, anyelement) int4",
      (array: string | null, value: SqliteValue) =>
        array === null ? null : position(array, value),
    ),
    lenient(
      "array_position(anyarray, anyelement, int4) int4",
      (array: string | null, value: SqliteValue, from: bigint) =>
        array === null ? null : position(array, value, from),
    ),
    lenient(
      "array_positions(anyarray, anyelement) int4[]",
      (array: string | null, value: SqliteValue) =>
        array === null
          ? null
          : encodeArray(
              decodeArray(array).flatMap((each, at) =>
                same(each, element(value)) ? [BigInt(at + 1)] : [],
              ),
            ),
    ),
    strict(
      "array_text(text, text, int8) text",
      (array: string, separator: string, oid: bigint) => toText(array, separator, oid, null),
      "array_text",
    ),
    lenient(
      "array_text(text, text, int8, text) text",
      (array: string | null, separator: string | null, oid: bigint, nullText: string | null) =>
        array === null || separator === null ? null : toText(array, separator, oid, nullText),
      "array_text",
    ),
    native("array_to_string(anyarray, text) text", "array_text($1, $2, $1:type)"),
    native("array_to_string(anyarray, text, text) text", "array_text($1, $2, $1:type, $3)"),
    lenient(
      "string_to_array(text, text) text[]",
      (text: string | null, separator: string | null) =>
        text === null ? null : fromString(text, separator, null),
    ),
    lenient(
      "string_to_array(text, text, text) text[]",
      (text: string | null, separator: string | null, nullText: string | null) =>
        text === null ? null : fromString(text, separator, nullText),
    ),
    strict("@>(anyarray, anyarray) bool", contains, "array_contains"),
    native("<@(anyarray, anyarray) bool", "array_contains($2, $1)"),
    strict("&&(anyarray, anyarray) bool", overlaps, "array_overlaps"),
  ]);
