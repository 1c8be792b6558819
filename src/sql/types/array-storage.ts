/**
 * The storage form of arrays: a JSON array of the elements' storage forms, nested for dimensions.
 * Integers are exact at any size; a REAL always has a point or exponent, so that SQLite's
 * json_each gives it back as one; an infinity is ±9.0e+999, as SQLite itself writes it; bytea,
 * which JSON cannot hold, is its hex text (\x…).
 */
import { assert } from "../../base/assert.ts";
import type { SqliteValue } from "../values.ts";

/** An element, or the elements of one more dimension. */
export type ArrayElement = Exclude<SqliteValue, Uint8Array> | readonly ArrayElement[];

/** The JSON text of an array's elements. */
export function encodeArray(elements: readonly ArrayElement[]): string {
  return `[${elements.map(encodeElement).join(",")}]`;
}

function encodeElement(element: ArrayElement): string {
  if (element === null) return "null";
  if (typeof element === "bigint") return element.toString();
  if (typeof element === "number") return encodeReal(element);
  if (typeof element === "string") return JSON.stringify(element);
  return encodeArray(element);
}

function encodeReal(value: number): string {
  if (!Number.isFinite(value)) return value < 0 ? "-9.0e+999" : "9.0e+999";
  if (Object.is(value, -0)) return "-0.0";
  const text = value.toString();
  return /[.e]/.test(text) ? text : `${text}.0`;
}

/** Reads what encodeArray (or SQLite's json_group_array) wrote. */
export function decodeArray(json: string): readonly ArrayElement[] {
  const reader = new StorageReader(json);
  const value = reader.value();
  assert(isDimension(value), "stored array is not a JSON array");
  return value;
}

function isDimension(element: ArrayElement): element is readonly ArrayElement[] {
  return Array.isArray(element);
}

const TOKEN =
  /[ \t\n\r]*(?:([[\],])|"[^"\\]*(?:\\.[^"\\]*)*"|(null|true|false)|(-?\d+(?![\d.eE]))|(-?\d+[\d.eE+-]*))/y;

class StorageReader {
  readonly #json: string;
  readonly #token = new RegExp(TOKEN);

  constructor(json: string) {
    this.#json = json;
  }

  value(): ArrayElement {
    const token = this.#next();
    return token === "[" ? this.#elements() : this.#scalar(token);
  }

  /** Behind "[". */
  #elements(): readonly ArrayElement[] {
    const elements: ArrayElement[] = [];
    let token = this.#next();
    while (token !== "]") {
      if (token !== ",") elements.push(token === "[" ? this.#elements() : this.#scalar(token));
      token = this.#next();
    }
    return elements;
  }

  #scalar(token: string): ArrayElement {
    const first = token.charAt(0);
    if (first === '"') return String(JSON.parse(token));
    if (token === "null") return null;
    if (first === "t" || first === "f") return first === "t" ? 1n : 0n;
    return /[.eE]/.test(token) ? Number(token) : BigInt(token);
  }

  #next(): string {
    const match = this.#token.exec(this.#json);
    assert(match !== null, "stored array is not JSON");
    return match[0].trimStart();
  }
}
