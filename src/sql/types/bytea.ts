/** bytea. Storage form: Uint8Array. */
import { SqlError } from "../errors.ts";
import { encodeText, expectBytes } from "./conversion.ts";
import { ARRAY_OID, OID } from "./oids.ts";
import type { PgType } from "./pg-type.ts";

export const byteaType: PgType = {
  oid: OID.bytea,
  name: "bytea",
  displayName: "bytea",
  size: -1,
  category: "U",
  preferred: false,
  arrayOid: ARRAY_OID.bytea,
  elementOid: 0,
  fromText: (text) => (text.startsWith("\\x") ? parseHex(text.slice(2)) : parseEscape(text)),
  toText(value, settings) {
    const bytes = expectBytes(value);
    if (settings.byteaOutput === "escape") return formatEscape(bytes);
    return `\\x${Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("hex")}`;
  },
  fromBinary: (bytes) => bytes.slice(),
  toBinary: expectBytes,
};

/** White space may stand between pairs of digits, not within one. */
function parseHex(text: string): Uint8Array {
  const output = new Uint8Array(text.length >> 1);
  let length = 0;
  let at = 0;
  while (at < text.length) {
    if (isSpace(text.charCodeAt(at))) {
      at += 1;
      continue;
    }
    const high = hexDigit(text, at);
    if (at + 1 >= text.length) {
      throw new SqlError("22023", "invalid hexadecimal data: odd number of digits");
    }
    output[length] = high * 16 + hexDigit(text, at + 1);
    length += 1;
    at += 2;
  }
  return output.slice(0, length);
}

function isSpace(code: number): boolean {
  return code === 0x20 || code === 0x0a || code === 0x09 || code === 0x0d;
}

function hexDigit(text: string, at: number): number {
  const code = text.charCodeAt(at);
  if (code >= 0x30 && code <= 0x39) return code - 0x30;
  const lower = code | 0x20;
  if (lower >= 0x61 && lower <= 0x66) return lower - 0x57;
  const digit = String.fromCodePoint(text.codePointAt(at) ?? 0);
  throw new SqlError("22023", `invalid hexadecimal digit: "${digit}"`);
}

const BACKSLASH = 0x5c;

function parseEscape(text: string): Uint8Array {
  const input = encodeText(text);
  const output = new Uint8Array(input.length);
  let length = 0;
  let at = 0;
  while (at < input.length) {
    const byte = input[at] ?? 0;
    if (byte !== BACKSLASH) {
      output[length] = byte;
      at += 1;
    } else if (input[at + 1] === BACKSLASH) {
      output[length] = BACKSLASH;
      at += 2;
    } else {
      output[length] = octal(input, at + 1);
      at += 4;
    }
    length += 1;
  }
  return output.slice(0, length);
}

function octal(input: Uint8Array, at: number): number {
  const digits = String.fromCharCode(...input.subarray(at, at + 3));
  if (!/^[0-3][0-7]{2}$/.test(digits)) {
    throw new SqlError("22P02", "invalid input syntax for type bytea");
  }
  return Number.parseInt(digits, 8);
}

function formatEscape(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) {
    if (byte === BACKSLASH) text += "\\\\";
    else if (byte < 0x20 || byte > 0x7e) text += `\\${byte.toString(8).padStart(3, "0")}`;
    else text += String.fromCharCode(byte);
  }
  return text;
}
