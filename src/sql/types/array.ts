/**
 * Array types over every other type. Text: {1,2,NULL,"a b"} (manual, 8.15). Binary (array_send):
 * int32 dimensions, int32 has-null flag, uint32 element type, per dimension int32 length and int32
 * lower bound, then the elements, each behind its length (-1: NULL).
 */
import { SqlError } from "../errors.ts";
import type { SqliteValue } from "../values.ts";
import { type ArrayElement, decodeArray, encodeArray } from "./array-storage.ts";
import { parseArrayText, type TextElement } from "./array-text.ts";
import { expectString, invalidBinary } from "./conversion.ts";
import type { PgType, TextSettings } from "./pg-type.ts";

const DIMENSIONS_MAX = 6;

/** The type of arrays whose elements are of `element`. */
export function arrayTypeOver(element: PgType): PgType {
  return {
    oid: element.arrayOid,
    name: `_${element.name}`,
    displayName: `${element.displayName}[]`,
    size: -1,
    category: "A",
    preferred: false,
    arrayOid: 0,
    elementOid: element.oid,
    fromText(text, modifier, settings) {
      const convert = (item: string): SqliteValue => element.fromText(item, modifier, settings);
      return encodeArray(convertElements(parseArrayText(text), convert));
    },
    toText: (value, settings) =>
      formatElements(decodeArray(expectString(value)), element, settings),
    fromBinary: (bytes, modifier) => encodeArray(decodeBinaryArray(bytes, element, modifier)),
    toBinary: (value, settings) =>
      encodeBinaryArray(decodeArray(expectString(value)), { element, settings, lowerBound: 1 }),
  };
}

/** int2vector and oidvector: space-separated text, arrays counted from 0 on the binary side. */
export function vectorTypeOver(
  element: PgType,
  names: { readonly oid: number; readonly name: string; readonly arrayOid: number },
): PgType {
  return {
    ...names,
    displayName: names.name,
    size: -1,
    category: "A",
    preferred: false,
    elementOid: element.oid,
    fromText(text, modifier) {
      const items = text.split(/[ \t\n\r]+/).filter((item) => item !== "");
      return encodeArray(items.map((item) => toElement(element.fromText(item, modifier))));
    },
    toText: (value, settings) =>
      decodeArray(expectString(value))
        .map((item) => element.toText(fromElement(item), settings))
        .join(" "),
    fromBinary: (bytes, modifier) => encodeArray(decodeBinaryArray(bytes, element, modifier)),
    toBinary: (value, settings) =>
      encodeBinaryArray(decodeArray(expectString(value)), { element, settings, lowerBound: 0 }),
  };
}

function convertElements(
  elements: readonly TextElement[],
  convert: (text: string) => SqliteValue,
): readonly ArrayElement[] {
  return elements.map((element) => {
    if (element === null) return null;
    return typeof element === "string"
      ? toElement(convert(element))
      : convertElements(element, convert);
  });
}

/** bytea is the one storage form that JSON cannot hold. */
function toElement(value: SqliteValue): ArrayElement {
  return value instanceof Uint8Array ? `\\x${Buffer.from(value).toString("hex")}` : value;
}

/** `element` is no dimension. */
function fromElement(element: ArrayElement): SqliteValue {
  if (isDimension(element)) throw new SqlError("XX000", "array dimensions are uneven");
  return element;
}

function isDimension(element: ArrayElement): element is readonly ArrayElement[] {
  return Array.isArray(element);
}

function flatten(elements: readonly ArrayElement[]): readonly SqliteValue[] {
  return elements.flatMap((element) => (isDimension(element) ? flatten(element) : [element]));
}

function storedElement(element: ArrayElement, type: PgType): SqliteValue {
  const value = fromElement(element);
  return type.name === "bytea" && typeof value === "string" ? type.fromText(value, -1) : value;
}

function formatElements(
  elements: readonly ArrayElement[],
  type: PgType,
  settings: TextSettings,
): string {
  const items = elements.map((element) => {
    if (element === null) return "NULL";
    if (isDimension(element)) return formatElements(element, type, settings);
    return quote(type.toText(storedElement(element, type), settings));
  });
  return `{${items.join(",")}}`;
}

