import { beforeEach, describe, expect, it } from "vitest";
import { EMPTY_CATALOG } from "../../../src/sql/catalog/catalog.ts";
import { foreignKeyError, sqlErrorFromSqlite } from "../../../src/sql/sqlite-errors.ts";
import { SchemaDatabase } from "../../support/schema-database.ts";

let database: SchemaDatabase;

beforeEach(async () => {
  database = await SchemaDatabase.open();
});

describe("SQLite's errors", () => {
  it.each(["SQLITE_FULL", "SQLITE_IOERR_WRITE", "SQLITE_NOMEM", "SQLITE_CORRUPT", "SQLITE_MISUSE"])(
    "%s is the machine's fault",
    (code) => {
      expect(sqlErrorFromSqlite(code, "disk", EMPTY_CATALOG)).toBeNull();
    },
  );

  it.each([
    ["SQLITE_TOOBIG", "string or blob too big", "54000"],
    ["SQLITE_ERROR", "integer overflow", "22003"],
    ["SQLITE_ERROR", "malformed JSON", "22P02"],
    ["SQLITE_ERROR", "Expression tree is too large (maximum depth 1000)", "54001"],
    ["SQLITE_ERROR", "no such table: x", "XX000"],
    ["SQLITE_INTERRUPT", "interrupted", "57014"],
    ["SQLITE_CONSTRAINT_TRIGGER", "x", "23000"],
    ["SQLITE_CONSTRAINT_CHECK", "CHECK constraint failed: _synod_type:int4:-1:a", "22003"],
    ["SQLITE_CONSTRAINT_CHECK", "CHECK constraint failed: _synod_type:uuid:-1:a:b", "22P02"],
  ])("%s %s is %s", (code, message, sqlState) => {
    expect(sqlErrorFromSqlite(code, message, EMPTY_CATALOG)?.sqlState).toBe(sqlState);
  });

  it("names with dots and commas do not mislead", () => {
    database.run('CREATE TABLE "a.b" ("c, d" text PRIMARY KEY, "e.f" int NOT NULL)');
    const insert = `INSERT INTO "a.b" VALUES ('x', 1)`;
    database.execute(insert);
    expect(database.executeFailure(insert).fields).toMatchObject({
      table: "a.b",
      constraint: "a.b_pkey",
    });
    const missing = database.executeFailure(`INSERT INTO "a.b" VALUES ('y', NULL)`);
    expect(missing.fields).toMatchObject({ table: "a.b", column: "e.f" });
  });

  it("a foreign key that is one of several is not guessed, but found by its number", () => {
    database.run(`CREATE TABLE p (id int PRIMARY KEY); CREATE TABLE q (id int PRIMARY KEY);
      CREATE TABLE t (p int REFERENCES p, q int REFERENCES q)`);
    database.execute("INSERT INTO p VALUES (1)");
    const error = database.executeFailure("INSERT INTO t VALUES (1, 2)");
    expect(error.fields.constraint).toBeUndefined();
    database.sqlite.pragma("foreign_keys = OFF");
    database.execute("INSERT INTO t VALUES (1, 2)");
    const [row] = database.rows("PRAGMA foreign_key_check");
    const found = foreignKeyError(
      { table: "t", foreignKeyId: Number(row?.[3]), target: "t", values: ["2"] },
      database.catalog,
    );
    expect(found.message).toBe(
      'insert or update on table "t" violates foreign key constraint "t_q_fkey"',
    );
    expect(found.fields.detail).toBe('Key (q)=(2) is not present in table "q".');
    const parent = foreignKeyError(
      { table: "t", foreignKeyId: Number(row?.[3]), target: "q", values: ["2"] },
      database.catalog,
    );
    expect(parent.message).toBe(
      'update or delete on table "q" violates foreign key constraint "t_q_fkey" on table "t"',
    );
  });
});
