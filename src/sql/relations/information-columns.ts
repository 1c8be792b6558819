/** information_schema.columns. */
import type { Column, Table, View } from "../catalog/catalog.ts";
import { typeByOid } from "../types/registry.ts";
import type { Producers, ProjectedRow, ProjectionSource } from "./projection-source.ts";
import { systemRelations } from "./system-columns.ts";

export const columnProducers: Producers = {
  *columns(source) {
    for (const relation of source.catalog.relations.values()) {
      if (relation.kind !== "table" && relation.kind !== "view") continue;
      for (const column of relation.columns) {
        yield { ...place(source, "public", relation.name), ...columnRow(relation, column, source) };
      }
    }
    for (const relation of systemRelations) {
      for (const [at, column] of relation.columns.entries()) {
        yield {
          ...place(source, relation.schema, relation.name),
          column_name: column.name,
          ordinal_position: BigInt(at + 1),
          is_nullable: "YES",
          ...typeFields(column.typeOid, -1, source),
          dtd_identifier: String(at + 1),
          ...FIXED,
        };
      }
    }
  },
};

const FIXED: ProjectedRow = {
  is_self_referencing: "NO",
  is_identity: "NO",
  identity_cycle: "NO",
  is_generated: "NEVER",
  is_updatable: "NO",
};

function place(source: ProjectionSource, schema: string, table: string): ProjectedRow {
  return { table_catalog: source.currentDatabase, table_schema: schema, table_name: table };
}

function columnRow(relation: Table | View, column: Column, source: ProjectionSource): ProjectedRow {
  const generated = column.generated === true;
  return {
    column_name: column.name,
    ordinal_position: BigInt(column.number),
    column_default: generated ? null : (column.default?.postgres ?? null),
    is_nullable: yesOrNo(!column.notNull),
    ...typeFields(column.typeOid, column.typeModifier, source),
    dtd_identifier: String(column.number),
    ...FIXED,
    ...identityFields(column, source),
    is_generated: generated ? "ALWAYS" : "NEVER",
    generation_expression: generated ? (column.default?.postgres ?? null) : null,
    is_updatable: yesOrNo(relation.kind === "table"),
  };
}

export function yesOrNo(value: boolean): string {
  return value ? "YES" : "NO";
}

function identityFields(column: Column, source: ProjectionSource): ProjectedRow {
  if (column.identity === null) return {};
  const sequence = source.catalog.relations.get(column.ownedSequence ?? "");
  if (sequence?.kind !== "sequence") return { is_identity: "YES" };
  return {
    is_identity: "YES",
    identity_generation: column.identity === "always" ? "ALWAYS" : "BY DEFAULT",
    identity_start: sequence.start.toString(),
    identity_increment: sequence.increment.toString(),
    identity_maximum: sequence.maximum.toString(),
    identity_minimum: sequence.minimum.toString(),
    identity_cycle: yesOrNo(sequence.cycle),
  };
}

/** What the standard's columns say of a type. */
function typeFields(typeOid: number, modifier: number, source: ProjectionSource): ProjectedRow {
  const type = typeByOid(typeOid);
  const name = type?.name ?? "text";
  const isArray = type !== undefined && type.elementOid !== 0 && type.category === "A";
  return {
    data_type: isArray ? "ARRAY" : (type?.displayName ?? "text"),
    udt_catalog: source.currentDatabase,
    udt_schema: "pg_catalog",
    udt_name: name,
    ...sizeFields(name, modifier),
  };
}

/** Bits of precision of the numbers in base 2, with their scale where there is one. */
const BINARY_PRECISION: Readonly<Record<string, readonly [bigint, bigint | null]>> = {
  int2: [16n, 0n],
  int4: [32n, 0n],
  int8: [64n, 0n],
  float4: [24n, null],
  float8: [53n, null],
};

const OCTETS_A_CHARACTER = 4n;
const TEXT_OCTETS_MAX = 1_073_741_824n;

function sizeFields(name: string, modifier: number): ProjectedRow {
  const binary = BINARY_PRECISION[name];
  if (binary !== undefined) {
    const [precision, scale] = binary;
    return {
      numeric_precision: precision,
      numeric_precision_radix: 2n,
      numeric_scale: scale,
    };
  }
  switch (name) {
    case "text":
      return { character_octet_length: TEXT_OCTETS_MAX };
    case "varchar":
    case "bpchar": {
      if (modifier < 4) return { character_octet_length: TEXT_OCTETS_MAX };
      const length = BigInt(modifier - 4);
      return {
        character_maximum_length: length,
        character_octet_length: length * OCTETS_A_CHARACTER,
      };
    }
    case "numeric":
      return numericFields(modifier);
    case "date":
      return { datetime_precision: 0n };
    case "time":
    case "timetz":
    case "timestamp":
    case "timestamptz":
    case "interval":
      return { datetime_precision: BigInt(modifier < 0 ? 6 : modifier & 0xffff) };
    default:
      return {};
  }
}

function numericFields(modifier: number): ProjectedRow {
  if (modifier < 4) return { numeric_precision_radix: 10n };
  return {
    numeric_precision: BigInt(((modifier - 4) >> 16) & 0xffff),
    numeric_precision_radix: 10n,
    numeric_scale: BigInt((((modifier - 4) & 0x7ff) ^ 1024) - 1024),
  };
}