function quote(text: string): string {
  if (text !== "" && !/[{}",\\ \t\n\r\v\f]/.test(text) && !/^null$/i.test(text)) return text;
  return `"${text.replace(/["\\]/g, "\\$&")}"`;
}

interface BinaryArray {
  readonly element: PgType;
  readonly settings: TextSettings;
  readonly lowerBound: number;
}

const HEADER_BYTES = 12;
const DIMENSION_BYTES = 8;

function encodeBinaryArray(elements: readonly ArrayElement[], array: BinaryArray): Uint8Array {
  const lengths = elements.length === 0 && array.lowerBound === 1 ? [] : dimensionsOf(elements);
  const values = flatten(elements).map((item) =>
    item === null
      ? null
      : array.element.toBinary(storedElement(toElement(item), array.element), array.settings),
  );
  const head = HEADER_BYTES + DIMENSION_BYTES * lengths.length;
  const size = values.reduce((sum, value) => sum + 4 + (value?.length ?? 0), head);
  const bytes = new Uint8Array(size);
  const view = new DataView(bytes.buffer);
  view.setInt32(0, lengths.length);
  view.setInt32(4, values.includes(null) ? 1 : 0);
  view.setUint32(8, array.element.oid);
  lengths.forEach((length, at) => {
    view.setInt32(HEADER_BYTES + DIMENSION_BYTES * at, length);
    view.setInt32(HEADER_BYTES + DIMENSION_BYTES * at + 4, array.lowerBound);
  });
  let offset = head;
  for (const value of values) {
    view.setInt32(offset, value === null ? -1 : value.length);
    offset += 4;
    if (value !== null) {
      bytes.set(value, offset);
      offset += value.length;
    }
  }
  return bytes;
}

function dimensionsOf(elements: readonly ArrayElement[]): readonly number[] {
  const first = elements[0];
  return first !== undefined && isDimension(first)
    ? [elements.length, ...dimensionsOf(first)]
    : [elements.length];
}

function decodeBinaryArray(
  bytes: Uint8Array,
  element: PgType,
  modifier: number,
): readonly ArrayElement[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const lengths = readHeader(view, element);
  const count = lengths.reduce((product, length) => product * length, lengths.length === 0 ? 0 : 1);
  let offset = HEADER_BYTES + DIMENSION_BYTES * view.getInt32(0);
  // Every element takes four bytes at least: checked before anything is allocated by the count.
  if (count * 4 > view.byteLength - offset) throw insufficientData();
  const values: ArrayElement[] = [];
  for (let at = 0; at < count; at += 1) {
    if (view.byteLength - offset < 4) throw insufficientData();
    const length = view.getInt32(offset);
    offset += 4;
    if (length < -1 || length > view.byteLength - offset) throw insufficientData();
    if (length === -1) {
      values.push(null);
      continue;
    }
    const item = bytes.subarray(offset, offset + length);
    values.push(toElement(element.fromBinary(item, modifier)));
    offset += length;
  }
  if (offset !== view.byteLength) throw invalidBinary("improper binary format in array");
  return nest(values, lengths.slice(1));
}

function readHeader(view: DataView, element: PgType): readonly number[] {
  if (view.byteLength < HEADER_BYTES) throw insufficientData();
  const dimensions = view.getInt32(0);
  if (dimensions < 0 || dimensions > DIMENSIONS_MAX) {
    throw invalidBinary(`invalid number of dimensions: ${dimensions}`);
  }
  if (view.getUint32(8) !== element.oid) {
    throw new SqlError(
      "42804",
      `binary data has array element type ${view.getUint32(8)} instead of expected ` +
        `${element.oid} (${element.displayName})`,
    );
  }
  if (view.byteLength < HEADER_BYTES + DIMENSION_BYTES * dimensions) throw insufficientData();
  const lengths: number[] = [];
  for (let at = 0; at < dimensions; at += 1) {
    const length = view.getInt32(HEADER_BYTES + DIMENSION_BYTES * at);
    if (length < 0) throw invalidBinary("improper binary format in array");
    lengths.push(length);
  }
  return lengths.includes(0) ? [] : lengths;
}

function insufficientData(): SqlError {
  return new SqlError("08P01", "insufficient data left in message");
}

/** Groups a flat list into the given inner lengths. */
function nest(values: readonly ArrayElement[], inner: readonly number[]): readonly ArrayElement[] {
  const length = inner.at(-1);
  if (length === undefined) return values;
  const groups: ArrayElement[] = [];
  for (let at = 0; at < values.length; at += length) groups.push(values.slice(at, at + length));
  return nest(groups, inner.slice(0, -1));
}
