/** What belongs to the whole cluster, or is the same in every database. */
import type { Producers, ProjectedRow, ProjectionSource } from "./projection-source.ts";
import {
  BTREE_OID,
  C_COLLATION_OID,
  DEFAULT_COLLATION_OID,
  HASH_OID,
  HEAP_OID,
  INFORMATION_SCHEMA_OID,
  OWNER_NAME,
  OWNER_OID,
  PG_CATALOG_OID,
  PUBLIC_OID,
} from "./system-oids.ts";

const UTF8 = 6n;

export const clusterProducers: Producers = {
  *pg_database(source) {
    for (const database of source.databases) yield databaseRow(database);
  },
  pg_namespace: () => [
    { oid: PG_CATALOG_OID, nspname: "pg_catalog", nspowner: OWNER_OID },
    { oid: PUBLIC_OID, nspname: "public", nspowner: OWNER_OID },
    { oid: INFORMATION_SCHEMA_OID, nspname: "information_schema", nspowner: OWNER_OID },
  ],
  pg_am: () => [
    { oid: HEAP_OID, amname: "heap", amhandler: 3n, amtype: "t" },
    { oid: BTREE_OID, amname: "btree", amhandler: 330n, amtype: "i" },
    { oid: HASH_OID, amname: "hash", amhandler: 331n, amtype: "i" },
  ],
  pg_collation: () => [
    collation({ oid: DEFAULT_COLLATION_OID, collname: "default", collprovider: "d" }),
    collation({
      oid: C_COLLATION_OID,
      collname: "C",
      collprovider: "c",
      collcollate: "C",
      collctype: "C",
    }),
  ],
  pg_tablespace: () => [
    { oid: 1663n, spcname: "pg_default", spcowner: OWNER_OID },
    { oid: 1664n, spcname: "pg_global", spcowner: OWNER_OID },
  ],
  pg_language: () => [
    language(12n, "internal", 0n),
    language(13n, "c", 0n),
    language(14n, "sql", 1n),
  ],
  pg_authid: () => [{ oid: OWNER_OID, ...ROLE }],
  pg_roles: () => [{ oid: OWNER_OID, ...ROLE, rolpassword: "********" }],
  pg_user: () => [{ ...USER, passwd: "********" }],
  pg_shadow: () => [USER],
  pg_stat_database: (source) => databasesOf(source),
};

const ROLE: ProjectedRow = {
  rolname: OWNER_NAME,
  rolsuper: 1n,
  rolinherit: 1n,
  rolcreaterole: 1n,
  rolcreatedb: 1n,
  rolcanlogin: 1n,
  rolreplication: 1n,
  rolbypassrls: 1n,
  rolconnlimit: -1n,
};

const USER: ProjectedRow = {
  usename: OWNER_NAME,
  usesysid: OWNER_OID,
  usecreatedb: 1n,
  usesuper: 1n,
  userepl: 1n,
  usebypassrls: 1n,
};

/** A database's number may exceed an OID's 32 bits; its OID is the rest above the user's range. */
function databaseOid(id: number): bigint {
  return 16384n + (BigInt(id) % 0x3fff_0000n);
}

function databaseRow({ id, name }: ProjectionSource["databases"][number]): ProjectedRow {
  return {
    oid: databaseOid(id),
    datname: name,
    datdba: OWNER_OID,
    encoding: UTF8,
    datlocprovider: "c",
    datistemplate: 0n,
    datallowconn: 1n,
    datconnlimit: -1n,
    datfrozenxid: 0n,
    datminmxid: 1n,
    dattablespace: 1663n,
    datcollate: "C",
    datctype: "C",
  };
}

function databasesOf(source: ProjectionSource): ProjectedRow[] {
  return source.databases.map(({ id, name }) => ({ datid: databaseOid(id), datname: name }));
}

function collation(fields: ProjectedRow): ProjectedRow {
  return {
    collnamespace: PG_CATALOG_OID,
    collowner: OWNER_OID,
    collisdeterministic: 1n,
    collencoding: -1n,
    ...fields,
  };
}

function language(oid: bigint, name: string, trusted: bigint): ProjectedRow {
  return {
    oid,
    lanname: name,
    lanowner: OWNER_OID,
    lanispl: 0n,
    lanpltrusted: trusted,
    lanplcallfoid: 0n,
    laninline: 0n,
    lanvalidator: 0n,
  };
}
