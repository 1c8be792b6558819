/** Statements that must fail when they are translated, with the SQLSTATE and the position. */
import { describe, expect, it } from "vitest";
import { SqlError } from "../../../src/sql/errors.ts";
import { loadParser, parseStatements } from "../../../src/sql/parse.ts";
import { translate } from "../../../src/sql/translate.ts";
import { SqliteHarness } from "../../support/sqlite-harness.ts";

await loadParser();
const harness = new SqliteHarness();
harness.script(`
  CREATE TABLE item (id int PRIMARY KEY, name text, price numeric);
  CREATE TABLE part (id int PRIMARY KEY, item_id int REFERENCES item (id));
  CREATE SEQUENCE part_numbers;
  CREATE VIEW names AS SELECT name FROM item;
`);

function failure(text: string): SqlError {
  try {
    harness.translate(text);
  } catch (error) {
    if (error instanceof SqlError) return error;
    throw error;
  }
  throw new Error(`was translated: ${text}`);
}

const REFUSED: readonly (readonly [text: string, sqlState: string])[] = [
  // SQLite's own words, which PostgreSQL's grammar does not know.
  ["ATTACH DATABASE 'x' AS y", "42601"],
  ["PRAGMA journal_mode = delete", "42601"],
  ["DETACH x", "42601"],
  ["INSERT OR REPLACE INTO item VALUES (1)", "42601"],
  ["VACUUM INTO 'file'", "42601"],
  // What SQLite has and PostgreSQL does not.
  ["SELECT load_extension('x')", "42883"],
  ["SELECT randomblob(10)", "42883"],
  ["SELECT sqlite_version()", "42883"],
  ["SELECT last_insert_rowid()", "42883"],
  ["SELECT datetime('now')", "42883"],
  ["SELECT readfile('x')", "42883"],
  ["SELECT rowid FROM item", "42703"],
  ["SELECT * FROM sqlite_master", "42P01"],
  ["SELECT * FROM pragma_table_info('item')", "42883"],
  ["SELECT * FROM json_each('[1]', '$')", "42883"],
  ["SELECT * FROM _synod_catalog", "42P01"],
  ["DELETE FROM _synod_state", "42P01"],
  ["DELETE FROM sqlite_sequence", "42P01"],
  ["SELECT synod_fail('XX000', 'a', 'b', 'c', 'd', 'e')", "42883"],
  ["SELECT pg_nextval(1)", "42883"],
  ["SELECT int4_check(1)", "42883"],
  // What cannot be locked; an existing table or view can.
  ["LOCK TABLE nosuch", "42P01"],
  ["LOCK TABLE item, nosuch IN SHARE MODE NOWAIT", "42P01"],
  ["LOCK TABLE other.item", "42P01"],
  ["LOCK TABLE part_numbers", "42809"],
  ["LOCK TABLE item_pkey", "42809"],
  // What PostgreSQL has and Synod does not.
  ["MERGE INTO item USING part ON item.id = part.item_id WHEN MATCHED THEN DELETE", "0A000"],
  ["WITH x AS (DELETE FROM part RETURNING id) SELECT * FROM x", "0A000"],
  ["SELECT * FROM item, LATERAL (SELECT * FROM part WHERE item_id = item.id) p", "0A000"],
  ["SELECT name, sum(price) FROM item GROUP BY ROLLUP (name)", "0A000"],
  ["SELECT item FROM item", "0A000"],
  ["DECLARE c SCROLL CURSOR FOR SELECT 1", "0A000"],
  ["DECLARE c CURSOR WITH HOLD FOR SELECT 1", "0A000"],
  ["DECLARE c BINARY CURSOR FOR SELECT 1", "0A000"],
  ["DECLARE c CURSOR FOR SELECT nextval('s')", "42P01"],
  ["FETCH PRIOR FROM c", "0A000"],
  ["FETCH 0 FROM c", "0A000"],
  ["MOVE LAST FROM c", "0A000"],
  ['SELECT name COLLATE "de_DE" FROM item', "0A000"],
  ["SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY price) FROM item", "0A000"],
  ["SELECT id FROM item ORDER BY id FETCH FIRST 1 ROW WITH TIES", "0A000"],
  ["SELECT generate_series(1, 2), generate_series(1, 3)", "0A000"],
  ["UPDATE item SET name = p.id::text FROM part p RETURNING p.id", "0A000"],
  ["UPDATE names SET name = 'x'", "0A000"],
  ["INSERT INTO item (id) SELECT oid::int FROM pg_class", "0A000"],
  [
    "DELETE FROM item WHERE id IN (SELECT ordinal_position FROM information_schema.columns)",
    "0A000",
  ],
  ["INSERT INTO pg_class VALUES (1)", "42501"],
  ["TRUNCATE item", "0A000"],
  ["COPY item FROM STDIN BINARY", "0A000"],
  ["DO 'BEGIN END'", "0A000"],
  ["PREPARE TRANSACTION 'x'", "0A000"],
  ["SELECT b'101'", "0A000"],
  ["SELECT", "0A000"],
  // Mistakes.
  ["SELECT nosuch FROM item", "42703"],
  ["SELECT item.nosuch FROM item", "42703"],
  ["SELECT x.id FROM item", "42P01"],
  ["SELECT id FROM item, part", "42702"],
  ["SELECT 1 FROM item, item", "42712"],
  ["SELECT name FROM item GROUP BY price", "42803"],
  ["SELECT id FROM item WHERE max(id) = 1", "42803"],
  ["SELECT max(min(id)) FROM item", "42803"],
  ["SELECT id FROM item WHERE rank() OVER () = 1", "42P20"],
  ["SELECT rank()", "42P20"],
  ["SELECT DISTINCT name FROM item ORDER BY id", "42P10"],
  ["SELECT DISTINCT ON (name) id FROM item ORDER BY id", "42P10"],
  ["SELECT 1 UNION SELECT 1, 2", "42601"],
  ["SELECT 1 UNION SELECT true", "42804"],
  ["SELECT id FROM item WHERE name", "42804"],
  ["SELECT id FROM item WHERE id = name", "42883"],
  ["SELECT $1 || $2 FROM item WHERE $0 = 1", "42P02"],
  ["SELECT $2::int", "42P18"],
  ["SELECT 'x'::nosuch", "42704"],
  ["SELECT 1::varchar(0)", "22023"],
  ["INSERT INTO item VALUES (1, 'a', 2, 3)", "42601"],
  ["INSERT INTO item (id) VALUES (true)", "42804"],
  ["INSERT INTO item VALUES (1) ON CONFLICT (name) DO NOTHING", "42P10"],
  ["UPDATE item SET id = 1, id = 2", "42601"],
];

