/**
 * text, varchar, bpchar, name, "char", unknown. Storage form: string.
 *
 * bpchar is stored without its trailing blanks, which mean nothing in it: so values compare right
 * as text, and the wire pads a result column of declared length (src/pgwire/values.ts).
 */
import { SqlError } from "../errors.ts";
import type { SqliteValue } from "../values.ts";
import { decodeText, encodeText, expectString, fixedView } from "./conversion.ts";
import { ARRAY_OID, OID } from "./oids.ts";
import type { PgType } from "./pg-type.ts";

interface TextNames {
  readonly oid: number;
  readonly name: string;
  readonly displayName: string;
  readonly arrayOid: number;
  readonly size?: number;
  readonly category?: string;
  readonly elementOid?: number;
  readonly preferred?: boolean;
  /** Applied to what the client sent. */
  accept(text: string, modifier: number): string;
}

function textType(names: TextNames): PgType {
  return {
    oid: names.oid,
    name: names.name,
    displayName: names.displayName,
    size: names.size ?? -1,
    category: names.category ?? "S",
    preferred: names.preferred ?? false,
    arrayOid: names.arrayOid,
    elementOid: names.elementOid ?? 0,
    fromText: (text, modifier) => names.accept(text, modifier),
    toText: textOf,
    fromBinary: (bytes, modifier) => names.accept(decodeText(bytes), modifier),
    toBinary: (value) => encodeText(textOf(value)),
  };
}

/** Of any storage form: an expression of unknown type may carry a number here. */
function textOf(value: SqliteValue): string {
  return typeof value === "bigint" || typeof value === "number"
    ? value.toString()
    : expectString(value);
}

const MODIFIER_HEADER = 4;

/** Cuts to the declared length in characters; only blanks may be lost (22001 otherwise). */
function fitLength(text: string, modifier: number, displayName: string): string {
  const lengthMax = modifier - MODIFIER_HEADER;
  if (modifier < MODIFIER_HEADER || text.length <= lengthMax) return text;
  const characters = Array.from(text);
  if (characters.length <= lengthMax) return text;
  if (characters.slice(lengthMax).some((character) => character !== " ")) {
    throw new SqlError("22001", `value too long for type ${displayName}(${lengthMax})`);
  }
  return characters.slice(0, lengthMax).join("");
}

/** bpchar's form: without the blanks at the end. */
function trimBlanks(text: string): string {
  let end = text.length;
  while (end > 0 && text.charCodeAt(end - 1) === 0x20) end -= 1;
  return text.slice(0, end);
}

const NAME_BYTES_MAX = 63;

/** Cuts a name to 63 bytes, never within a character. */
function truncateName(text: string): string {
  if (text.length * 3 <= NAME_BYTES_MAX) return text;
  let bytes = 0;
  let end = 0;
  for (const character of text) {
    bytes += Buffer.byteLength(character);
    if (bytes > NAME_BYTES_MAX) break;
    end += character.length;
  }
  return text.slice(0, end);
}

/** The one byte that "char" holds: an ASCII character, or the first byte of another as \ooo. */
function firstByte(text: string): string {
  const escape = /^\\[0-3][0-7]{2}$/.exec(text);
  if (escape !== null) {
    const code = Number.parseInt(text.slice(1), 8);
    return code === 0 ? "" : code < 0x80 ? String.fromCharCode(code) : text;
  }
  const byte = encodeText(text)[0];
  if (byte === undefined) return "";
  return byte < 0x80 ? String.fromCharCode(byte) : `\\${byte.toString(8)}`;
}

const same = (text: string): string => text;

export const textPgType = textType({
  oid: OID.text,
  name: "text",
  displayName: "text",
  arrayOid: ARRAY_OID.text,
  preferred: true,
  accept: same,
});

export const varcharType = textType({
  oid: OID.varchar,
  name: "varchar",
  displayName: "character varying",
  arrayOid: ARRAY_OID.varchar,
  accept: (text, modifier) => fitLength(text, modifier, "character varying"),
});

export const bpcharType = textType({
  oid: OID.bpchar,
  name: "bpchar",
  displayName: "character",
  arrayOid: ARRAY_OID.bpchar,
  accept: (text, modifier) => trimBlanks(fitLength(text, modifier, "character")),
});

export const nameType = textType({
  oid: OID.name,
  name: "name",
  displayName: "name",
  arrayOid: ARRAY_OID.name,
  size: 64,
  elementOid: OID.char,
  accept: truncateName,
});

export const charType: PgType = {
  ...textType({
    oid: OID.char,
    name: "char",
    displayName: '"char"',
    arrayOid: ARRAY_OID.char,
    size: 1,
    category: "Z",
    accept: firstByte,
  }),
  fromBinary(bytes) {
    const byte = fixedView(bytes, 1).getUint8(0);
    if (byte === 0) return "";
    return byte < 0x80 ? String.fromCharCode(byte) : `\\${byte.toString(8)}`;
  },
  toBinary(value) {
    const stored = expectString(value);
    if (stored.length === 4) return Uint8Array.of(Number.parseInt(stored.slice(1), 8));
    return Uint8Array.of(stored === "" ? 0 : stored.charCodeAt(0));
  },
};

export const unknownType = textType({
  oid: OID.unknown,
  name: "unknown",
  displayName: "unknown",
  arrayOid: 0,
  size: -2,
  category: "X",
  accept: same,
});
