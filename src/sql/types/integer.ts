/** int2, int4, int8 and the unsigned four-byte types: oid and xid. Storage form: bigint. */
import type { SqliteValue } from "../values.ts";
import { expectBigint, fixedView, invalidInput, trimSpace, valueOutOfRange } from "./conversion.ts";
import { ARRAY_OID, OID } from "./oids.ts";
import type { PgType } from "./pg-type.ts";

const INTEGER_SYNTAX = /^[+-]?\d+$/;

interface SignedNames {
  readonly name: "int2" | "int4" | "int8";
  readonly displayName: string;
  readonly size: 2 | 4 | 8;
}

function signedType({ name, displayName, size }: SignedNames): PgType {
  const limit = 1n << BigInt(size * 8 - 1);
  return {
    oid: OID[name],
    name,
    displayName,
    size,
    category: "N",
    preferred: false,
    arrayOid: ARRAY_OID[name],
    elementOid: 0,
    fromText(text) {
      const value = parseInteger(text, displayName);
      if (value < -limit || value >= limit) throw valueOutOfRange(displayName, text);
      return value;
    },
    toText: (value) => expectBigint(value).toString(),
    fromBinary: (bytes) => readSigned(fixedView(bytes, size), size),
    toBinary: (value) => writeSigned(expectBigint(value), size),
  };
}

/** Numbers of at most so many characters are exact as doubles. */
const EXACT_LENGTH_MAX = 15;

function parseInteger(text: string, displayName: string): bigint {
  if (text.length <= EXACT_LENGTH_MAX && INTEGER_SYNTAX.test(text)) return BigInt(Number(text));
  const digits = trimSpace(text);
  if (!INTEGER_SYNTAX.test(digits)) throw invalidInput(displayName, text);
  // Longer than any 64-bit number with leading zeros that someone would write by hand: the time
  // that BigInt takes grows with the square of the length.
  if (digits.length > 1000) throw valueOutOfRange(displayName, text);
  return BigInt(digits.startsWith("+") ? digits.slice(1) : digits);
}

function readSigned(view: DataView, size: 2 | 4 | 8): bigint {
  if (size === 8) return view.getBigInt64(0);
  return BigInt(size === 4 ? view.getInt32(0) : view.getInt16(0));
}

function writeSigned(value: bigint, size: 2 | 4 | 8): Uint8Array {
  const bytes = new Uint8Array(size);
  const view = new DataView(bytes.buffer);
  if (size === 8) view.setBigInt64(0, value);
  else if (size === 4) view.setInt32(0, Number(value));
  else view.setInt16(0, Number(value));
  return bytes;
}

export const int2Type = signedType({ name: "int2", displayName: "smallint", size: 2 });
export const int4Type = signedType({ name: "int4", displayName: "integer", size: 4 });
export const int8Type = signedType({ name: "int8", displayName: "bigint", size: 8 });

const UNSIGNED_LIMIT = 1n << 32n;

/** oid's text input: from -2^31 (read as two's complement) to 2^32 - 1. */
export function parseOid(text: string, displayName: string): bigint {
  const value = parseInteger(text, displayName);
  if (value < -(UNSIGNED_LIMIT >> 1n) || value >= UNSIGNED_LIMIT) {
    throw valueOutOfRange(displayName, text);
  }
  return BigInt.asUintN(32, value);
}

export function oidFromBinary(bytes: Uint8Array): bigint {
  return BigInt(fixedView(bytes, 4).getUint32(0));
}

export function oidToBinary(value: SqliteValue): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, Number(expectBigint(value)));
  return bytes;
}

function unsignedType(name: "oid" | "xid", category: string): PgType {
  return {
    oid: OID[name],
    name,
    displayName: name,
    size: 4,
    category,
    preferred: name === "oid",
    arrayOid: ARRAY_OID[name],
    elementOid: 0,
    fromText: (text) => parseOid(text, name),
    toText: (value) => expectBigint(value).toString(),
    fromBinary: oidFromBinary,
    toBinary: oidToBinary,
  };
}

export const oidType = unsignedType("oid", "N");
export const xidType = unsignedType("xid", "U");

const XID8_LIMIT = 1n << 64n;

/** The id of a transaction. SQLite's integers hold half of its range: far more than are ever given. */
export const xid8Type: PgType = {
  oid: OID.xid8,
  name: "xid8",
  displayName: "xid8",
  size: 8,
  category: "U",
  preferred: false,
  arrayOid: ARRAY_OID.xid8,
  elementOid: 0,
  fromText(text) {
    const value = parseInteger(text, "xid8");
    if (value < 0n || value >= XID8_LIMIT >> 1n) throw valueOutOfRange("xid8", text);
    return value;
  },
  toText: (value) => expectBigint(value).toString(),
  fromBinary: (bytes) => readSigned(fixedView(bytes, 8), 8),
  toBinary: (value) => writeSigned(expectBigint(value), 8),
};
