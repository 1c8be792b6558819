/**
 * What pg_catalog and information_schema say of the Chinook schema, compared with the answers of a
 * PostgreSQL 15 that was given the same file (chinook-in-postgresql-15.json). OIDs differ, so
 * objects are compared by name.
 */
import { readFileSync } from "node:fs";
import { beforeAll, describe, expect, it } from "vitest";
import { parseStatements } from "../../../../src/sql/parse.ts";
import { constraintDefinition } from "../../../../src/sql/relations/definitions.ts";
import {
  type ProjectionSource,
  projectedTables,
  systemRelation,
} from "../../../../src/sql/relations/projection.ts";
import { typeText } from "../../../../src/sql/schema/column-type.ts";
import { isSchemaStatement } from "../../../../src/sql/schema/translate-schema.ts";
import type { SqliteValue } from "../../../../src/sql/values.ts";
import { SchemaDatabase } from "../../../support/schema-database.ts";

type Row = Readonly<Record<string, SqliteValue>>;
type Expected = Readonly<Record<string, readonly (readonly unknown[])[]>>;

const expected = JSON.parse(
  readFileSync(new URL("chinook-in-postgresql-15.json", import.meta.url), "utf8"),
) as Expected;

let database: SchemaDatabase;
let source: ProjectionSource;

beforeAll(async () => {
  database = await SchemaDatabase.open();
  const text = readFileSync("../shared/data/chinook/chinook_pg.sql", "utf8");
  for (const statement of parseStatements(text.replaceAll(/^\\.*$/gm, ""))) {
    if (isSchemaStatement(statement.node)) database.run(statement.text);
  }
  source = {
    catalog: database.catalog,
    databases: [{ id: 1024, name: "chinook" }],
    currentDatabase: "chinook",
  };
});

function rowsOf(schema: string, name: string): readonly Row[] {
  const table = projectedTables.find((each) => each.schema === schema && each.name === name);
  const columns = table?.columns ?? [];
  return [...(table?.rows(source) ?? [])].map((row) =>
    Object.fromEntries(columns.map((column, at) => [column.name, row[at] ?? null])),
  );
}

function nameOf(oid: SqliteValue | undefined): string | null {
  for (const relation of database.catalog.relations.values()) {
    if (BigInt(relation.oid) === oid) return relation.name;
  }
  return null;
}

/** JSON's view of a storage form. */
function plain(value: unknown): unknown {
  return typeof value === "bigint" ? Number(value) : value;
}

/** Rows ordered by their text, as neither side promises an order. */
function sorted(rows: readonly (readonly unknown[])[]): readonly string[] {
  return rows.map((row) => JSON.stringify(row.map(plain))).toSorted();
}

function pick(rows: readonly Row[], names: readonly string[]): readonly (readonly unknown[])[] {
  return rows.map((row) => names.map((name) => row[name]));
}

function flags(rows: readonly (readonly unknown[])[] = []) {
  return rows.map((row) =>
    row.map((value) => (typeof value === "boolean" ? Number(value) : value)),
  );
}

