import type { TypeName } from "libpg-query";
import { SqlError } from "../errors.ts";
import { OID } from "../types/oids.ts";
import type { PgType } from "../types/pg-type.ts";
import { typeByName, typeByOid } from "../types/registry.ts";
import { integerOf, stringsOf } from "./nodes.ts";

export interface DeclaredType {
  readonly typeOid: number;
  readonly typeModifier: number;
}

/** A type as written (`varchar(10)`, `int[]`). Throws 42704 for a type that does not exist. */
export function resolveTypeName(node: TypeName): DeclaredType {
  const names = stringsOf(node.names);
  const name = names.at(-1) ?? "";
  const schema = names.length > 1 ? names.at(-2) : undefined;
  const written = names.join(".");
  if (node.setof === true || node.pct_type === true) {
    throw new SqlError("0A000", `the type form "${written}" is not supported`);
  }
  if (schema !== undefined && schema !== "pg_catalog") {
    throw new SqlError("42704", `type "${written}" does not exist`);
  }
  const found = typeByName(schema === undefined ? name : name);
  if (found === undefined) {
    throw new SqlError("42704", `type "${written}" does not exist`);
  }
  const isArray = (node.arrayBounds ?? []).length > 0;
  if (isArray && found.arrayOid === 0) {
    throw new SqlError("42704", `could not find array type for data type ${found.displayName}`);
  }
  return {
    typeOid: isArray ? found.arrayOid : found.oid,
    typeModifier: modifierOf(found, node),
  };
}

/** atttypmod of the numbers in parentheses. */
function modifierOf(type: PgType, node: TypeName): number {
  const numbers = (node.typmods ?? []).map(integerOf);
  const [first, second = 0] = numbers;
  if (first === undefined) {
    return -1;
  }
  switch (type.oid) {
    case OID.varchar:
    case OID.bpchar:
      return lengthModifier(type, first);
    case OID.numeric:
      return numericModifier(first, second);
    case OID.time:
    case OID.timetz:
    case OID.timestamp:
    case OID.timestamptz:
      return Math.min(first, 6);
    case OID.interval:
      return intervalModifier(first, numbers[1]);
    default:
      throw new SqlError("42601", `type modifier is not allowed for type "${type.name}"`);
  }
}

function lengthModifier(type: PgType, length: number): number {
  const name = type.oid === OID.varchar ? "varchar" : "char";
  if (length < 1) {
    throw new SqlError("22023", `length for type ${name} must be at least 1`);
  }
  if (length > 10_485_760) {
    throw new SqlError("22023", `length for type ${name} cannot exceed 10485760`);
  }
  return length + 4;
}

function numericModifier(precision: number, scale: number): number {
  if (precision < 1 || precision > 1000) {
    throw new SqlError("22023", `NUMERIC precision ${precision} must be between 1 and 1000`);
  }
  if (scale < -1000 || scale > 1000) {
    throw new SqlError("22023", `NUMERIC scale ${scale} must be between -1000 and 1000`);
  }
  return ((precision << 16) | (scale & 0x7ff)) + 4;
}

/** INTERVAL_FULL_RANGE: no restriction to fields. */
const FULL_RANGE = 0x7fff;

function intervalModifier(fields: number, precision: number | undefined): number {
  if (fields === FULL_RANGE && precision === undefined) {
    return -1;
  }
  return (fields << 16) | (precision ?? 0xffff);
}

/** The type of that OID; one that is not known prints and compares as text. */
export function typeOrText(oid: number): PgType {
  const type = typeByOid(oid) ?? typeByOid(OID.text);
  if (type === undefined) {
    throw new SqlError("XX000", "the type registry has no text");
  }
  return type;
}

/** What error messages call a type. */
export function typeNameOf(oid: number): string {
  return oid === OID.unknown || oid === 0
    ? "unknown"
    : (typeByOid(oid)?.displayName ?? String(oid));
}