describe("a statement that cannot run as asked is refused", () => {
  it.each(REFUSED)("%s: %s", (text, sqlState) => {
    expect(failure(text).sqlState).toBe(sqlState);
  });
});

describe("errors point at the place", () => {
  it.each([
    ["SELECT nosuch FROM item", 8],
    ["SELECT 'é', nosuch FROM item", 13],
    ["SELECT 1 FROM nosuch", 15],
    ["SELECT id + name FROM item", 11],
    ["SELECT 'abc'::int", 8],
    ["SELECT nosuch(1)", 8],
    ["SELECT 1 FRM x y", 14],
  ])("%s", (text, position) => {
    expect(failure(text).fields.position).toBe(position);
  });

  it("in the second statement of a text, counted from the start of the text", () => {
    const text = "SELECT 'é'; SELECT nosuch";
    const error = failureOfSecond(text);
    expect(error.fields.position).toBe(text.indexOf("nosuch") + 1);
  });

  it("in nothing that is too deep for the stack", () => {
    expect(failure(`SELECT ${"1+".repeat(50_000)}1`).sqlState).toBe("54001");
  });
});

function failureOfSecond(text: string): SqlError {
  const statements = parseStatements(text);
  const second = statements[1];
  if (second === undefined) throw new Error("one statement only");
  try {
    translate(second, { catalog: harness.catalog, databaseName: "synod", parameterTypes: [] });
  } catch (error) {
    if (error instanceof SqlError) return error;
  }
  throw new Error("was translated");
}

describe("what may be locked", () => {
  it.each(["LOCK TABLE item", "LOCK item, part IN ACCESS EXCLUSIVE MODE", "LOCK TABLE names"])(
    "%s is accepted, in transactions",
    (text) => {
      expect(harness.translate(text)).toMatchObject({ kind: "noEffect", onlyInBlock: "refused" });
    },
  );

  it("says in PostgreSQL's words what a locking clause has no place on", () => {
    expect(failure("SELECT count(*) FROM item FOR KEY SHARE").message).toBe(
      "FOR KEY SHARE is not allowed with aggregate functions",
    );
    const { message, fields } = failure("SELECT * FROM item FOR UPDATE OF part");
    expect(message).toBe('relation "part" in FOR UPDATE clause not found in FROM clause');
    expect(fields.position).toBe(34);
  });

  it("notes a locking clause wherever it stands: read-only transactions refuse it", () => {
    const locks = (text: string) => harness.translate(text);
    expect(locks("SELECT * FROM item")).toMatchObject({ locksRows: false });
    expect(locks("SELECT * FROM item FOR SHARE")).toMatchObject({ locksRows: true });
    expect(locks("SELECT 1 WHERE 1 IN (SELECT id FROM item FOR UPDATE)")).toMatchObject({
      locksRows: true,
    });
  });
});
