import { beforeEach, describe, expect, it } from "vitest";
import { SchemaDatabase } from "../../../support/schema-database.ts";

let database: SchemaDatabase;

beforeEach(async () => {
  database = await SchemaDatabase.open();
  database.run(`
    CREATE TABLE p (id int PRIMARY KEY, name text);
    CREATE TABLE t (id int PRIMARY KEY, a int, b varchar(5), p int REFERENCES p);
    CREATE INDEX t_a_idx ON t (a DESC);
    CREATE TABLE child (t int REFERENCES t ON DELETE CASCADE)`);
  database.execute("INSERT INTO p VALUES (1, 'one')");
  database.execute("INSERT INTO t VALUES (1, 10, 'x', 1), (2, NULL, NULL, NULL), (3, 10, 'z', 1)");
  database.execute("INSERT INTO child VALUES (1), (3)");
});

function expectIntact(): void {
  expect(database.storedRelations()).toEqual(database.catalog.relations);
  expect(database.rows("SELECT id, a FROM t ORDER BY id")).toEqual([
    [1n, 10n],
    [2n, null],
    [3n, 10n],
  ]);
  expect(database.executeFailure("INSERT INTO child VALUES (9)").sqlState).toBe("23503");
  const indexes = database.rows("SELECT name FROM sqlite_schema WHERE type = 'index'");
  expect(indexes.flat()).toContain("t_a_idx");
  expect(database.rows("PRAGMA foreign_key_check")).toEqual([]);
  expect(database.rows("PRAGMA integrity_check")).toEqual([["ok"]]);
}

describe("ALTER TABLE, columns", () => {
  it("ADD COLUMN without a default copies nothing", () => {
    const { steps, rebuildsTables } = database.run("ALTER TABLE t ADD COLUMN c text, ADD d int");
    expect(rebuildsTables).toBe(false);
    expect(steps.filter(({ sql }) => sql.includes("ADD COLUMN"))).toHaveLength(2);
    database.execute("UPDATE t SET c = 'y', d = 5 WHERE id = 1");
    expect(database.executeFailure("UPDATE t SET d = 3000000000").message).toBe(
      "integer out of range",
    );
    expectIntact();
  });

  it("ADD COLUMN NOT NULL over rows is 23502, over none it is done", () => {
    expect(database.failure("ALTER TABLE t ADD COLUMN c int NOT NULL")).toMatchObject({
      sqlState: "23502",
      message: 'column "c" of relation "t" contains null values',
    });
    database.execute("DELETE FROM t");
    database.run("ALTER TABLE t ADD COLUMN c int NOT NULL");
    expect(database.executeFailure("INSERT INTO t (id) VALUES (1)").sqlState).toBe("23502");
  });

  it("ADD COLUMN with UNIQUE and REFERENCES builds the table anew", () => {
    database.run("ALTER TABLE t ADD COLUMN c int UNIQUE REFERENCES p");
    expect(database.executeFailure("UPDATE t SET c = 7").sqlState).toBe("23505");
    expect(database.executeFailure("UPDATE t SET c = 7 WHERE id = 1").sqlState).toBe("23503");
    expectIntact();
  });

  it("DROP COLUMN keeps the others, their data, and takes indexes and keys along", () => {
    database.run("ALTER TABLE t DROP COLUMN p");
    const names = database.rows("SELECT name FROM pragma_table_info('t')");
    expect(names.flat()).toEqual(["id", "a", "b"]);
    expectIntact();
    database.run("ALTER TABLE t DROP COLUMN a");
    expect(database.catalog.relations.has("t_a_idx")).toBe(false);
    database.run("ALTER TABLE t ADD COLUMN e int");
    const table = database.catalog.relations.get("t");
    expect(table?.kind === "table" && table.columns.map((each) => each.number)).toEqual([1, 3, 5]);
  });

  it("DROP COLUMN of a referenced key needs CASCADE", () => {
    expect(database.failure("ALTER TABLE t DROP COLUMN id")).toMatchObject({
      sqlState: "2BP01",
      message: "cannot drop column id of table t because other objects depend on it",
      fields: { detail: "constraint child_t_fkey on table child depends on index t_pkey" },
    });
    const { notices } = database.run("ALTER TABLE t DROP COLUMN id CASCADE");
    expect(notices?.[0]?.message).toBe("drop cascades to constraint child_t_fkey on table child");
    database.execute("INSERT INTO child VALUES (9)");
    expect(database.rows("SELECT a, b FROM t ORDER BY b")).toEqual([
      [null, null],
      [10n, "x"],
      [10n, "z"],
    ]);
  });

  it("SET and DROP NOT NULL are enforced, and existing NULLs refused", () => {
    expect(database.failure("ALTER TABLE t ALTER a SET NOT NULL").sqlState).toBe("23502");
    database.execute("UPDATE t SET a = 1, b = 'b' WHERE a IS NULL");
    database.run("ALTER TABLE t ALTER a SET NOT NULL, ALTER b SET NOT NULL, ALTER b DROP NOT NULL");
    expect(database.executeFailure("UPDATE t SET a = NULL").fields.column).toBe("a");
    expect(database.executeFailure("UPDATE t SET b = NULL").fields.column).toBe("b");
    database.run("ALTER TABLE t ALTER b DROP NOT NULL");
    database.execute("UPDATE t SET b = NULL");
  });

  it("DROP NOT NULL of a key column is 42P16", () => {
    expect(database.failure("ALTER TABLE p ALTER id DROP NOT NULL").sqlState).toBe("42P16");
  });
});

