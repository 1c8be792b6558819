/** pg_type: the types of the registry, and the row types of tables and views. */
import type { PgType } from "../types/pg-type.ts";
import { allTypes, typeByOid } from "../types/registry.ts";
import type { Producers, ProjectedRow, ProjectionSource } from "./projection-source.ts";
import {
  C_COLLATION_OID,
  DEFAULT_COLLATION_OID,
  flag,
  OWNER_OID,
  PG_CATALOG_OID,
  PUBLIC_OID,
  rowTypeOid,
} from "./system-oids.ts";

export const typeProducers: Producers = {
  *pg_type(source) {
    for (const type of allTypes) yield builtInType(type);
    yield* rowTypes(source);
  },
};

/** How values of a type lie in PostgreSQL's rows: drivers and psql's \d+ read it. */
export interface TypeLayout {
  readonly length: bigint;
  readonly byValue: bigint;
  readonly alignment: string;
  readonly storage: string;
  readonly collation: bigint;
}

const VARIABLE: TypeLayout = {
  length: -1n,
  byValue: 0n,
  alignment: "i",
  storage: "x",
  collation: 0n,
};

/** Fixed sizes whose alignment is not their own size. */
const ALIGNMENTS: Readonly<Record<string, string>> = {
  name: "c",
  uuid: "c",
  interval: "d",
  timetz: "d",
};

const BY_SIZE: Readonly<Record<number, string>> = { 1: "c", 2: "s", 4: "i", 8: "d" };
const COLLATABLE: ReadonlySet<string> = new Set(["text", "varchar", "bpchar"]);

export function typeLayout(oid: number): TypeLayout {
  const type = typeByOid(oid);
  if (type === undefined) return VARIABLE;
  const collation = collationOf(type);
  if (type.size < 0) {
    const storage = type.name === "numeric" ? "m" : type.name.endsWith("vector") ? "p" : "x";
    return { ...VARIABLE, storage, collation };
  }
  const size = FIXED_SIZES[type.name] ?? type.size;
  return {
    length: BigInt(size),
    byValue: flag(size <= 8),
    alignment: ALIGNMENTS[type.name] ?? BY_SIZE[size] ?? "i",
    storage: "p",
    collation,
  };
}

const FIXED_SIZES: Readonly<Record<string, number>> = { name: 64, uuid: 16 };

function collationOf(type: PgType): bigint {
  const element = type.elementOid === 0 ? type : (typeByOid(type.elementOid) ?? type);
  if (element.name === "name") return C_COLLATION_OID;
  return COLLATABLE.has(element.name) ? DEFAULT_COLLATION_OID : 0n;
}

const NOTHING: ProjectedRow = {
  typowner: OWNER_OID,
  typisdefined: 1n,
  typdelim: ",",
  typrelid: 0n,
  typsubscript: 0n,
  typinput: 0n,
  typoutput: 0n,
  typreceive: 0n,
  typsend: 0n,
  typmodin: 0n,
  typmodout: 0n,
  typanalyze: 0n,
  typnotnull: 0n,
  typbasetype: 0n,
  typtypmod: -1n,
  typndims: 0n,
};

function builtInType(type: PgType): ProjectedRow {
  const layout = typeLayout(type.oid);
  return {
    ...NOTHING,
    oid: BigInt(type.oid),
    typname: type.name,
    typnamespace: PG_CATALOG_OID,
    typlen: layout.length,
    typbyval: layout.byValue,
    typtype: type.category === "P" ? "p" : "b",
    typcategory: type.category,
    typispreferred: flag(type.preferred),
    typelem: BigInt(type.elementOid),
    typarray: BigInt(type.arrayOid),
    typalign: layout.alignment,
    typstorage: layout.storage,
    typcollation: layout.collation,
  };
}

function* rowTypes(source: ProjectionSource): Iterable<ProjectedRow> {
  for (const relation of source.catalog.relations.values()) {
    if (relation.kind !== "table" && relation.kind !== "view") continue;
    yield {
      ...NOTHING,
      oid: rowTypeOid(relation.oid),
      typname: relation.name,
      typnamespace: PUBLIC_OID,
      typlen: -1n,
      typbyval: 0n,
      typtype: "c",
      typcategory: "C",
      typispreferred: 0n,
      typrelid: BigInt(relation.oid),
      typelem: 0n,
      typarray: 0n,
      typalign: "d",
      typstorage: "x",
      typcollation: 0n,
    };
  }
}
