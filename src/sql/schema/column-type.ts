import type { Node, TypeName } from "libpg-query";
import { integerOf, stringsOf } from "../analyze/nodes.ts";
import { notSupported, SqlError } from "../errors.ts";
import { OID } from "../types/oids.ts";
import { typeByName, typeByOid } from "../types/registry.ts";

/** A column's type as its definition says it. */
export interface ColumnType {
  readonly typeOid: number;
  readonly typeModifier: number;
  /** SERIAL and its like: the column gets a sequence of its own. */
  readonly serial: boolean;
}

const SERIAL_TYPES: Readonly<Record<string, number>> = {
  smallserial: OID.int2,
  serial2: OID.int2,
  serial: OID.int4,
  serial4: OID.int4,
  bigserial: OID.int8,
  serial8: OID.int8,
};

/** Pseudo-types: no column can be of them. */
const PSEUDO_TYPES: ReadonlySet<string> = new Set(["unknown", "void", "record", "any", "trigger"]);

/** 42704 for a type that there is not, 42P16 for a pseudo-type. */
export function columnType(node: TypeName | undefined, column: string): ColumnType {
  const name = typeNameOf(node);
  const isArray = (node?.arrayBounds ?? []).length > 0;
  const serial = SERIAL_TYPES[name];
  if (serial !== undefined) {
    if (isArray) throw notSupported("array of serial");
    return { typeOid: serial, typeModifier: -1, serial: true };
  }
  if (PSEUDO_TYPES.has(name)) {
    throw new SqlError("42P16", `column "${column}" has pseudo-type ${name}`);
  }
  const type = typeByName(name);
  if (type === undefined) throw new SqlError("42704", `type "${name}" does not exist`);
  const typeModifier = modifierOf(name, node?.typmods ?? []);
  if (!isArray) return { typeOid: type.oid, typeModifier, serial: false };
  if (type.arrayOid === 0) throw notSupported(`array of ${type.displayName}`);
  return { typeOid: type.arrayOid, typeModifier, serial: false };
}

/** The display name with its modifier: numeric(10,2), character varying(5). */
export function typeText(typeOid: number, typeModifier: number): string {
  const type = typeByOid(typeOid);
  if (type === undefined) return "???";
  if (type.elementOid !== 0 && type.size === -1) {
    return `${typeText(type.elementOid, typeModifier)}[]`;
  }
  return withModifier(type.name, type.displayName, typeModifier);
}

function withModifier(name: string, displayName: string, modifier: number): string {
  if (modifier < 0) return name === "bpchar" ? "bpchar" : displayName;
  switch (name) {
    case "varchar":
    case "bpchar":
      return `${displayName}(${modifier - 4})`;
    case "numeric": {
      const scale = (((modifier - 4) & 0x7ff) ^ 1024) - 1024;
      return `${displayName}(${((modifier - 4) >> 16) & 0xffff},${scale})`;
    }
    case "time":
    case "timestamp":
    case "timetz":
    case "timestamptz": {
      const [first = "", ...rest] = displayName.split(" ");
      return [`${first}(${modifier})`, ...rest].join(" ");
    }
    default:
      return displayName;
  }
}

function typeNameOf(node: TypeName | undefined): string {
  const names = stringsOf(node?.names);
  const last = names.at(-1) ?? "";
  if (names.length > 1 && names[0] !== "pg_catalog" && names[0] !== "public") {
    throw new SqlError("42704", `type "${names.join(".")}" does not exist`);
  }
  return last;
}

function modifierOf(name: string, typmods: readonly Node[]): number {
  const numbers = typmods.map((each) => integerOf(each) ?? -1);
  const [first] = numbers;
  if (first === undefined || name === "interval") return -1;
  switch (name) {
    case "varchar":
    case "bpchar":
      return lengthModifier(name, first);
    case "numeric":
      return numericModifier(first, numbers[1] ?? 0);
    case "time":
    case "timetz":
    case "timestamp":
    case "timestamptz":
      return Math.min(first, 6);
    default:
      throw new SqlError("42601", `type modifier is not allowed for type "${name}"`);
  }
}

const LENGTH_MAX = 10_485_760;

function lengthModifier(name: string, length: number): number {
  const shown = name === "varchar" ? "varchar" : "char";
  if (length < 1) throw new SqlError("22023", `length for type ${shown} must be at least 1`);
  if (length > LENGTH_MAX) {
    throw new SqlError("22023", `length for type ${shown} cannot exceed ${LENGTH_MAX}`);
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
