import { decodeText } from "../types/conversion.ts";
import type { CopyFormat } from "./copy-format.ts";

/**
 * The values of a line in text format, without what ends it; null for NULL. Throws SqlError 22021 where
 * escaped bytes are not UTF-8.
 */
export function textFields(line: string, format: CopyFormat): (string | null)[] {
  const { delimiter, nullText } = format;
  if (!line.includes("\\")) {
    const fields: (string | null)[] = line.split(delimiter);
    for (const [at, field] of fields.entries()) if (field === nullText) fields[at] = null;
    return fields;
  }
  return rawFields(line, delimiter).map((raw) => {
    if (raw === nullText) return null;
    return raw.includes("\\") ? unescaped(raw) : raw;
  });
}

/** The fields as they are written. A backslash at the end of the line means nothing. */
function rawFields(line: string, delimiter: string): string[] {
  const fields: string[] = [];
  let start = 0;
  let at = 0;
  for (; at < line.length; at += 1) {
    if (line[at] === delimiter) {
      fields.push(line.slice(start, at));
      start = at + 1;
    } else if (line[at] === "\\") {
      if (at === line.length - 1) break;
      at += 1;
    }
  }
  fields.push(line.slice(start, at));
  return fields;
}

const ESCAPES = /\\(?:x([0-9a-fA-F]{1,2})|([0-7]{1,3})|([^]))/gu;

const BYTES = /\\(?:x[0-9a-fA-F]|[0-7])/;

const LETTERS: { readonly [letter in string]?: string } = {
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
  v: "\v",
};

function unescaped(raw: string): string {
  // Escaped bytes are rare, and may be parts of characters.
  if (BYTES.test(raw)) return decodeText(unescapedBytes(raw));
  return raw.replaceAll(ESCAPES, (_whole, _hex, _octal, other: string) => LETTERS[other] ?? other);
}

function byteOf(hex: string | undefined, octal: string | undefined): number | null {
  if (hex !== undefined) return Number.parseInt(hex, 16);
  return octal === undefined ? null : Number.parseInt(octal, 8) & 0xff;
}

/** Several escaped bytes may be one character together, or with what stands between them. */
function unescapedBytes(raw: string): Uint8Array {
  const parts: Buffer[] = [];
  let end = 0;
  for (const match of raw.matchAll(ESCAPES)) {
    const [whole, hex, octal, other = ""] = match;
    const byte = byteOf(hex, octal);
    parts.push(Buffer.from(raw.slice(end, match.index)));
    parts.push(byte === null ? Buffer.from(LETTERS[other] ?? other) : Buffer.of(byte));
    end = match.index + whole.length;
  }
  parts.push(Buffer.from(raw.slice(end)));
  return Buffer.concat(parts);
}
