/**
 * Goal: a statement is called short only if no table's size matters to it, and single rows are told
 * apart only where the program looks at no other. Method: SQLite's programs for statements of known kinds.
 */
import { beforeAll, describe, expect, test } from "vitest";
import { type Connection, openScratch } from "../../../src/machine/connection.ts";
import { registerFunctions } from "../../../src/machine/function-registration.ts";
import { StatementCache } from "../../../src/machine/statement-cache.ts";
import { readOnlySequences, StatementContext } from "../../../src/machine/statement-context.ts";
import { EMPTY_CATALOG } from "../../../src/sql/catalog/catalog.ts";
import type { SqliteValue } from "../../../src/sql/values.ts";

const TABLES = `
  CREATE TABLE account (id INTEGER PRIMARY KEY, owner TEXT UNIQUE, amount INTEGER CHECK (amount > -9)) STRICT;
  CREATE TABLE visit (account INTEGER REFERENCES account (id), at TEXT);
  CREATE TABLE note (id INTEGER PRIMARY KEY, text TEXT);
  CREATE INDEX note_text ON note (text);
  CREATE TABLE pair (a INTEGER, b INTEGER, v, PRIMARY KEY (a, b)) WITHOUT ROWID;
  CREATE TABLE journal (v)`;

let connection: Connection;
let statements: StatementCache;

beforeAll(() => {
  connection = openScratch();
  registerFunctions(connection, new StatementContext(readOnlySequences, () => EMPTY_CATALOG));
  connection.exec(TABLES);
  statements = new StatementCache(connection, "replicated");
});

/** Parameters are 7, 8, … */
function parametersOf(sql: string): SqliteValue[] {
  const highest = Math.max(0, ...Array.from(sql.matchAll(/\?(\d)/g), ([, digit]) => Number(digit)));
  return Array.from({ length: highest }, (_, index) => BigInt(7 + index));
}

function touched(sql: string, parameters = parametersOf(sql)): Record<string, unknown> {
  const parts = statements.prepare(sql).touched(parameters);
  return Object.fromEntries(parts.map(({ table, rows }) => [table, rows]));
}

function isShort(sql: string): boolean {
  return statements.prepare(sql).traits(parametersOf(sql)).isShort;
}

describe("short", () => {
  test.each([
    "SELECT amount FROM account WHERE id = ?1",
    "SELECT amount FROM account WHERE owner = ?1",
    "SELECT v FROM pair WHERE a = ?1 AND b = ?2",
    "SELECT v FROM pair WHERE a = ?1 AND b IN (1, 2, 3)",
    "INSERT INTO journal VALUES (?1), (?2) RETURNING v",
    "UPDATE account SET amount = int4_check(amount + ?1) WHERE id = ?2",
    "UPDATE account SET amount = 1 WHERE id = ?1 RETURNING amount",
    "INSERT INTO journal VALUES (?1)",
    "INSERT INTO journal VALUES (?1), (?2), (3)",
    "INSERT INTO account VALUES (?1, 'a', ?2)",
    "INSERT INTO account VALUES (?1, 'a', 0) ON CONFLICT (id) DO UPDATE SET amount = amount + 1",
    "DELETE FROM note WHERE id = ?1",
    "SELECT a.amount, n.text FROM account AS a JOIN note AS n ON n.id = a.amount WHERE a.id = ?1",
    "SELECT n.text FROM account a JOIN note n ON n.id = a.amount WHERE synod_check(a.rowid) AND synod_check(n.rowid) AND a.id = ?1",
    "UPDATE note SET text = a.owner FROM account a WHERE synod_check(note.rowid) AND synod_check(a.rowid) AND a.id = ?1 AND note.id = ?2",
    "INSERT INTO visit VALUES (?1, 'now')",
  ])("%s", (sql) => expect(isShort(sql)).toBe(true));
});

