/**
 * pg_catalog and information_schema as tables that are computed from the Catalog. Every relation
 * of PG_CATALOG_COLUMNS and INFORMATION_SCHEMA_COLUMNS exists; those without a producer are empty,
 * as they would be in a PostgreSQL database that makes no use of the feature.
 */
import type { SqliteValue } from "../values.ts";
import { informationSchemaProducers } from "./information-schema.ts";
import { pgCatalogProducers } from "./pg-catalog.ts";
import type { ProjectedRow, ProjectionSource } from "./projection-source.ts";
import { type SystemColumn, type SystemRelation, systemRelations } from "./system-columns.ts";

export type { ProjectionSource } from "./projection-source.ts";
export type { SystemRelation } from "./system-columns.ts";

export interface ProjectedTable extends SystemRelation {
  /** Rows with one value a column, in storage form; the same source gives the same rows. */
  rows(source: ProjectionSource): Iterable<readonly SqliteValue[]>;
}

/** Every system relation: pg_catalog's by name, then information_schema's. */
export const projectedTables: readonly ProjectedTable[] = systemRelations.map((relation) => {
  const producers =
    relation.schema === "pg_catalog" ? pgCatalogProducers : informationSchemaProducers;
  const produce = producers[relation.name];
  return {
    ...relation,
    *rows(source) {
      for (const row of produce?.(source) ?? []) yield inOrder(relation.columns, row);
    },
  };
});

const BY_NAME = new Map(projectedTables.map((table) => [`${table.schema}.${table.name}`, table]));

/** A null schema means the search path, on which pg_catalog comes first. */
export function systemRelation(schema: string | null, name: string): SystemRelation | undefined {
  return BY_NAME.get(`${schema ?? "pg_catalog"}.${name}`);
}

function inOrder(columns: readonly SystemColumn[], row: ProjectedRow): readonly SqliteValue[] {
  return columns.map((column) => row[column.name] ?? null);
}
