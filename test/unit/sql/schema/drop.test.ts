import { beforeEach, describe, expect, it } from "vitest";
import { SchemaDatabase } from "../../../support/schema-database.ts";

let database: SchemaDatabase;

beforeEach(async () => {
  database = await SchemaDatabase.open();
  database.run(`
    CREATE TABLE p (id int PRIMARY KEY, a int);
    CREATE INDEX i ON p (a);
    CREATE TABLE c (p int REFERENCES p, q int);
    CREATE SEQUENCE s`);
  database.execute("INSERT INTO p VALUES (1, 1)");
  database.execute("INSERT INTO c VALUES (1, 2)");
});

describe("DROP", () => {
  it("a table that is referenced is 2BP01 in PostgreSQL's words", () => {
    expect(database.failure("DROP TABLE p")).toMatchObject({
      sqlState: "2BP01",
      message: "cannot drop table p because other objects depend on it",
      fields: {
        detail: "constraint c_p_fkey on table c depends on table p",
        hint: "Use DROP ... CASCADE to drop the dependent objects too.",
      },
    });
  });

  it("CASCADE takes the foreign key along and leaves the other table's rows", () => {
    const { notices, tag } = database.run("DROP TABLE p CASCADE");
    expect(tag).toBe("DROP TABLE");
    expect(notices?.map((each) => each.message)).toEqual([
      "drop cascades to constraint c_p_fkey on table c",
    ]);
    expect(database.rows("SELECT p, q FROM c")).toEqual([[1n, 2n]]);
    database.execute("INSERT INTO c VALUES (9, 9)");
    expect(database.storedRelations()).toEqual(database.catalog.relations);
    expect([...database.catalog.relations.keys()]).toEqual(["c", "s"]);
  });

  it("several tables that refer to each other go together", () => {
    database.run("DROP TABLE p, c");
    expect(database.rows("SELECT name FROM sqlite_schema WHERE name IN ('p', 'c', 'i')")).toEqual(
      [],
    );
  });

  it("an index goes alone, a constraint's index does not", () => {
    database.run("DROP INDEX i");
    expect(database.failure("DROP INDEX p_pkey")).toMatchObject({
      sqlState: "2BP01",
      message: "cannot drop index p_pkey because constraint p_pkey on table p requires it",
    });
  });

  it("a sequence goes with its row", () => {
    expect(database.rows("SELECT name FROM _synod_sequences")).toEqual([["s"]]);
    database.run("DROP SEQUENCE s");
    expect(database.rows("SELECT name FROM _synod_sequences")).toEqual([]);
  });

  it("an identity column keeps its sequence, and takes it along", () => {
    database.run("CREATE TABLE numbered (id int GENERATED ALWAYS AS IDENTITY)");
    for (const sql of ["DROP SEQUENCE numbered_id_seq", "DROP SEQUENCE numbered_id_seq CASCADE"]) {
      expect(database.failure(sql)).toMatchObject({
        sqlState: "2BP01",
        message:
          "cannot drop sequence numbered_id_seq because column id of table numbered requires it",
      });
    }
    database.run("DROP TABLE numbered");
    expect(database.rows("SELECT name FROM _synod_sequences")).toEqual([["s"]]);
  });

  it.each([
    ["DROP TABLE nope", "42P01", 'table "nope" does not exist'],
    ["DROP INDEX nope", "42704", 'index "nope" does not exist'],
    ["DROP VIEW p", "42809", '"p" is not a view'],
    ["DROP TABLE i", "42809", '"i" is not a table'],
    ["DROP TYPE mood", "42704", 'type "mood" does not exist'],
    ["DROP SCHEMA other", "3F000", 'schema "other" does not exist'],
  ])("%s is %s", (sql, sqlState, message) => {
    expect(database.failure(sql)).toMatchObject({ sqlState, message });
  });

  it("IF EXISTS of what is missing is a notice", () => {
    const { steps, notices } = database.run("DROP TABLE IF EXISTS nope, public.nada CASCADE");
    expect(steps).toEqual([]);
    expect(notices?.map((each) => each.message)).toEqual([
      'table "nope" does not exist, skipping',
      'table "nada" does not exist, skipping',
    ]);
  });
});