describe("may be long", () => {
  test.each([
    "SELECT count(*) FROM account",
    "SELECT amount FROM account",
    "SELECT id FROM account ORDER BY id LIMIT 1",
    "SELECT max(id) FROM account",
    "SELECT id FROM note WHERE text = ?1",
    "SELECT v FROM pair WHERE a = ?1",
    // Each of one list with each of the other.
    "SELECT v FROM pair WHERE a IN (1, 2, 3) AND b IN (1, 2, 3)",
    "UPDATE pair SET v = 1 WHERE a IN (1, 2, 3) AND b IN (1, 2, 3)",
    "UPDATE account SET amount = 0",
    "UPDATE journal SET v = ?1 WHERE v = ?2",
    // Every row of the table that refers to it may have to be looked at.
    "DELETE FROM account WHERE id = ?1",
    "DELETE FROM journal",
    "INSERT INTO journal SELECT id FROM account",
    "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1) SELECT i FROM n",
    "INSERT INTO journal VALUES (pg_repeat('x', ?1))",
    "SELECT pg_regexp_like(text, 'a*') FROM note WHERE id = ?1",
    "SELECT amount FROM account WHERE id IN (SELECT id FROM note)",
    "SELECT value FROM json_each(?1)",
    "SELECT n.text FROM account a JOIN note n ON n.id = a.amount WHERE synod_check(a.rowid) AND synod_check(n.rowid)",
  ])("%s", (sql) => expect(isShort(sql)).toBe(false));
});

describe("takes as long as the tables have rows", () => {
  const isLinear = (sql: string) => statements.prepare(sql).traits(parametersOf(sql)).isLinear;

  test.each([
    "INSERT INTO journal VALUES (?1)",
    "UPDATE account SET amount = 0",
    "INSERT INTO journal SELECT text FROM note ORDER BY text DESC",
    "INSERT INTO journal SELECT owner FROM account JOIN visit ON visit.account = account.id",
    "INSERT INTO journal SELECT v.at FROM visit v LEFT JOIN account a ON a.id = v.account",
    "UPDATE note SET text = (SELECT owner FROM account a WHERE a.id = note.id)",
    "UPDATE note SET text = (SELECT max(at) FROM visit v WHERE v.account = note.id) WHERE id = ?1",
    "UPDATE note SET text = a.owner FROM account a WHERE a.id = note.id",
    "INSERT INTO journal SELECT x FROM (SELECT max(at) AS x FROM visit GROUP BY account) WHERE x > ?1",
  ])("%s", (sql) => expect(isLinear(sql)).toBe(true));

  test.each([
    "INSERT INTO journal SELECT v.at FROM visit v, note n",
    "INSERT INTO journal SELECT v.at FROM visit v JOIN note n ON n.text = v.at",
    "INSERT INTO journal SELECT v.at FROM visit v LEFT JOIN note n ON n.text > v.at",
    "INSERT INTO journal SELECT v.at FROM visit v FULL JOIN journal j ON j.v > v.at",
    "UPDATE note SET text = (SELECT max(at) FROM visit v WHERE v.account > note.id)",
    "UPDATE note SET text = (SELECT id FROM note m WHERE m.id < note.id ORDER BY id DESC LIMIT 1)",
    "UPDATE note SET text = v.at FROM visit v WHERE v.account > note.id",
    "DELETE FROM journal WHERE EXISTS (SELECT 1 FROM visit WHERE at > journal.v)",
    "DELETE FROM journal WHERE v NOT IN (SELECT at FROM visit WHERE account > journal.v)",
    "INSERT INTO journal SELECT x.m FROM (SELECT max(at) AS m FROM visit GROUP BY account) x, note",
    "INSERT INTO journal WITH m AS MATERIALIZED (SELECT at FROM visit) SELECT a.at FROM m a, m b",
    "INSERT INTO journal WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1) SELECT i FROM n",
    "INSERT INTO journal WITH RECURSIVE n (i) AS (SELECT 1 UNION SELECT i + 1 FROM n ORDER BY 1) SELECT i FROM n LIMIT 9",
    "INSERT INTO journal SELECT c1 FROM integer_series(1, ?1, 1)",
    "INSERT INTO journal VALUES ((SELECT count(*) FROM visit a, visit b))",
    "INSERT INTO journal SELECT (SELECT count(*) FROM visit WHERE at > x.at) FROM visit x ORDER BY 1",
  ])("not: %s", (sql) => expect(isLinear(sql)).toBe(false));
});

