/** All types, found by OID and by name. */
import { arrayTypeOver, vectorTypeOver } from "./array.ts";
import { boolType } from "./boolean.ts";
import { byteaType } from "./bytea.ts";
import {
  dateType,
  timestampType,
  timestamptzType,
  timeType,
  timetzType,
} from "./datetime/datetime-types.ts";
import { intervalType } from "./datetime/interval.ts";
import { float4Type, float8Type } from "./float.ts";
import { int2Type, int4Type, int8Type, oidType, xid8Type, xidType } from "./integer.ts";
import { jsonbType, jsonType } from "./json.ts";
import { numericType } from "./numeric.ts";
import { objectIdType } from "./object-id.ts";
import { ARRAY_OID, OID } from "./oids.ts";
import type { PgType } from "./pg-type.ts";
import { recordType, voidType } from "./pseudo.ts";
import { bpcharType, charType, nameType, textPgType, unknownType, varcharType } from "./text.ts";
import { uuidType } from "./uuid.ts";

const regtypeType = objectIdType("regtype", {
  oidOf: (name) => typeByName(name)?.oid,
  nameOf: (oid) => typeByOid(oid)?.displayName,
});

const elementTypes: readonly PgType[] = [
  boolType,
  byteaType,
  charType,
  nameType,
  int8Type,
  int2Type,
  vectorTypeOver(int2Type, {
    oid: OID.int2vector,
    name: "int2vector",
    arrayOid: ARRAY_OID.int2vector,
  }),
  int4Type,
  objectIdType("regproc"),
  textPgType,
  oidType,
  xidType,
  xid8Type,
  vectorTypeOver(oidType, { oid: OID.oidvector, name: "oidvector", arrayOid: ARRAY_OID.oidvector }),
  jsonType,
  float4Type,
  float8Type,
  unknownType,
  bpcharType,
  varcharType,
  dateType,
  timeType,
  timestampType,
  timestamptzType,
  intervalType,
  timetzType,
  numericType,
  objectIdType("regclass"),
  regtypeType,
  recordType,
  voidType,
  uuidType,
  jsonbType,
  objectIdType("regnamespace"),
];

/** Every type, arrays included, by rising OID. */
export const allTypes: readonly PgType[] = [
  ...elementTypes,
  ...elementTypes.filter((type) => type.arrayOid !== 0).map(arrayTypeOver),
].toSorted((left, right) => left.oid - right.oid);

const byOid: ReadonlyMap<number, PgType> = new Map(allTypes.map((type) => [type.oid, type]));

export function typeByOid(oid: number): PgType | undefined {
  return byOid.get(oid);
}

/** Spellings of the SQL grammar that are neither typname nor what format_type prints. */
const SQL_SPELLINGS: Readonly<Record<string, string>> = {
  int: "int4",
  decimal: "numeric",
  dec: "numeric",
  float: "float8",
  "char varying": "varchar",
  "national character": "bpchar",
  "national char": "bpchar",
  nchar: "bpchar",
  "national character varying": "varchar",
};

const byName: ReadonlyMap<string, PgType> = new Map(
  // Later entries win: the typname over a display name.
  [
    ...allTypes.map((type) => [type.displayName, type] as const),
    ...allTypes.map((type) => [type.name, type] as const),
  ],
);

/**
 * A type by typname (int4, _int4), by any SQL spelling (integer, character varying, timestamp with
 * time zone, int[]), in any case and with or without "pg_catalog." in front. As in pg_type, `char`
 * is the one-byte type; what the grammar means by char is bpchar.
 */
export function typeByName(name: string): PgType | undefined {
  const spelled = name
    .trim()
    .toLowerCase()
    .replace(/\s+/g, " ")
    .replace(/^pg_catalog\./, "");
  const array = /^(.+?)(?: ?\[\d*\])+$/.exec(spelled);
  if (array !== null) return typeByOid(typeByName(array[1] ?? "")?.arrayOid ?? 0);
  return byName.get(SQL_SPELLINGS[spelled] ?? spelled);
}
