/** OIDs that PostgreSQL 15 gives to the objects which every database has. */
export const OWNER_OID = 10n;
export const PG_CATALOG_OID = 11n;
export const PUBLIC_OID = 2200n;
export const INFORMATION_SCHEMA_OID = 13207n;
export const HEAP_OID = 2n;
export const BTREE_OID = 403n;
export const HASH_OID = 405n;
export const DEFAULT_COLLATION_OID = 100n;
export const C_COLLATION_OID = 950n;
/** OIDs of the system catalogs, as pg_description.classoid names them. */
export const PG_CLASS_OID = 1259n;
export const PG_CONSTRAINT_OID = 2606n;

/** The one role. */
export const OWNER_NAME = "synod";

/** The row type of a relation: no other object has an OID of this range. */
export function rowTypeOid(relationOid: number): bigint {
  return BigInt(relationOid) + 0x4000_0000n;
}

/** A boolean in storage form. */
export function flag(value: boolean): bigint {
  return value ? 1n : 0n;
}