test("one row, by its key", () => {
  expect(touched("SELECT ?1, amount FROM account WHERE id = ?2")).toEqual({ account: 8n });
  expect(touched("SELECT ?2, amount FROM account WHERE id = ?1")).toEqual({ account: 7n });
  expect(touched("SELECT amount FROM account WHERE id = 3")).toEqual({ account: 3n });
  expect(touched("SELECT text FROM note WHERE id = 5000000000")).toEqual({ note: 5000000000n });
  expect(touched("UPDATE note SET text = 'x' WHERE id = ?1")).toEqual({ note: 7n });
  expect(touched("DELETE FROM note WHERE id = ?1")).toEqual({ note: 7n });
  expect(touched("INSERT INTO note VALUES (?2, ?1)")).toEqual({ note: 8n });
  const upsert = "INSERT INTO note VALUES (?1, 'a') ON CONFLICT (id) DO UPDATE SET text = 'b'";
  expect(touched(upsert)).toEqual({ note: 7n });
  expect(touched("INSERT INTO note VALUES (int4_check(?1), 'a')")).toEqual({ note: 7n });
  expect(touched("INSERT INTO visit VALUES (?1, 'now')")).toEqual({ visit: "new", account: 7n });
});

test("a row that is new, and nothing else", () => {
  expect(touched("INSERT INTO journal VALUES (?1)")).toEqual({ journal: "new" });
  expect(touched("INSERT INTO note (text) VALUES ('x')")).toEqual({ note: "new" });
});

test("the key that a sequence gives is new", () => {
  const serial = "INSERT INTO note VALUES (not_null(int4_check(pg_nextval(1)), 'note', 'id'), ?1)";
  expect(touched(serial)).toEqual({ note: "new" });
  expect(touched("INSERT INTO note VALUES (int4_check(pg_nextval(1) + ?1), 'a')")).toEqual({
    note: "all",
  });
});

test("the whole table where it cannot be told", () => {
  // Another row decides whether the owner is still free.
  expect(touched("INSERT INTO account VALUES (?1, 'a', 1)")).toEqual({ account: "all" });
  expect(touched("UPDATE account SET owner = 'b' WHERE id = ?1")).toEqual({ account: "all" });
  expect(touched("SELECT amount FROM account WHERE owner = 'a'")).toEqual({ account: "all" });
  expect(touched("UPDATE note SET id = ?1 WHERE id = ?2")).toEqual({ note: "all" });
  expect(touched("SELECT text FROM note WHERE id = ?1 OR id = ?2")).toEqual({ note: "all" });
  expect(touched("SELECT text FROM note WHERE id = ?1 + 1")).toEqual({ note: "all" });
  expect(touched("SELECT v FROM pair WHERE a = ?1 AND b = ?2")).toEqual({ pair: "all" });
  // The value of a sequence that is looked for, or need not be free.
  expect(touched("SELECT text FROM note WHERE id = pg_nextval(9)")).toEqual({ note: "all" });
  const lax = "INSERT INTO note VALUES (pg_nextval(9), 'a') ON CONFLICT DO NOTHING";
  expect(touched(lax)).toEqual({ note: "all" });
  const join = "SELECT 1 FROM note AS x JOIN note AS y ON y.id = ?2 WHERE x.id = ?1";
  expect(touched(join)).toEqual({ note: "all" });
  expect(touched("INSERT INTO visit VALUES (?1 + 1, '')")).toEqual({
    visit: "new",
    account: "all",
  });
});

test("a key that is no integer may be any row's", () => {
  expect(touched("SELECT text FROM note WHERE id = ?1", ["7"])).toEqual({ note: "all" });
  expect(touched("INSERT INTO note VALUES (?1, 'a')", [null])).toEqual({ note: "all" });
});
