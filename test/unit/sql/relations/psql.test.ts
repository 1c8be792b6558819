/**
 * The queries that psql 15 sends for its backslash commands (as psql -E shows them), over the
 * Chinook schema: each must run, and give the rows that PostgreSQL 15 gave
 * (psql-15-on-chinook.json). {album} stands for the table's OID; null rows are not compared,
 * because they name what only PostgreSQL has (template databases, sizes, plpgsql).
 */
import { readFileSync } from "node:fs";
import { beforeAll, describe, expect, it } from "vitest";
import { parseStatements } from "../../../../src/sql/parse.ts";
import { isSchemaStatement } from "../../../../src/sql/schema/translate-schema.ts";
import { SchemaDatabase } from "../../../support/schema-database.ts";

interface Recorded {
  readonly command: string;
  readonly sql: string;
  readonly rows: readonly (readonly string[])[] | null;
}

const recorded = JSON.parse(
  readFileSync(new URL("psql-15-on-chinook.json", import.meta.url), "utf8"),
) as readonly Recorded[];

let database: SchemaDatabase;

beforeAll(async () => {
  database = await SchemaDatabase.open();
  const text = readFileSync("../shared/data/chinook/chinook_pg.sql", "utf8");
  for (const statement of parseStatements(text.replaceAll(/^\\.*$/gm, ""))) {
    if (isSchemaStatement(statement.node)) database.run(statement.text);
  }
  database.attachSystemRelations({
    databases: [{ id: 1024, name: "chinook" }],
    currentDatabase: "chinook",
  });
});

/** Puts our OIDs for {table}. */
function withOids(text: string): string {
  return text.replaceAll(/\{(album|track|playlist_track)\}/g, (_all, name: string) =>
    String(database.catalog.relations.get(name)?.oid),
  );
}

describe("psql's queries", () => {
  it.each(recorded.map((each, at) => [at, each.command, each] as const))(
    "%i: %s",
    (_at, _command, { sql, rows }) => {
      const found = database.query(withOids(sql));
      const wanted = rows?.map((row) => row.map(withOids));
      expect(found).toEqual(wanted ?? found);
    },
  );
});
