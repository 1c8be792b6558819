/** Statements and the SQLite text that they become. */
import { describe, expect, it } from "vitest";
import { loadParser } from "../../../src/sql/parse.ts";
import { SqliteHarness } from "../../support/sqlite-harness.ts";

await loadParser();
const harness = new SqliteHarness();
harness.script(`
  CREATE TABLE item (id int PRIMARY KEY, name text NOT NULL, price numeric(8,2), code char(3));
  CREATE TABLE sale (id serial PRIMARY KEY, item_id int REFERENCES item (id), at timestamptz DEFAULT now());
`);
const sequenceOid = harness.catalog.relations.get("sale_id_seq")?.oid;

const TEXTS: readonly (readonly [postgres: string, sqlite: string])[] = [
  ["SELECT * FROM sale", 'SELECT "sale"."id", "sale"."item_id", "sale"."at" FROM "sale"'],
  [
    "SELECT name FROM item WHERE id = $1",
    'SELECT "item"."name" FROM "item" WHERE ("item"."id" = ?1)',
  ],
  ["SELECT id + 1 FROM item", 'SELECT int4_check(("item"."id" + 1)) AS "column:1" FROM "item"'],
  [
    "SELECT 1 FROM item WHERE id + 1 > 2",
    'SELECT 1 AS "column:1" FROM "item" WHERE (int4_check(("item"."id" + 1)) > 2)',
  ],
  [
    "SELECT id FROM item ORDER BY name, price DESC",
    'SELECT "item"."id" FROM "item" ORDER BY "item"."name", numeric_key("item"."price") DESC NULLS FIRST',
  ],
  [
    "SELECT id FROM item WHERE price = 1.5",
    `SELECT "item"."id" FROM "item" WHERE (numeric_key("item"."price") = numeric_key('1.5'))`,
  ],
  [
    "SELECT id FROM item WHERE code = 'a'",
    `SELECT "item"."id" FROM "item" WHERE ("item"."code" = bpchar_pad('a', 3))`,
  ],
  [
    "SELECT id FROM item WHERE name LIKE 'a%'",
    `SELECT "item"."id" FROM "item" WHERE ("item"."name" LIKE 'a%')`,
  ],
  [
    "SELECT id FROM item WHERE id = ANY ($1)",
    `SELECT "item"."id" FROM "item" WHERE ("item"."id" IN (SELECT value FROM json_each(coalesce(?1, '[null]'))))`,
  ],
  [
    "SELECT a.id FROM item a JOIN item b USING (id)",
    'SELECT "a"."id" FROM "item" AS "a" JOIN "item" AS "b" ON "a"."id" = "b"."id" WHERE synod_check("a".rowid) AND synod_check("b".rowid)',
  ],
  [
    "SELECT a.id FROM item a LEFT JOIN item b USING (id)",
    'SELECT "a"."id" FROM "item" AS "a" LEFT JOIN "item" AS "b" ON synod_check("b".rowid) AND ("a"."id" = "b"."id")',
  ],
  [
    "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i FROM n WHERE i < 5) SELECT i FROM n",
    'WITH RECURSIVE "n"("column:1") AS (SELECT 1 AS "column:1" UNION ALL SELECT "n_1"."column:1" AS "i" FROM "n" AS "n_1" WHERE synod_check(CASE WHEN 0 THEN "n_1"."column:1" END) AND (("n_1"."column:1" < 5))) SELECT "n_2"."column:1" AS "i" FROM "n" AS "n_2"',
  ],
  [
    "SELECT id FROM item WHERE id IN (SELECT id FROM item)",
    'SELECT "item"."id" FROM "item" WHERE ("item"."id" IN (SELECT "item_1"."id" FROM "item" AS "item_1"))',
  ],
  [
    "WITH item AS (SELECT * FROM item) SELECT id FROM item",
    'WITH "item_with"("id", "name", "price", "code") AS (SELECT "item"."id", "item"."name", "item"."price", "item"."code" FROM "item") SELECT "item_1"."id" FROM "item_with" AS "item_1"',
  ],
  [
    "INSERT INTO sale (item_id) VALUES (1)",
    `INSERT INTO "sale" ("item_id", "id", "at") VALUES (1, not_null(int4_check(pg_nextval(${sequenceOid})), 'sale', 'id'), pg_now())`,
  ],
  [
    "UPDATE item SET name = 'x' WHERE id = 1",
    `UPDATE "item" SET "name" = 'x' WHERE ("item"."id" = 1)`,
  ],
  [
    "DELETE FROM sale s USING item i WHERE i.id = s.item_id",
    'DELETE FROM "sale" WHERE EXISTS (SELECT 1 FROM "item" AS "i" WHERE synod_check("i".rowid) AND (("i"."id" = "sale"."item_id")))',
  ],
  ["SELECT current_user", 'SELECT ?1 AS "current_user"'],
  [
    "SELECT * FROM pg_am",
    'SELECT "pg_am"."oid", "pg_am"."amname", "pg_am"."amhandler", "pg_am"."amtype" FROM "pg_catalog"."pg_am" AS "pg_am"',
  ],
];

describe("translated text", () => {
  it.each(TEXTS)("%s", (postgres, sqlite) => {
    expect(harness.sql(postgres)).toBe(sqlite);
  });
});

const PARAMETERS: readonly (readonly [text: string, types: readonly number[]])[] = [
  ["SELECT $1", [25]],
  ["SELECT $1 + 1", [23]],
  ["SELECT $1::bigint", [20]],
  ["SELECT id FROM item WHERE price > $1", [1700]],
  ["SELECT id FROM item WHERE id = ANY ($1)", [1007]],
  ["SELECT id FROM item WHERE name IN ($2, $1)", [25, 25]],
  ["SELECT id FROM item LIMIT $1 OFFSET $2", [20, 20]],
  ["INSERT INTO item VALUES ($1, $2, $3, $4)", [23, 25, 1700, 1042]],
  ["UPDATE item SET price = $1 WHERE id = $2", [1700, 23]],
  ["SELECT $1::int, $1::text", [23]],
  ["SELECT CASE WHEN $1 THEN $2 ELSE 1 END", [16, 23]],
  ["SELECT now() - $1::interval", [1186]],
];

describe("inferred parameter types", () => {
  it.each(PARAMETERS)("%s", (text, types) => {
    expect(harness.translate(text).parameterTypes).toEqual(types);
  });

  it("keep what the client declared", () => {
    expect(harness.translate("SELECT $1, $2", [20, 0]).parameterTypes).toEqual([20, 25]);
  });
});

describe("described columns", () => {
  it("name the table column that they copy, with its modifier", () => {
    const oid = harness.catalog.relations.get("item")?.oid;
    expect(harness.translate("SELECT price AS p, price + 1 FROM item").columns).toEqual([
      { name: "p", typeOid: 1700, typeModifier: 524294, tableOid: oid, columnNumber: 3 },
      { name: "?column?", typeOid: 1700, typeModifier: -1, tableOid: 0, columnNumber: 0 },
    ]);
  });
});
