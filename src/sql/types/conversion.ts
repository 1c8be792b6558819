/** What all type families share: the errors of their conversions and views of binary values. */
import { assert } from "../../base/assert.ts";
import { SqlError } from "../errors.ts";
import type { SqliteValue } from "../values.ts";

/** 22P02 `invalid input syntax for type integer: "x"`. */
export function invalidInput(displayName: string, text: string, detail?: string): SqlError {
  const message = `invalid input syntax for type ${displayName}: "${text}"`;
  return new SqlError("22P02", message, detail === undefined ? {} : { detail });
}

/** 22003 `value "x" is out of range for type integer`. */
export function valueOutOfRange(displayName: string, text: string): SqlError {
  return new SqlError("22003", `value "${text}" is out of range for type ${displayName}`);
}

/** 22P03: the bytes of a binary value are too few, too many or not of this type. */
export function invalidBinary(reason: string): SqlError {
  return new SqlError("22P03", reason);
}

/** A view of a binary value that must have exactly `size` bytes. */
export function fixedView(bytes: Uint8Array, size: number): DataView {
  if (bytes.length < size) {
    throw new SqlError("08P01", "insufficient data left in message");
  }
  if (bytes.length > size) throw invalidBinary("incorrect binary data format");
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Without the white space of C's isspace() at both ends. Linear, unlike a regular expression. */
export function trimSpace(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && isSpace(text.charCodeAt(start))) start += 1;
  while (end > start && isSpace(text.charCodeAt(end - 1))) end -= 1;
  return text.slice(start, end);
}

function isSpace(code: number): boolean {
  return code === 0x20 || (code >= 0x09 && code <= 0x0d);
}

const fatalDecoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const encoder = new TextEncoder();

/** Text that a client sent. Throws 22021 for what is not UTF-8 and for NUL, which no text holds. */
export function decodeText(bytes: Uint8Array): string {
  return shortAscii(bytes) ?? decodeAnyText(bytes);
}

/** Names and numbers are nearly all of what is decoded; null for anything else. */
function shortAscii(bytes: Uint8Array): string | null {
  if (bytes.length > SHORT_BYTES_MAX) return null;
  let text = "";
  for (const byte of bytes) {
    if (byte === 0 || byte > 0x7f) return null;
    text += String.fromCharCode(byte);
  }
  return text;
}

const SHORT_BYTES_MAX = 24;

function decodeAnyText(bytes: Uint8Array): string {
  const nul = bytes.indexOf(0);
  if (nul >= 0) throw invalidEncoding("0x00");
  try {
    return fatalDecoder.decode(bytes);
  } catch {
    throw invalidEncoding(firstInvalidBytes(bytes));
  }
}

export function encodeText(text: string): Uint8Array {
  return encoder.encode(text);
}

function invalidEncoding(sequence: string): SqlError {
  return new SqlError("22021", `invalid byte sequence for encoding "UTF8": ${sequence}`);
}

/** The bytes of the first sequence that is not UTF-8, as PostgreSQL names them: 0xe2 0x28. */
function firstInvalidBytes(bytes: Uint8Array): string {
  let at = 0;
  while (at < bytes.length) {
    const length = sequenceLength(bytes[at] ?? 0);
    const sequence = bytes.subarray(at, at + length);
    try {
      fatalDecoder.decode(sequence);
    } catch {
      return Array.from(sequence, (byte) => `0x${byte.toString(16).padStart(2, "0")}`).join(" ");
    }
    at += length;
  }
  return "";
}

function sequenceLength(first: number): number {
  if (first >= 0xf8) return 1;
  if (first >= 0xf0) return 4;
  if (first >= 0xe0) return 3;
  return first >= 0xc0 ? 2 : 1;
}

// The storage form of a value is our own doing, so a wrong one is a fault of ours: asserted.

export function expectString(value: SqliteValue): string {
  assert(typeof value === "string", `storage form is ${typeof value} instead of text`);
  return value;
}

/** Integers; a number without fraction passes too, as SQLite gives one for REAL columns. */
export function expectBigint(value: SqliteValue): bigint {
  if (typeof value === "number" && Number.isInteger(value)) return BigInt(value);
  assert(typeof value === "bigint", `storage form is ${typeof value} instead of an integer`);
  return value;
}

export function expectNumber(value: SqliteValue): number {
  if (typeof value === "bigint") return Number(value);
  assert(typeof value === "number", `storage form is ${typeof value} instead of a number`);
  return value;
}

export function expectBytes(value: SqliteValue): Uint8Array {
  assert(value instanceof Uint8Array, `storage form is ${typeof value} instead of bytes`);
  return value;
}