describe("Chinook in the system relations", () => {
  it("pg_constraint and pg_get_constraintdef are as in PostgreSQL", () => {
    const constraints = new Map(
      [...database.catalog.relations.values()].flatMap((relation) =>
        relation.kind === "table" ? relation.constraints.map((each) => [each.name, each]) : [],
      ),
    );
    const rows = rowsOf("pg_catalog", "pg_constraint").map((row) => {
      const constraint = constraints.get(String(row["conname"]));
      const texts = [false, true].map(
        (pretty) => constraint && constraintDefinition(constraint, { pretty }),
      );
      return [
        row["conname"],
        row["contype"],
        nameOf(row["conrelid"]),
        nameOf(row["confrelid"]),
        JSON.parse(String(row["conkey"])),
        row["confkey"] && JSON.parse(String(row["confkey"])),
        ...texts,
      ];
    });
    expect(sorted(rows)).toEqual(sorted(expected["constraints"] ?? []));
  });

  it("pg_indexes and pg_index are as in PostgreSQL", () => {
    const texts = pick(rowsOf("pg_catalog", "pg_indexes"), ["indexname", "indexdef"]);
    expect(sorted(texts)).toEqual(sorted(expected["indexes"] ?? []));
    const rows = rowsOf("pg_catalog", "pg_index").map((row) => [
      nameOf(row["indexrelid"]),
      nameOf(row["indrelid"]),
      row["indisunique"],
      row["indisprimary"],
      ...["indkey", "indoption"].map((name) => (JSON.parse(String(row[name])) as []).join(" ")),
    ]);
    expect(sorted(rows)).toEqual(sorted(flags(expected["index"])));
  });

  it("pg_attribute is as in PostgreSQL", () => {
    const names = ["attname", "atttypid", "attnum", "attlen", "atttypmod", "attbyval"];
    const more = ["attalign", "attstorage", "attnotnull", "attcollation"];
    const tables = new Set(rowsOf("pg_catalog", "pg_tables").map((row) => row["tablename"]));
    const rows = rowsOf("pg_catalog", "pg_attribute")
      .filter((row) => tables.has(nameOf(row["attrelid"])))
      .map((row) => [
        nameOf(row["attrelid"]),
        ...[...names, ...more].map((name) => row[name]),
        typeText(Number(row["atttypid"]), Number(row["atttypmod"])),
      ]);
    expect(sorted(rows)).toEqual(sorted(flags(expected["attributes"])));
  });

  it("information_schema.columns is as in PostgreSQL", () => {
    const names = [
      ["table_name", "column_name", "ordinal_position", "column_default", "is_nullable"],
      ["data_type", "character_maximum_length", "character_octet_length", "numeric_precision"],
      ["numeric_precision_radix", "numeric_scale", "datetime_precision", "udt_name"],
      ["dtd_identifier", "is_identity", "is_updatable"],
    ].flat();
    const rows = rowsOf("information_schema", "columns").filter(
      (row) => row["table_schema"] === "public",
    );
    expect(sorted(pick(rows, names))).toEqual(sorted(expected["columns"] ?? []));
  });

  it("information_schema's keys and references are as in PostgreSQL", () => {
    const keys = pick(rowsOf("information_schema", "key_column_usage"), [
      "constraint_name",
      "table_name",
      "column_name",
      "ordinal_position",
      "position_in_unique_constraint",
    ]);
    expect(sorted(keys)).toEqual(sorted(expected["keys"] ?? []));
    const references = pick(rowsOf("information_schema", "referential_constraints"), [
      "constraint_name",
      "unique_constraint_name",
      "match_option",
      "update_rule",
      "delete_rule",
    ]);
    expect(sorted(references)).toEqual(sorted(expected["references"] ?? []));
  });
});

describe("system relations", () => {
  it("have one value a column in every row, and OIDs that are their own", () => {
    const oids: unknown[] = [];
    for (const table of projectedTables) {
      for (const row of table.rows(source)) {
        expect(row).toHaveLength(table.columns.length);
        if (table.name === "pg_class") oids.push(row[0]);
      }
    }
    expect(new Set(oids).size).toBe(oids.length);
  });

  it("give only columns that they have", () => {
    const known = new Map(projectedTables.map((table) => [table.name, table.columns]));
    expect(known.get("pg_class")?.map((column) => column.name)).toContain("relkind");
    for (const row of rowsOf("pg_catalog", "pg_type")) expect(row["typname"]).not.toBeNull();
  });

  it("are found by name, pg_catalog without being named", () => {
    expect(systemRelation(null, "pg_class")?.columns[0]).toEqual({ name: "oid", typeOid: 26 });
    expect(systemRelation("information_schema", "tables")?.kind).toBe("view");
    expect(systemRelation(null, "tables")).toBeUndefined();
    expect(systemRelation("public", "pg_class")).toBeUndefined();
  });

  it("exist for everything that psql and ORMs ask for, with or without rows", () => {
    const asked =
      "pg_class pg_attribute pg_namespace pg_type pg_index pg_constraint pg_attrdef pg_am pg_enum " +
      "pg_range pg_description pg_collation pg_opclass pg_sequence pg_sequences pg_proc pg_roles " +
      "pg_user pg_authid pg_auth_members pg_database pg_tables pg_views pg_indexes pg_settings " +
      "pg_extension pg_stat_activity pg_locks pg_inherits pg_trigger pg_policy pg_statistic_ext " +
      "pg_publication pg_publication_rel pg_publication_namespace pg_partitioned_table " +
      "pg_foreign_table pg_tablespace pg_depend pg_cast pg_language";
    const missing = asked.split(" ").filter((name) => systemRelation(null, name) === undefined);
    expect(missing).toEqual([]);
  });
});