describe("ALTER TABLE, constraints", () => {
  it("ADD UNIQUE over duplicates is 23505 and names the key", () => {
    expect(database.failure("ALTER TABLE t ADD CONSTRAINT u UNIQUE (a)")).toMatchObject({
      sqlState: "23505",
      message: 'could not create unique index "u"',
      fields: { detail: "Key (a)=(10) is duplicated.", table: "t", constraint: "u" },
    });
    const { rebuildsTables } = database.run("ALTER TABLE t ADD UNIQUE (a, b)");
    expect(rebuildsTables).toBe(false);
    expect(database.executeFailure("UPDATE t SET b = 'x' WHERE id = 3").fields.constraint).toBe(
      "t_a_b_key",
    );
    database.run("ALTER TABLE t DROP CONSTRAINT t_a_b_key");
    database.execute("UPDATE t SET b = 'x' WHERE id = 3");
    expectIntact();
  });

  it("ADD FOREIGN KEY over rows without their parent is 23503 with the key", () => {
    database.execute("UPDATE t SET a = 99 WHERE id = 3");
    expect(database.failure("ALTER TABLE t ADD FOREIGN KEY (a) REFERENCES p")).toMatchObject({
      sqlState: "23503",
      message: 'insert or update on table "t" violates foreign key constraint "t_a_fkey"',
      fields: {
        detail: expect.stringMatching(/^Key \(a\)=\((10|99)\) is not present in table "p"\.$/),
      },
    });
    database.execute("UPDATE t SET a = NULL");
    database.run("ALTER TABLE t ADD FOREIGN KEY (a) REFERENCES p");
    expect(database.executeFailure("UPDATE t SET a = 5").sqlState).toBe("23503");
  });

  it("ADD PRIMARY KEY makes the column the rowid and keeps rows, indexes, children", () => {
    database.run("CREATE TABLE n (k int, v text)");
    database.execute("INSERT INTO n VALUES (7, 'seven'), (3, 'three')");
    database.run("CREATE INDEX n_v_idx ON n (v); ALTER TABLE n ADD PRIMARY KEY (k)");
    expect(database.rows("SELECT rowid, k, v FROM n ORDER BY k")).toEqual([
      [3n, 3n, "three"],
      [7n, 7n, "seven"],
    ]);
    expect(database.executeFailure("INSERT INTO n VALUES (3, 'x')").fields.constraint).toBe(
      "n_pkey",
    );
    expect(database.storedRelations()).toEqual(database.catalog.relations);
  });

  it("ADD PRIMARY KEY USING INDEX takes the index over and renames it", () => {
    database.run(`CREATE TABLE n (k text); CREATE UNIQUE INDEX i ON n (k);
      ALTER TABLE n ADD CONSTRAINT n_pk PRIMARY KEY USING INDEX i`);
    expect(database.catalog.relations.has("i")).toBe(false);
    database.execute("INSERT INTO n VALUES ('x')");
    expect(database.executeFailure("INSERT INTO n VALUES ('x')").fields.constraint).toBe("n_pk");
    expect(database.executeFailure("INSERT INTO n VALUES (NULL)").sqlState).toBe("23502");
  });

  it("DROP CONSTRAINT of a key that is referenced needs CASCADE", () => {
    expect(database.failure("ALTER TABLE t DROP CONSTRAINT t_pkey").sqlState).toBe("2BP01");
    database.run("ALTER TABLE t DROP CONSTRAINT t_pkey CASCADE");
    database.execute("INSERT INTO child VALUES (9)");
    database.execute("INSERT INTO t (id, a) VALUES (1, 1)");
    expect(database.rows("SELECT count(*) FROM t")).toEqual([[4n]]);
  });

  it.each([
    ["ALTER TABLE t ADD PRIMARY KEY (a)", "42P16"],
    ["ALTER TABLE t DROP CONSTRAINT nope", "42704"],
    ["ALTER TABLE t DROP COLUMN nope", "42703"],
    ["ALTER TABLE nope ADD COLUMN a int", "42P01"],
    ["ALTER TABLE t ADD COLUMN a int", "42701"],
    ["ALTER TABLE t ADD CONSTRAINT t_p_fkey FOREIGN KEY (a) REFERENCES p", "42710"],
    ["ALTER TABLE t ENABLE ROW LEVEL SECURITY", "0A000"],
  ])("%s is %s", (sql, sqlState) => {
    expect(database.failure(sql).sqlState).toBe(sqlState);
  });

  it("IF EXISTS and OWNER TO do nothing", () => {
    const before = database.dump();
    database.run(`ALTER TABLE IF EXISTS nope ADD COLUMN a int; ALTER TABLE ONLY t OWNER TO me;
      ALTER TABLE t DROP COLUMN IF EXISTS nope, DROP CONSTRAINT IF EXISTS nope;
      ALTER TABLE t ADD COLUMN IF NOT EXISTS a int`);
    expect(database.dump()).toBe(before);
  });
});

