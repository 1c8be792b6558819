import { createHash } from "node:crypto";
import { SqlError } from "../errors.ts";
import type { SqliteValue } from "../values.ts";
import { type LibraryEntry, lenient, native, strict } from "./signature.ts";

/** PostgreSQL maps characters one by one; what would grow ("ß" to "SS") stays. */
function mapCharacters(text: string, map: (character: string) => string): string {
  let mapped = "";
  for (const character of text) {
    const other = map(character);
    mapped += Array.from(other).length === 1 ? other : character;
  }
  return mapped;
}

function upper(text: string): string {
  return mapCharacters(text, (character) => character.toUpperCase());
}

export function lower(text: string): string {
  return mapCharacters(text, (character) => character.toLowerCase());
}

function initcap(text: string): string {
  return text.replace(/[\p{L}\p{N}]+/gu, (word) => {
    const [first = "", ...rest] = word;
    return upper(first) + lower(rest.join(""));
  });
}

function left(text: string, count: bigint): string {
  const characters = Array.from(text);
  return count >= 0n
    ? characters.slice(0, bounded(count)).join("")
    : characters.slice(0, Math.max(0, characters.length + bounded(count))).join("");
}

function right(text: string, count: bigint): string {
  const characters = Array.from(text);
  const start = count >= 0n ? Math.max(0, characters.length - bounded(count)) : bounded(-count);
  return characters.slice(start).join("");
}

function bounded(value: bigint): number {
  return Number(
    value > 0x7fff_ffffn ? 0x7fff_ffffn : value < -0x7fff_ffffn ? -0x7fff_ffffn : value,
  );
}

/** Characters `from` to `from + count - 1`, counted from 1; what lies outside is left out. */
function substring(text: string, from: bigint, count?: bigint): string {
  if (count !== undefined && count < 0n) {
    throw new SqlError("22011", "negative substring length not allowed");
  }
  const characters = Array.from(text);
  const start = Math.max(0, bounded(from) - 1);
  const end = count === undefined ? characters.length : bounded(from) - 1 + bounded(count);
  return characters.slice(start, Math.max(start, end)).join("");
}

function pad(text: string, length: bigint, fill: string, side: "left" | "right"): string {
  const characters = Array.from(text);
  const wanted = Math.max(0, bounded(length));
  assertLength(wanted);
  if (characters.length >= wanted) {
    return characters.slice(0, wanted).join("");
  }
  if (fill === "") {
    return text;
  }
  const missing = wanted - characters.length;
  const filler = Array.from(fill.repeat(Math.ceil(missing / Array.from(fill).length)))
    .slice(0, missing)
    .join("");
  return side === "left" ? filler + text : text + filler;
}

/** Characters of a text that a function makes. */
const LENGTH_MAX = 16 * 1024 * 1024;

/** Throws 54000 for a text that would be too long. */
export function assertLength(length: number): void {
  if (length > LENGTH_MAX) {
    throw new SqlError("54000", "requested length too large");
  }
}

function repeat(text: string, count: bigint): string {
  const times = Math.max(0, bounded(count));
  assertLength(text.length * times);
  return text.repeat(times);
}

function splitPart(text: string, delimiter: string, position: bigint): string {
  if (position === 0n) {
    throw new SqlError("22023", "field position must not be zero");
  }
  const parts = delimiter === "" ? [text] : text.split(delimiter);
  return parts.at(bounded(position > 0n ? position - 1n : position)) ?? "";
}

function translateCharacters(text: string, from: string, to: string): string {
  const [sources, targets] = [Array.from(from), Array.from(to)];
  let result = "";
  for (const character of text) {
    const index = sources.indexOf(character);
    result += index === -1 ? character : (targets[index] ?? "");
  }
  return result;
}

function replaceAll(text: string, from: string, to: string): string {
  if (from === "") {
    return text;
  }
  assertLength(text.length + (text.split(from).length - 1) * Math.max(0, to.length - from.length));
  return text.replaceAll(from, () => to);
}

function overlay(text: string, piece: string, from: bigint, count: bigint): string {
  if (from <= 0n) {
    throw new SqlError("22011", "negative substring length not allowed");
  }
  const characters = Array.from(text);
  const start = bounded(from) - 1;
  const rest = characters.slice(Math.max(0, start + bounded(count))).join("");
  return characters.slice(0, start).join("") + piece + rest;
}

function ascii(text: string): bigint {
  return BigInt(text.codePointAt(0) ?? 0);
}

function chr(code: bigint): string {
  if (code === 0n) {
    throw new SqlError("54000", "null character not permitted");
  }
  if (code < 0n) {
    throw new SqlError("54000", "character number must be positive");
  }
  if (code > 0x10_ffffn || (code >= 0xd800n && code <= 0xdfffn)) {
    throw new SqlError("54000", `requested character too large for encoding: ${code}`);
  }
  return String.fromCodePoint(Number(code));
}

