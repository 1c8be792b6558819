import { typeByOid } from "../types/registry.ts";
import { columnProducers, yesOrNo } from "./information-columns.ts";
import { informationConstraintProducers } from "./information-constraints.ts";
import { viewText } from "./pg-views.ts";
import type { Producers, ProjectedRow } from "./projection-source.ts";
import { systemRelations } from "./system-columns.ts";
import { OWNER_NAME } from "./system-oids.ts";

/** The relations of information_schema that have rows. */
export const informationSchemaProducers: Producers = {
  ...columnProducers,
  ...informationConstraintProducers,
  *tables(source) {
    for (const relation of source.catalog.relations.values()) {
      if (relation.kind !== "table" && relation.kind !== "view") continue;
      const isTable = relation.kind === "table";
      yield tableRow(source.currentDatabase, "public", relation.name, isTable);
    }
    for (const { schema, name, kind } of systemRelations) {
      const row = tableRow(source.currentDatabase, schema, name, kind === "table");
      yield { ...row, is_insertable_into: "NO" };
    }
  },
  *views(source) {
    for (const relation of source.catalog.relations.values()) {
      if (relation.kind !== "view") continue;
      yield {
        table_catalog: source.currentDatabase,
        table_schema: "public",
        table_name: relation.name,
        view_definition: viewText(relation.query.postgres),
        check_option: "NONE",
        is_updatable: "NO",
        is_insertable_into: "NO",
        is_trigger_updatable: "NO",
        is_trigger_deletable: "NO",
        is_trigger_insertable_into: "NO",
      };
    }
  },
  schemata: (source) =>
    ["pg_catalog", "public", "information_schema"].map((schema) => ({
      catalog_name: source.currentDatabase,
      schema_name: schema,
      schema_owner: OWNER_NAME,
    })),
  *sequences(source) {
    for (const relation of source.catalog.relations.values()) {
      if (relation.kind !== "sequence") continue;
      const owner = relation.ownedBy && source.catalog.relations.get(relation.ownedBy.table);
      const columns = owner?.kind === "table" ? owner.columns : [];
      // The standard has no name for the sequences of identity columns.
      if (columns.some((each) => each.identity !== null && each.ownedSequence === relation.name)) {
        continue;
      }
      const type = typeByOid(relation.typeOid);
      yield {
        sequence_catalog: source.currentDatabase,
        sequence_schema: "public",
        sequence_name: relation.name,
        data_type: type?.displayName ?? "bigint",
        numeric_precision: BigInt((type?.size ?? 8) * 8),
        numeric_precision_radix: 2n,
        numeric_scale: 0n,
        start_value: relation.start.toString(),
        minimum_value: relation.minimum.toString(),
        maximum_value: relation.maximum.toString(),
        increment: relation.increment.toString(),
        cycle_option: yesOrNo(relation.cycle),
      };
    }
  },
  information_schema_catalog_name: (source) => [{ catalog_name: source.currentDatabase }],
  enabled_roles: () => [{ role_name: OWNER_NAME }],
};

function tableRow(database: string, schema: string, name: string, isTable: boolean): ProjectedRow {
  return {
    table_catalog: database,
    table_schema: schema,
    table_name: name,
    table_type: isTable ? "BASE TABLE" : "VIEW",
    is_insertable_into: yesOrNo(isTable),
    is_typed: "NO",
  };
}
