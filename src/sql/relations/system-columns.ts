/** The names, columns and types of the system relations, read from their notation. */
import { INFORMATION_SCHEMA_COLUMNS } from "./information-schema-columns.ts";
import { PG_CATALOG_COLUMNS } from "./pg-catalog-columns.ts";

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
export const systemRelations: readonly SystemRelation[] = [
  ...read("pg_catalog", PG_CATALOG_COLUMNS),
  ...read("information_schema", INFORMATION_SCHEMA_COLUMNS),
];

function read(schema: SystemSchema, notation: string): SystemRelation[] {
  return notation
    .trim()
    .split(/\n(?! )/)
    .map((entry) => readOne(schema, entry));
}

function readOne(schema: SystemSchema, entry: string): SystemRelation {
  const [head = "", list = ""] = entry.split(": ", 2);
  const [name = "", oid, kind] = head.split(" ");
  const columns = list.split(/,\s+/).map((column) => {
    const [columnName = "", type = ""] = column.split(" ");
    return { name: columnName, typeOid: TYPE_OIDS[type] ?? TEXT_OID };
  });
  return { schema, name, oid: Number(oid), kind: kind === "v" ? "view" : "table", columns };
}
