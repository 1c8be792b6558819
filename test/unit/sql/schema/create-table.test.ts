import { readFileSync } from "node:fs";
import { beforeEach, describe, expect, it } from "vitest";
import { parseStatements } from "../../../../src/sql/parse.ts";
import { isSchemaStatement } from "../../../../src/sql/schema/translate-schema.ts";
import type { SqliteValue } from "../../../../src/sql/values.ts";
import { SchemaDatabase } from "../../../support/schema-database.ts";

let database: SchemaDatabase;

beforeEach(async () => {
  database = await SchemaDatabase.open();
});

function constraintNames(table: string): readonly string[] {
  const relation = database.catalog.relations.get(table);
  return relation?.kind === "table" ? relation.constraints.map((each) => each.name) : [];
}

describe("CREATE TABLE, types", () => {
  const accepted: readonly (readonly [string, SqliteValue, SqliteValue])[] = [
    ["int2", 32767n, 32768n],
    ["int4", -2147483648n, -2147483649n],
    ["boolean", 1n, 2n],
    ["varchar(3)", "äöü", "abcd"],
    ["char(2)", "ab", "abc"],
    ["numeric(4,2)", "-12.34", "123.45"],
    ["numeric(4,2)", "12.30", "12.3"],
    ["numeric(2,2)", "0.99", "1.00"],
    ["numeric(3,0)", "999", "1000"],
    ["numeric", "1.50", "1,5"],
    ["date", "2024-02-29", "29.2.2024"],
    ["timestamp", "2024-02-29 10:00:00.000000", "2024-02-29"],
    ["uuid", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "a0eebc99"],
  ];

  it.each(accepted)("%s takes %s, NULL, and not %s", (type, good, bad) => {
    database.run(`CREATE TABLE t (a ${type})`);
    database.execute("INSERT INTO t VALUES (?)", good);
    database.execute("INSERT INTO t VALUES (NULL)");
    expect(database.rows("SELECT a FROM t")).toEqual([[good], [null]]);
    const { sqlState } = database.executeFailure("INSERT INTO t VALUES (?)", bad);
    expect(["22003", "22001", "22P02"]).toContain(sqlState);
  });

  it("numeric text keeps its form in the file", () => {
    database.run("CREATE TABLE t (a numeric PRIMARY KEY, b numeric)");
    database.execute("INSERT INTO t VALUES ('1.50', '007')");
    expect(database.rows("SELECT a, typeof(a), b FROM t")).toEqual([["1.50", "text", "007"]]);
  });

  it("messages name the type as PostgreSQL does", () => {
    database.run("CREATE TABLE t (a varchar(2), b numeric(3,1), c int2)");
    const texts = ["('abc', NULL, NULL)", "(NULL, '100.0', NULL)", "(NULL, NULL, 40000)"].map(
      (row) => database.executeFailure(`INSERT INTO t VALUES ${row}`).message,
    );
    expect(texts).toEqual([
      "value too long for type character varying(2)",
      "numeric field overflow",
      "smallint out of range",
    ]);
  });

  it("a value of another storage form is refused, not converted", () => {
    database.run("CREATE TABLE t (a text, b bytea)");
    expect(database.executeFailure("INSERT INTO t (b) VALUES ('x')").sqlState).toBe("42804");
  });
});

describe("CREATE TABLE, constraints", () => {
  it("makes PostgreSQL's names", () => {
    database.run(`
      CREATE TABLE artist (artist_id int PRIMARY KEY);
      CREATE TABLE album (
        a int REFERENCES artist, b int, c int UNIQUE, d int REFERENCES artist (artist_id),
        PRIMARY KEY (a, b), UNIQUE (b, c), FOREIGN KEY (a) REFERENCES artist)`);
    expect(constraintNames("album")).toEqual([
      "album_pkey",
      "album_c_key",
      "album_b_c_key",
      "album_a_fkey",
      "album_d_fkey",
      "album_a_fkey1",
    ]);
  });

  it("a made-up name is cut to 63 bytes, and numbered when it is taken", () => {
    const long = "x".repeat(63);
    database.run(`CREATE TABLE ${long} (a int UNIQUE)`);
    const made = `${"x".repeat(57)}_a_key`;
    expect(constraintNames(long)).toEqual([made]);
    expect(Buffer.byteLength(made)).toBe(63);
    database.run("CREATE TABLE t_pkey (a int); CREATE TABLE t (a int PRIMARY KEY)");
    expect(constraintNames("t")).toEqual(["t_pkey1"]);
  });

  it("one integer key is SQLite's rowid; others are unique indexes", () => {
    database.run("CREATE TABLE a (id bigint PRIMARY KEY); CREATE TABLE b (id text PRIMARY KEY)");
    const indexes = database.rows("SELECT name FROM sqlite_schema WHERE type = 'index'");
    expect(indexes.map(String)).not.toContain("a_pkey");
    expect(indexes.map(String)).toContain("b_pkey");
  });

  it.each([
    ["CREATE TABLE t (a int PRIMARY KEY, b int)", "INSERT INTO t VALUES (1, 1)", "t_pkey"],
    ["CREATE TABLE t (a text PRIMARY KEY, b int)", "INSERT INTO t VALUES ('x', 1)", "t_pkey"],
    [
      "CREATE TABLE t (a int, b int, CONSTRAINT k UNIQUE (b, a))",
      "INSERT INTO t VALUES (1, 2)",
      "k",
    ],
    ["CREATE TABLE t (a numeric UNIQUE, b int)", "INSERT INTO t VALUES ('1.5', 2)", "t_a_key"],
  ])("%s: the second row violates its key", (create, insert, constraint) => {
    database.run(create);
    database.execute(insert);
    const error = database.executeFailure(insert.replace("'1.5'", "'1.50'"));
    expect(error.sqlState).toBe("23505");
    expect(error.message).toBe(`duplicate key value violates unique constraint "${constraint}"`);
    expect(error.fields).toMatchObject({ table: "t", constraint });
  });

  it("NOT NULL is 23502 with table and column", () => {
    database.run("CREATE TABLE t (a int NOT NULL)");
    const error = database.executeFailure("INSERT INTO t VALUES (NULL)");
    expect(error.message).toBe(
      'null value in column "a" of relation "t" violates not-null constraint',
    );
    expect(error.fields).toMatchObject({ table: "t", column: "a" });
  });

  it("a foreign key is enforced, and cascades", () => {
    database.run(`CREATE TABLE p (id int PRIMARY KEY);
      CREATE TABLE c (p int REFERENCES p ON DELETE CASCADE)`);
    const error = database.executeFailure("INSERT INTO c VALUES (1)");
    expect(error.sqlState).toBe("23503");
    expect(error.fields.constraint).toBe("c_p_fkey");
    database.execute("INSERT INTO p VALUES (1)");
    database.execute("INSERT INTO c VALUES (1)");
    database.execute("DELETE FROM p");
    expect(database.rows("SELECT count(*) FROM c")).toEqual([[0n]]);
  });

  it("a deferred foreign key waits for the commit", () => {
    database.run(`CREATE TABLE p (id int PRIMARY KEY);
      CREATE TABLE c (p int REFERENCES p DEFERRABLE INITIALLY DEFERRED)`);
    database.sqlite.transaction(() => {
      database.execute("INSERT INTO c VALUES (1)");
      database.execute("INSERT INTO p VALUES (1)");
    })();
    expect(database.rows("SELECT p FROM c")).toEqual([[1n]]);
  });
});