/** Values of any type as text, for concat() and the like. */
export function plainText(value: SqliteValue): string {
  if (value === null) return "";
  if (typeof value === "number") return realText(value);
  return value instanceof Uint8Array ? `\\x${Buffer.from(value).toString("hex")}` : String(value);
}

function realText(value: number): string {
  if (!Number.isFinite(value)) return value > 0 ? "Infinity" : "-Infinity";
  const [mantissa = "", exponent] = value.toExponential().split("e");
  const power = Number(exponent);
  if (power >= -5 && power < 15) return Object.is(value, -0) ? "-0" : value.toString();
  const digits = Math.abs(power).toString().padStart(2, "0");
  return `${mantissa}e${power < 0 ? "-" : "+"}${digits}`;
}

function quoteIdent(name: string): string {
  const plain = /^[a-z_][a-z0-9_$]*$/.test(name) && !RESERVED.has(name);
  return plain ? name : `"${name.replaceAll('"', '""')}"`;
}

const RESERVED: ReadonlySet<string> = new Set(
  `all analyse analyze and any array as asc asymmetric authorization between bigint binary bit
  boolean both case cast char character check coalesce collate collation column concurrently
  constraint create cross current_catalog current_date current_role current_schema current_time
  current_timestamp current_user dec decimal default deferrable desc distinct do else end except
  exists extract false fetch float for foreign freeze from full grant greatest group grouping having
  ilike in initially inner inout int integer intersect interval into is isnull join lateral leading
  least left like limit localtime localtimestamp national natural nchar none normalize not notnull
  null nullif numeric offset on only or order out outer overlaps overlay placing position precision
  primary real references returning right row select session_user setof similar smallint some
  substring symmetric table tablesample then time timestamp to trailing treat trim true union unique
  user using values varchar variadic verbose when where window with xmlattributes`.split(/\s+/),
);

function quoteLiteral(text: string): string {
  const quoted = text.replaceAll("'", "''");
  return text.includes("\\") ? ` E'${quoted.replaceAll("\\", "\\\\")}'` : `'${quoted}'`;
}

function encode(bytes: Uint8Array, format: string): string {
  switch (format.toLowerCase()) {
    case "hex":
      return Buffer.from(bytes).toString("hex");
    case "base64":
      return Buffer.from(bytes)
        .toString("base64")
        .replace(/.{76}(?=.)/g, "$&\n");
    case "escape":
      return Buffer.from(bytes)
        .toString("latin1")
        .replaceAll("\\", "\\\\")
        .replace(/[\0\x80-\xff]/g, (c) => `\\${c.charCodeAt(0).toString(8).padStart(3, "0")}`);
    default:
      throw new SqlError("22023", `unrecognized encoding: "${format}"`);
  }
}

function decode(text: string, format: string): Uint8Array {
  switch (format.toLowerCase()) {
    case "hex":
      return decodeHex(text);
    case "base64":
      return Uint8Array.from(Buffer.from(text, "base64"));
    case "escape":
      return Uint8Array.from(
        Buffer.from(
          text.replace(/\\(\\|[0-3][0-7]{2})/g, (_all, code: string) =>
            code === "\\" ? "\\" : String.fromCharCode(Number.parseInt(code, 8)),
          ),
          "latin1",
        ),
      );
    default:
      throw new SqlError("22023", `unrecognized encoding: "${format}"`);
  }
}

function decodeHex(text: string): Uint8Array {
  const digits = text.replace(/\s/g, "");
  const stray = /[^0-9a-fA-F]/.exec(digits);
  if (stray !== null) {
    throw new SqlError("22023", `invalid hexadecimal digit: "${stray[0]}"`);
  }
  if (digits.length % 2 === 1) {
    throw new SqlError("22023", "invalid hexadecimal data: odd number of digits");
  }
  return Uint8Array.from(Buffer.from(digits, "hex"));
}

function digest(algorithm: "md5" | "sha256") {
  return (value: string | Uint8Array) => createHash(algorithm).update(value).digest();
}

function toHex(value: bigint, bits: number): string {
  return BigInt.asUintN(bits, value).toString(16);
}

const SPECIFIER = /%(?:(\d+)\$)?(-?)(\d*)([\s\S]?)/g;

/** %s, %I, %L and %%, with positions (%1$s) and widths. */
function formatted(template: string, ...args: readonly SqliteValue[]): string {
  let next = 0;
  return template.replace(SPECIFIER, (...match: string[]) => {
    const [, position, minus = "", width = "", kind = ""] = match;
    if (kind === "%") return "%";
    if (!["s", "I", "L"].includes(kind)) throw badSpecifier(kind);
    const index = position === undefined ? next : Number(position) - 1;
    next = index + 1;
    if (index >= args.length) throw new SqlError("22023", "too few arguments for format()");
    const text = formatArgument(args[index] ?? null, kind);
    return minus === "" ? text.padStart(Number(width)) : text.padEnd(Number(width));
  });
}