describe("sequences", () => {
  it("take PostgreSQL's bounds and options", () => {
    database.run(`CREATE SEQUENCE d AS smallint INCREMENT -2 CYCLE;
      CREATE SEQUENCE u START 5 MAXVALUE 10 CACHE 20`);
    const columns = "name, last_value, is_called, start, increment, minimum, maximum, cycle";
    expect(database.rows(`SELECT ${columns} FROM _synod_sequences WHERE name <> 's'`)).toEqual([
      ["d", -1n, 0n, -1n, -2n, -32768n, -1n, 1n],
      ["u", 5n, 0n, 5n, 1n, 1n, 10n, 0n],
    ]);
  });

  it("RESTART, and OWNED BY a column whose table is dropped", () => {
    database.run("ALTER SEQUENCE s RESTART WITH 42 OWNED BY c.q");
    expect(database.rows("SELECT last_value, is_called FROM _synod_sequences")).toEqual([
      [42n, 0n],
    ]);
    database.run("ALTER SEQUENCE s RENAME TO z");
    expect(database.rows("SELECT name FROM _synod_sequences")).toEqual([["z"]]);
    database.run("DROP TABLE c");
    expect(database.rows("SELECT name FROM _synod_sequences")).toEqual([]);
    expect(database.storedRelations()).toEqual(database.catalog.relations);
  });

  it.each([
    ["CREATE SEQUENCE x INCREMENT 0", "22023"],
    ["CREATE SEQUENCE x START 0", "22023"],
    ["CREATE SEQUENCE x MINVALUE 5 MAXVALUE 5", "22023"],
    ["CREATE SEQUENCE x AS text", "22023"],
    ["CREATE SEQUENCE x START 1 START 2", "42601"],
    ["CREATE SEQUENCE x AS smallint MAXVALUE 40000", "22023"],
    ["ALTER SEQUENCE s RESTART 0", "22023"],
    ["ALTER SEQUENCE s OWNED BY c.nope", "42703"],
    ["ALTER SEQUENCE nope RESTART", "42P01"],
  ])("%s is %s", (sql, sqlState) => {
    expect(database.failure(sql).sqlState).toBe(sqlState);
  });
});

describe("indexes", () => {
  it("get PostgreSQL's names; hash is a B-tree here", () => {
    database.run(
      "CREATE INDEX ON p (a, id); CREATE INDEX ON p (a, id); CREATE INDEX ON c USING hash (q)",
    );
    const names = [...database.catalog.relations.keys()];
    expect(names).toEqual(expect.arrayContaining(["p_a_id_idx", "p_a_id_idx1", "c_q_idx"]));
  });

  it("a unique one over duplicates is 23505 before it exists, and enforced after", () => {
    database.execute("INSERT INTO c VALUES (NULL, 2)");
    expect(database.failure("CREATE UNIQUE INDEX u ON c (q)")).toMatchObject({
      sqlState: "23505",
      message: 'could not create unique index "u"',
      fields: { detail: "Key (q)=(2) is duplicated." },
    });
    database.run("CREATE UNIQUE INDEX CONCURRENTLY u ON c USING btree (q DESC NULLS LAST, p)");
    expect(database.executeFailure("INSERT INTO c VALUES (1, 2)").fields.constraint).toBe("u");
  });

  it.each([
    ["CREATE INDEX i ON p (a)", "42P07"],
    ["CREATE INDEX x ON p (nope)", "42703"],
    ["CREATE INDEX x ON nope (a)", "42P01"],
    ["CREATE INDEX x ON p USING gin (a)", "0A000"],
    ["CREATE INDEX x ON p (a) INCLUDE (id)", "0A000"],
  ])("%s is %s", (sql, sqlState) => {
    expect(database.failure(sql).sqlState).toBe(sqlState);
  });
});

describe("COMMENT ON, CREATE SCHEMA, CREATE EXTENSION", () => {
  it("comments are kept in the catalog and removed by NULL", () => {
    database.run(`COMMENT ON TABLE p IS 'people'; COMMENT ON COLUMN p.a IS 'age';
      COMMENT ON CONSTRAINT c_p_fkey ON c IS 'their p'`);
    expect(database.catalog.relations.get("p")?.comment).toBe("people");
    expect(database.storedRelations()).toEqual(database.catalog.relations);
    database.run("COMMENT ON TABLE p IS NULL");
    expect(database.catalog.relations.get("p")?.comment).toBeUndefined();
  });

  it("what is there already is a notice", () => {
    const messages = [
      "CREATE SCHEMA IF NOT EXISTS public",
      'CREATE EXTENSION IF NOT EXISTS "uuid-ossp"',
    ].map((sql) => database.run(sql).notices?.[0]?.message);
    expect(messages).toEqual([
      'schema "public" already exists, skipping',
      'extension "uuid-ossp" already exists, skipping',
    ]);
    expect(database.failure("CREATE SCHEMA other").sqlState).toBe("0A000");
    expect(database.failure("CREATE EXTENSION postgis").sqlState).toBe("0A000");
  });
});