describe("CREATE TABLE, refusals", () => {
  it.each([
    ["CREATE TABLE t (a int, a int)", "42701", 'column "a" specified more than once'],
    [
      "CREATE TABLE t (ctid int)",
      "42701",
      'column name "ctid" conflicts with a system column name',
    ],
    ["CREATE TABLE t (a foo)", "42704", 'type "foo" does not exist'],
    [
      "CREATE TABLE t (a int PRIMARY KEY, PRIMARY KEY (a))",
      "42P16",
      'multiple primary keys for table "t" are not allowed',
    ],
    ["CREATE TABLE t (a int, UNIQUE (b))", "42703", 'column "b" named in key does not exist'],
    ["CREATE TABLE t (a int REFERENCES nowhere)", "42P01", 'relation "nowhere" does not exist'],
    [
      "CREATE TABLE t (a int REFERENCES p (b))",
      "42830",
      'there is no unique constraint matching given keys for referenced table "p"',
    ],
    [
      "CREATE TABLE t (a text REFERENCES p (id))",
      "42804",
      'foreign key constraint "t_a_fkey" cannot be implemented',
    ],
    ["CREATE TABLE p (a int)", "42P07", 'relation "p" already exists'],
    ['CREATE TABLE P2 (a int); CREATE TABLE "P2" (a int)', "0A000", undefined],
    ["CREATE TABLE pg_foo (a int)", "42939", 'unacceptable relation name "pg_foo"'],
    ["CREATE TABLE _synod_x (a int)", "42939", 'unacceptable relation name "_synod_x"'],
    ["CREATE TEMP TABLE t (a int)", "0A000", undefined],
    ["CREATE TABLE t (a int) PARTITION BY HASH (a)", "0A000", undefined],
    ["CREATE TABLE t () INHERITS (p)", "0A000", undefined],
    ["CREATE TABLE t (LIKE p)", "0A000", undefined],
    ["CREATE TABLE other.t (a int)", "3F000", 'schema "other" does not exist'],
    ["CREATE TABLE t (a int NULL NOT NULL)", "42601", undefined],
    ["CREATE TABLE t (a int, EXCLUDE USING gist (a WITH =))", "0A000", undefined],
  ])("%s is %s", (sql, sqlState, message) => {
    database.run("CREATE TABLE p (id int PRIMARY KEY, b int)");
    const parts = sql.split("; ");
    const last = parts.pop() ?? "";
    for (const part of parts) database.run(part);
    const error = database.failure(last);
    expect(error.sqlState).toBe(sqlState);
    expect(error.message).toBe(message ?? error.message);
  });

  it("IF NOT EXISTS of a table that exists is a notice and no step", () => {
    database.run("CREATE TABLE t (a int)");
    const again = database.run("CREATE TABLE IF NOT EXISTS t (b text)");
    expect(again.steps).toEqual([]);
    expect(again.notices?.[0]?.message).toBe('relation "t" already exists, skipping');
  });

  it("an identifier of more than 63 bytes is cut with a notice", () => {
    const { notices } = database.run(`CREATE TABLE t (${"é".repeat(40)} int)`);
    expect(notices?.[0]?.sqlState).toBe("42622");
    const table = database.catalog.relations.get("t");
    expect(table?.kind === "table" && table.columns[0]?.name).toBe("é".repeat(31));
  });
});

describe("Chinook", () => {
  it.each(["chinook_pg.sql", "chinook_pg_serial.sql"])(
    "%s: all its schema runs in order",
    (file) => {
      const text = readFileSync(`../shared/data/chinook/${file}`, "utf8").replaceAll(
        /^\\.*$/gm,
        "",
      );
      const schema = parseStatements(text).filter(({ node }) => isSchemaStatement(node));
      for (const statement of schema) database.run(statement.text);
      expect(database.catalog.relations.size).toBeGreaterThanOrEqual(33);
      expect(database.storedRelations()).toEqual(database.catalog.relations);
    },
  );
});