function badSpecifier(kind: string): SqlError {
  const problem =
    kind === ""
      ? "unterminated format() type specifier"
      : `unrecognized format() type specifier "${kind}"`;
  return new SqlError("22023", problem, { hint: 'For a single "%" use "%%".' });
}

function formatArgument(value: SqliteValue, kind: string): string {
  if (kind === "L") {
    return value === null ? "NULL" : quoteLiteral(plainText(value)).trimStart();
  }
  if (kind === "I") {
    if (value === null)
      throw new SqlError("22004", "null values cannot be formatted as an SQL identifier");
    return quoteIdent(plainText(value));
  }
  return plainText(value);
}

export const textFunctions: readonly LibraryEntry[] = [
  strict("upper(text) text", upper),
  strict("lower(text) text", lower),
  strict("initcap(text) text", initcap),
  native("length(text) int4; char_length(text) int4; character_length(text) int4", "length($1)"),
  native("length(bytea) int4; octet_length(bytea) int4", "length($1)"),
  native("octet_length(text) int4", "octet_length($1)"),
  native("bit_length(text) int4; bit_length(bytea) int4", "(octet_length($1) * 8)"),
  strict("left(text, int4) text", left),
  strict("right(text, int4) text", right),
  strict("substring(text, int4) text; substr(text, int4) text", substring, "pg_substring"),
  strict(
    "substring(text, int4, int4) text; substr(text, int4, int4) text",
    substring,
    "pg_substring",
  ),
  native("strpos(text, text) int4; position(text, text) int4", "instr($1, $2)"),
  native("btrim(text) text", "trim($1)"),
  native("ltrim(text) text", "ltrim($1)"),
  native("rtrim(text) text", "rtrim($1)"),
  native("btrim(text, text) text", "trim($1, $2)"),
  native("ltrim(text, text) text", "ltrim($1, $2)"),
  native("rtrim(text, text) text", "rtrim($1, $2)"),
  strict("replace(text, text, text) text", replaceAll),
  strict("translate(text, text, text) text", translateCharacters),
  strict("split_part(text, text, int4) text", splitPart),
  strict("lpad(text, int4) text", (text: string, length: bigint) => pad(text, length, " ", "left")),
  strict("lpad(text, int4, text) text", (text: string, length: bigint, fill: string) =>
    pad(text, length, fill, "left"),
  ),
  strict("rpad(text, int4) text", (text: string, length: bigint) =>
    pad(text, length, " ", "right"),
  ),
  strict("rpad(text, int4, text) text", (text: string, length: bigint, fill: string) =>
    pad(text, length, fill, "right"),
  ),
  strict("repeat(text, int4) text", repeat),
  strict("reverse(text) text", (text: string) => Array.from(text).toReversed().join("")),
  strict("overlay(text, text, int4) text", (text: string, piece: string, from: bigint) =>
    overlay(text, piece, from, BigInt(Array.from(piece).length)),
  ),
  strict("overlay(text, text, int4, int4) text", overlay),
  strict("ascii(text) int4", ascii),
  strict("chr(int4) text", chr),
  strict(
    "starts_with(text, text) bool; ^@(text, text) bool",
    (text: string, start: string) => (text.startsWith(start) ? 1n : 0n),
    "pg_starts_with",
  ),
  lenient("concat(variadic any) text", (...args: SqliteValue[]) => args.map(plainText).join("")),
  lenient(
    "concat_ws(text, variadic any) text",
    (separator: string | null, ...args: SqliteValue[]) =>
      separator === null
        ? null
        : args
            .filter((arg) => arg !== null)
            .map(plainText)
            .join(separator),
  ),
  lenient(
    "format(text) text; format(text, variadic any) text",
    (template: string | null, ...args: SqliteValue[]) =>
      template === null ? null : formatted(template, ...args),
  ),
  strict("quote_ident(text) text", quoteIdent),
  strict("quote_literal(text) text", (text: string) => quoteLiteral(text).trimStart()),
  lenient("quote_nullable(text) text", (text: string | null) =>
    text === null ? "NULL" : quoteLiteral(text).trimStart(),
  ),
  strict("md5(text) text; md5(bytea) text", (value: string | Uint8Array) =>
    digest("md5")(value).toString("hex"),
  ),
  strict("sha256(bytea) bytea", (value: Uint8Array) => Uint8Array.from(digest("sha256")(value))),
  strict("encode(bytea, text) text", encode),
  strict("decode(text, text) bytea", decode),
  strict("to_hex(int4) text", (value: bigint) => toHex(value, 32), "int4_to_hex"),
  strict("to_hex(int8) text", (value: bigint) => toHex(value, 64), "int8_to_hex"),
  native("||(bytea, bytea) bytea", "bytea_concat($1, $2)"),
  strict(
    "byteacat(bytea, bytea) bytea",
    (first: Uint8Array, second: Uint8Array) => Uint8Array.from([...first, ...second]),
    "bytea_concat",
  ),
];