describe("ALTER … RENAME", () => {
  it("a table keeps its rows, indexes and children under its new name", () => {
    const { rebuildsTables } = database.run("ALTER TABLE t RENAME TO u");
    expect(rebuildsTables).toBe(false);
    expect(database.rows("SELECT count(*) FROM u")).toEqual([[3n]]);
    expect(database.executeFailure("INSERT INTO child VALUES (9)").sqlState).toBe("23503");
    expect(database.executeFailure("INSERT INTO u (id) VALUES (1)").fields).toMatchObject({
      table: "u",
      constraint: "t_pkey",
    });
    database.run("ALTER TABLE u ADD COLUMN c int UNIQUE REFERENCES p, DROP COLUMN p");
    expect(database.storedRelations()).toEqual(database.catalog.relations);
  });

  it("a column is renamed in keys, indexes and foreign keys", () => {
    database.run("ALTER TABLE t RENAME COLUMN id TO key; ALTER TABLE t RENAME a TO amount");
    expect(database.executeFailure("INSERT INTO t (key) VALUES (1)").fields.constraint).toBe(
      "t_pkey",
    );
    expect(database.executeFailure("INSERT INTO child VALUES (9)").sqlState).toBe("23503");
    expect(
      database.executeFailure("INSERT INTO t (key, amount) VALUES (4, 3000000000)").message,
    ).toBe("integer out of range");
    database.run("ALTER TABLE t DROP COLUMN b");
    expect(database.rows("SELECT key, amount FROM t")).toHaveLength(3);
    expect(database.storedRelations()).toEqual(database.catalog.relations);
  });

  it("a constraint and its index have one name", () => {
    database.run("ALTER TABLE t ADD UNIQUE (b); ALTER TABLE t RENAME CONSTRAINT t_b_key TO bee");
    expect(database.executeFailure("UPDATE t SET b = 'x'").fields.constraint).toBe("bee");
    database.run("ALTER INDEX bee RENAME TO cee; ALTER TABLE t RENAME CONSTRAINT t_p_fkey TO f");
    expect(database.executeFailure("UPDATE t SET b = 'x'").fields.constraint).toBe("cee");
    expectIntact();
  });

  it("to a name that is taken is 42P07; a column's is 42701", () => {
    expect(database.failure("ALTER TABLE t RENAME TO p").sqlState).toBe("42P07");
    expect(database.failure("ALTER TABLE t RENAME a TO b").sqlState).toBe("42701");
  });
});
