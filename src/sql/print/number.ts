import { type Typed, typed } from "../analyze/typed.ts";
import { parseNumeric } from "../types/numeric.ts";
import { OID } from "../types/oids.ts";
import { literal } from "./literal.ts";

const INT4_MAX = 2n ** 31n - 1n;
const INT8_MAX = 2n ** 63n - 1n;

/** A number without point or exponent: the smallest of int4, int8 and numeric that holds it. */
export function integerConstant(value: bigint, location: number): Typed {
  const magnitude = value < 0n ? -value - 1n : value;
  if (magnitude > INT8_MAX) {
    return { ...typed(literal(value.toString()), OID.numeric, location), notNull: true };
  }
  const typeOid = magnitude > INT4_MAX ? OID.int8 : OID.int4;
  return { ...typed(literal(value), typeOid, location), notNull: true, constant: value };
}

export function numericConstant(text: string, location: number): Typed {
  const integer = text.replaceAll("_", "");
  if (/^-?\d+$/.test(integer)) {
    return integerConstant(BigInt(integer), location);
  }
  const sql = literal(parseNumeric(integer));
  return { ...typed(sql, OID.numeric, location), notNull: true };
}
