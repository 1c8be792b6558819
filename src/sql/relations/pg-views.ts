/** The views of pg_catalog that show its tables for humans: pg_tables, pg_indexes … */
import { typeByOid } from "../types/registry.ts";
import { indexDefinition } from "./definitions.ts";
import { indexesOf, tablesOf, takesPartInForeignKeys } from "./pg-relations.ts";
import type { Producers } from "./projection-source.ts";
import { systemRelations } from "./system-columns.ts";
import { flag, OWNER_NAME } from "./system-oids.ts";

export const viewProducers: Producers = {
  *pg_tables(source) {
    for (const relation of systemRelations) {
      if (relation.kind !== "table") continue;
      yield {
        schemaname: relation.schema,
        tablename: relation.name,
        tableowner: OWNER_NAME,
        hasindexes: 0n,
        hasrules: 0n,
        hastriggers: 0n,
        rowsecurity: 0n,
      };
    }
    for (const table of tablesOf(source)) {
      yield {
        schemaname: "public",
        tablename: table.name,
        tableowner: OWNER_NAME,
        hasindexes: flag(indexesOf(table, source.catalog).length > 0),
        hasrules: 0n,
        hastriggers: flag(takesPartInForeignKeys(table, source.catalog)),
        rowsecurity: 0n,
      };
    }
  },
  *pg_views(source) {
    for (const relation of source.catalog.relations.values()) {
      if (relation.kind !== "view") continue;
      yield {
        schemaname: "public",
        viewname: relation.name,
        viewowner: OWNER_NAME,
        definition: viewText(relation.query.postgres),
      };
    }
  },
  *pg_indexes(source) {
    for (const relation of source.catalog.relations.values()) {
      if (relation.kind !== "index") continue;
      yield {
        schemaname: "public",
        tablename: relation.table,
        indexname: relation.name,
        indexdef: indexDefinition(relation, { pretty: false }),
      };
    }
  },
  *pg_sequences(source) {
    for (const relation of source.catalog.relations.values()) {
      if (relation.kind !== "sequence") continue;
      yield {
        schemaname: "public",
        sequencename: relation.name,
        sequenceowner: OWNER_NAME,
        data_type: BigInt(typeByOid(relation.typeOid)?.oid ?? 0),
        start_value: relation.start,
        min_value: relation.minimum,
        max_value: relation.maximum,
        increment_by: relation.increment,
        cycle: flag(relation.cycle),
        cache_size: 1n,
      };
    }
  },
  *pg_stat_user_tables(source) {
    for (const table of tablesOf(source)) {
      yield { relid: BigInt(table.oid), schemaname: "public", relname: table.name };
    }
  },
};

/** A view's query as pg_get_viewdef ends it. */
export function viewText(postgres: string): string {
  return `${postgres};`;
}
