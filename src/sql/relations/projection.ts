/**
 * pg_catalog and information_schema as tables that are computed from the Catalog. Every relation
 * of PG_CATALOG_COLUMNS and INFORMATION_SCHEMA_COLUMNS exists; those without a producer are empty,
 * as they would be in a PostgreSQL database that makes no use of the feature.
 */
import type { SqliteValue } from "../values.ts";
import { informationSchemaProducers } from "./information-schema.ts";
import { INFORMATION_SCHEMA_COLUMNS } from "./information-schema-columns.ts";
import { pgCatalogProducers } from "./pg-catalog.ts";
import { PG_CATALOG_COLUMNS } from "./pg-catalog-columns.ts";
import type { Producers, ProjectedRow, ProjectionSource } from "./projection-source.ts";

export type { ProjectionSource } from "./projection-source.ts";

export type SystemSchema = "pg_catalog" | "information_schema";

export interface SystemColumn {
  readonly name: string;
  readonly typeOid: number;
}

/** A system relation as name resolution needs it. */
export interface SystemRelation {
  readonly schema: SystemSchema;
  readonly name: string;
  /** The OID that PostgreSQL 15 gives it. */
  readonly oid: number;
  readonly kind: "table" | "view";
  readonly columns: readonly SystemColumn[];
}

export interface ProjectedTable extends SystemRelation {
  /** Rows with one value a column, in storage form; the same source gives the same rows. */
  rows(source: ProjectionSource): Iterable<readonly SqliteValue[]>;
}

/** OIDs of the types that columns of system relations have. */
const TYPE_OIDS: Readonly<Record<string, number>> = {
  bool: 16,
  bytea: 17,
  char: 18,
  name: 19,
  int8: 20,
  int2: 21,
  int2vector: 22,
  int4: 23,
  regproc: 24,
  text: 25,
  oid: 26,
  xid: 28,
  oidvector: 30,
  float4: 700,
  float8: 701,
  _char: 1002,
  _name: 1003,
  _int2: 1005,
  _text: 1009,
  _float4: 1021,
  _oid: 1028,
  _aclitem: 1009,
  varchar: 1043,
  timestamptz: 1184,
  interval: 1186,
  numeric: 1700,
  regtype: 2206,
  _regtype: 2211,
};

/** Types that exist here only in system relations (pg_node_tree, aclitem, inet …) are text. */
const TEXT_OID = 25;

/** Every system relation: pg_catalog's by name, then information_schema's. */
export const projectedTables: readonly ProjectedTable[] = [
  ...project("pg_catalog", PG_CATALOG_COLUMNS, pgCatalogProducers),
  ...project("information_schema", INFORMATION_SCHEMA_COLUMNS, informationSchemaProducers),
];

const BY_NAME = new Map(projectedTables.map((table) => [`${table.schema}.${table.name}`, table]));

/** A null schema means the search path, on which pg_catalog comes first. */
export function systemRelation(schema: string | null, name: string): SystemRelation | undefined {
  return BY_NAME.get(`${schema ?? "pg_catalog"}.${name}`);
}

function project(schema: SystemSchema, notation: string, producers: Producers): ProjectedTable[] {
  return notation
    .trim()
    .split(/\n(?! )/)
    .map((entry) => projectOne(schema, entry, producers));
}

function projectOne(schema: SystemSchema, entry: string, producers: Producers): ProjectedTable {
  const [head = "", list = ""] = entry.split(": ", 2);
  const [name = "", oid, kind] = head.split(" ");
  const columns = list.split(/,\s+/).map((column) => {
    const [columnName = "", type = ""] = column.split(" ");
    return { name: columnName, typeOid: TYPE_OIDS[type] ?? TEXT_OID };
  });
  const produce = producers[name];
  return {
    schema,
    name,
    oid: Number(oid),
    kind: kind === "v" ? "view" : "table",
    columns,
    *rows(source) {
      for (const row of produce?.(source) ?? []) yield inOrder(columns, row);
    },
  };
}

function inOrder(columns: readonly SystemColumn[], row: ProjectedRow): readonly SqliteValue[] {
  return columns.map((column) => row[column.name] ?? null);
}
