import { beforeAll, describe, expect, it } from "vitest";
import { SchemaDatabase } from "../../../support/schema-database.ts";

let database: SchemaDatabase;

beforeAll(async () => {
  database = await SchemaDatabase.open();
  database.run(`
    CREATE TABLE p (id int PRIMARY KEY, "Mixed" text);
    CREATE TABLE c (a int, "select" varchar(5), p int REFERENCES p ON UPDATE CASCADE
      ON DELETE SET NULL DEFERRABLE INITIALLY DEFERRED, UNIQUE (a, "select"));
    CREATE INDEX i ON c USING hash (a); CREATE INDEX j ON c (a DESC, p NULLS FIRST, "select" DESC NULLS LAST);
    COMMENT ON TABLE c IS 'children'; COMMENT ON COLUMN c.a IS 'first'`);
  database.attachSystemRelations({
    databases: [{ id: 1024, name: "test" }],
    currentDatabase: "test",
  });
});

describe("functions over the catalog answer as PostgreSQL 15", () => {
  it.each([
    ["format_type(1043, 9)", "character varying(5)"],
    ["format_type(1700, 655366)", "numeric(10,2)"],
    ["format_type(1700, -1)", "numeric"],
    ["format_type(1184, 3)", "timestamp(3) with time zone"],
    ["format_type(1007, -1)", "integer[]"],
    ["format_type(1015, 9)", "character varying(5)[]"],
    ["format_type(1042, 5)", "character(1)"],
    ["format_type(0, NULL)", "-"],
    ["format_type(99999, NULL)", "???"],
    ["pg_get_userbyid(10)", "synod"],
    ["pg_get_userbyid(7)", "unknown (OID=7)"],
    ["pg_encoding_to_char(6)", "UTF8"],
    ["pg_get_indexdef('i'::regclass)", "CREATE INDEX i ON public.c USING hash (a)"],
    [
      "pg_get_indexdef('j'::regclass, 0, true)",
      'CREATE INDEX j ON c USING btree (a DESC, p NULLS FIRST, "select" DESC NULLS LAST)',
    ],
    ["pg_get_indexdef('j'::regclass, 3, true)", '"select"'],
    ["obj_description('c'::regclass, 'pg_class')", "children"],
    ["col_description('c'::regclass, 1)", "first"],
    ["col_description('c'::regclass, 2)", ""],
    ["to_regclass('public.c')", "c"],
    ["to_regclass('nope')", ""],
    ["has_table_privilege('c', 'SELECT')", "t"],
    ["pg_size_pretty(10239::bigint)", "10239 bytes"],
    ["pg_size_pretty(10240::bigint)", "10 kB"],
    ["pg_size_pretty(20971520::bigint)", "20 MB"],
    ["pg_size_pretty(20970000::bigint)", "20 MB"],
    ["pg_size_pretty(-1500000::bigint)", "-1465 kB"],
  ])("%s", (expression, expected) => {
    expect(database.query(`SELECT ${expression}`)).toEqual([[expected]]);
  });

  it("constraints are printed with their actions", () => {
    const rows = database.query(
      "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint ORDER BY 1",
    );
    expect(rows).toEqual([
      ["c_a_select_key", 'UNIQUE (a, "select")'],
      [
        "c_p_fkey",
        "FOREIGN KEY (p) REFERENCES p(id) ON UPDATE CASCADE ON DELETE SET NULL DEFERRABLE INITIALLY DEFERRED",
      ],
      ["p_pkey", "PRIMARY KEY (id)"],
    ]);
  });
});
