/**
 * LIKE in each form in which it is printed, over patterns short and long: answers as SQLite's own LIKE, and has a
 * bound.
 */
import { describe, expect, it, test, vi } from "vitest";
import { SeedRandom } from "../../../src/machine/seed-random.ts";
import { loadParser } from "../../../src/sql/parse.ts";
import { SqliteHarness } from "../../support/sqlite-harness.ts";

vi.mock("../../../src/base/limits.ts", async (original) => ({
  ...(await original<object>()),
  LIKE_WORK_MAX: 1_000_000,
}));

await loadParser();
const harness = new SqliteHarness();
harness.script(`
  CREATE TABLE t (id int PRIMARY KEY, x text, p text);
  CREATE INDEX t_x ON t (x);
  CREATE SEQUENCE s;
  INSERT INTO t SELECT i, 'k' || i, 'k%' || i % 10 FROM generate_series(1, 99) i
`);

/** What SQLite says by itself. */
const native = harness.sqlite.prepare("SELECT ? LIKE ? ESCAPE '\\'").pluck();

const FORMS = [
  ["over a column, by a parameter", "SELECT v LIKE $2 FROM (SELECT $1::text AS v OFFSET 0) s"],
  [
    "over a column, by an expression",
    "SELECT v LIKE ($2 || '') FROM (SELECT $1::text AS v OFFSET 0) s",
  ],
  ["over an expression", "SELECT ($1 || '') LIKE $2"],
  ["by a subquery", "SELECT $1::text LIKE (SELECT $2::text)"],
  ["negated", "SELECT NOT ($1::text NOT LIKE $2)"],
] as const;

describe("answers as SQLite's own LIKE", () => {
  const random = new SeedRandom(new Uint8Array(16).fill(5));
  const word = (characters: readonly string[], length: number): string =>
    Array.from({ length }, () => characters[random.u32() % characters.length]).join("");

  it.each(FORMS)("%s", (_form, text) => {
    for (let round = 0; round < 400; round += 1) {
      const value = word(["a", "b", "é", "😀", "\n"], random.u32() % 12);
      const short = word(["a", "b", "é", "😀", "%", "_", "\\", "\\%", "%%"], random.u32() % 8);
      // As long as they are looked at before, and yet matching now and then.
      const pattern = round % 2 === 0 ? short : short + "%".repeat(101);
      const answer = harness.run(text, [value, pattern])[0]?.[0];
      expect({ value, pattern, answer }).toEqual({
        value,
        pattern,
        answer: native.get(value, pattern),
      });
    }
  });

  it.each(FORMS)("%s: null is unknown", (_form, text) => {
    expect(harness.run(text, ["a", null])).toEqual([[null]]);
    expect(harness.run(text, [null, "a"])).toEqual([[null]]);
    expect(harness.run(text, [null, "%".repeat(200)])).toEqual([[null]]);
  });
});

describe("a pattern that is too long for so long a text", () => {
  const [text, pattern] = ["a".repeat(20_000), `%${"a".repeat(200)}b`];

  it.each([...FORMS, ["ILIKE", "SELECT $1::text ILIKE $2"] as const])("%s: 54000", (_form, sql) => {
    expect(() => harness.run(sql, [text, pattern])).toThrow("the pattern is too long");
    expect(harness.run(sql, [text, "%".repeat(40)])).toEqual([[1n]]);
    expect(harness.run(sql, [text.slice(0, 4_000), pattern])).toEqual([[0n]]);
  });

  test("written in the statement: 54000", () => {
    expect(() => harness.run(`SELECT $1::text LIKE '${pattern}'`, [text])).toThrow(
      "the pattern is too long",
    );
  });

  test("of more bytes than SQLite takes: 54000 where SQLite would compare", () => {
    const long = "é".repeat(26_000);
    expect(() => harness.run(FORMS[0][1], ["a", long])).toThrow("the pattern is too long");
    expect(harness.run(FORMS[2][1], ["a", long])).toEqual([[0n]]);
  });
});

test.each(["k9%", `k9${"%".repeat(120)}`])("an index of the column is used: %s", (pattern) => {
  const sql = harness.sql("SELECT id FROM t WHERE x LIKE $1 ORDER BY id");
  const plan = harness.sqlite.prepare(`EXPLAIN QUERY PLAN ${sql}`).all({ 1: pattern });
  const details = (plan as { detail: string }[]).map(({ detail }) => detail);
  expect(details.join()).toContain("SEARCH t USING");
  const rows = harness.run("SELECT id FROM t WHERE x LIKE $1 ORDER BY id", [pattern]);
  expect(rows.map(([id]) => id)).toEqual([
    9n,
    ...Array.from({ length: 10 }, (_, at) => BigInt(90 + at)),
  ]);
});

test("a pattern in a column, and one of a sequence, which is taken from once", () => {
  expect(harness.run("SELECT count(*) FROM t WHERE x LIKE p")).toEqual([[99n]]);
  expect(harness.run("SELECT '1' LIKE nextval('s')::text, nextval('s')")).toEqual([[1n, 2n]]);
});
