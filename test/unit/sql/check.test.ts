/** synod_check() in translated statements: called wherever a loop may become long, and without any other effect. */
import { describe, expect, it, test } from "vitest";
import { SeedRandom } from "../../../src/machine/seed-random.ts";
import { loadParser } from "../../../src/sql/parse.ts";
import { SqliteHarness } from "../../support/sqlite-harness.ts";

await loadParser();
const harness = new SqliteHarness();
harness.script(`
  CREATE TABLE a (id int PRIMARY KEY, n int, t text);
  CREATE TABLE b (id int PRIMARY KEY, n int, t text);
  CREATE TABLE c (id int PRIMARY KEY, n int, t text);
  CREATE INDEX b_n ON b (n);
  CREATE INDEX c_n_t ON c (n, t);
  CREATE VIEW halves AS SELECT id / 2 AS half, n FROM b;
  INSERT INTO a SELECT i, i % 7, 't' || i FROM generate_series(1, 20) i;
  INSERT INTO b SELECT i, nullif(i % 5, 0), 't' || i FROM generate_series(1, 30) i;
  INSERT INTO c SELECT i, i % 3, NULL FROM generate_series(1, 10) i;
`);
let calls = 0;
harness.sqlite.function("synod_check", { varargs: true }, () => {
  calls += 1;
  return 1;
});

/** The statement as it would be without the calls. */
function unchecked(sql: string): string {
  return sql.replaceAll(/synod_check\([^()]*\)/g, "1");
}

function rowsOf(sql: string): unknown[] {
  const rows = harness.sqlite.prepare(sql).raw(true).all();
  return rows.map((row) => JSON.stringify(row, (_key, value: unknown) => String(value))).toSorted();
}

function planOf(sql: string): string[] {
  const rows = harness.sqlite.prepare(`EXPLAIN QUERY PLAN ${sql}`).all();
  return (rows as { detail: string }[]).map(({ detail }) => detail);
}

describe("a statement with nested loops looks at each row of the innermost", () => {
  it.each([
    ["SELECT count(*) FROM a, b", 600],
    ["SELECT count(*) FROM a, b WHERE a.n > 100 + b.n", 600],
    // SQLite puts the table with the constant key first, whatever stands first here.
    ["SELECT count(*) FROM b, c, a WHERE a.id = 1", 300],
    ["SELECT count(*) FROM a CROSS JOIN b JOIN c ON c.n + a.n > 100", 200],
    ["SELECT count(*) FROM a LEFT JOIN b ON a.t < b.t || 'x' AND a.n > 100", 600],
    ["SELECT count(*) FROM a RIGHT JOIN (b JOIN c ON true) ON a.n > 100", 6000],
    ["SELECT count(*) FROM a FULL JOIN b ON a.n + 0 > 100 + b.n", 600],
    ["SELECT count(*) FROM (SELECT id + 1 AS x FROM a) s, (SELECT n FROM b WHERE n > 0) r", 480],
    [
      "SELECT count(*) FROM (SELECT DISTINCT n FROM a) s, (SELECT count(*) FROM b GROUP BY n) r",
      35,
    ],
    ["SELECT count(*) FROM halves x, halves y", 900],
    ["WITH s AS (SELECT id * 2 AS x FROM a) SELECT count(*) FROM s x, s y", 400],
    ["WITH s AS MATERIALIZED (SELECT 1 AS x FROM a) SELECT count(*) FROM s x, s y", 400],
    ["SELECT count(*) FROM (SELECT 1 AS x FROM a) s, (SELECT 1 AS x FROM a) r", 400],
    ["SELECT count(*) FROM generate_series(1, 9) g, generate_series(1, 9) h", 81],
    ["SELECT id, generate_series(1, 3) FROM a", 60],
    ["SELECT count(*) FROM a WHERE (SELECT sum(b.n + a.n) FROM b) > 3", 600],
    ["SELECT count(*) FROM a WHERE EXISTS (SELECT 1 FROM b WHERE b.t || '' = a.t || 'z')", 600],
    ["SELECT count(*) FROM a WHERE n NOT IN (SELECT b.id + 90 FROM b WHERE b.t > a.t || 'z')", 600],
    [
      "WITH RECURSIVE r (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM r WHERE i < 50) SELECT count(*) FROM r",
      50,
    ],
    ["WITH RECURSIVE r (i) AS (SELECT 1 UNION SELECT i % 9 + 1 FROM r) SELECT count(*) FROM r", 9],
    ["UPDATE a SET n = b.n FROM b WHERE a.n > 100 + b.n", 600],
    ["DELETE FROM a USING b, c WHERE a.t = b.t || c.n || 'none'", 6000],
    ["INSERT INTO c SELECT a.id + 100, 1, '' FROM a, b WHERE a.n > 100 + b.n", 600],
  ])("%s", (text, least) => {
    calls = 0;
    harness.run(text);
    expect(calls).toBeGreaterThanOrEqual(least);
  });
});

describe("a loop over one table is left alone", () => {
  it.each([
    "SELECT count(*) FROM a",
    "SELECT * FROM a WHERE id = 3",
    "SELECT * FROM a WHERE id IN (SELECT id FROM b)",
    "SELECT (SELECT max(n) FROM b), (SELECT count(*) FROM halves)",
    "UPDATE a SET t = t WHERE n = 3",
    "DELETE FROM a WHERE n = 300",
    "WITH s AS (SELECT * FROM a) SELECT count(*) FROM s",
  ])("%s", (text) => {
    expect(harness.sql(text)).not.toContain("synod_check");
  });
});

describe("a change that may run for minutes is known by its text", () => {
  const mayRunLong = (text: string) => {
    const translation = harness.translate(text);
    const steps = "steps" in translation ? translation.steps : [];
    return [...steps, ...("step" in translation ? [translation.step] : [])].some(
      (step) => step.mayRunLong === true,
    );
  };

  it.each([
    "INSERT INTO c SELECT a.id, 1, '' FROM a, b",
    "INSERT INTO c SELECT a.id, 1, '' FROM a LEFT JOIN b ON a.n < b.n",
    "INSERT INTO c SELECT g, 1, '' FROM generate_series(1, 9) g",
    "INSERT INTO c (id) SELECT generate_series(1, 9)",
    "INSERT INTO c SELECT half, n, '' FROM halves",
    "WITH RECURSIVE r (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM r) INSERT INTO c SELECT i FROM r",
    "INSERT INTO c VALUES ((SELECT count(*) FROM a, b), 1, '')",
    "INSERT INTO c VALUES (1, 1, '') ON CONFLICT (id) DO UPDATE SET n = (SELECT count(*) FROM a, b)",
    "INSERT INTO c VALUES (1, 1, '') RETURNING (SELECT count(*) FROM a WHERE a.n > c.n)",
    "UPDATE a SET n = b.n FROM b WHERE a.n > b.n",
    "UPDATE a SET n = (SELECT max(n) FROM b WHERE b.id < a.id)",
    "DELETE FROM a USING b WHERE a.n > b.n",
    "DELETE FROM a WHERE EXISTS (SELECT 1 FROM b WHERE b.n > a.n)",
    "CREATE TABLE made AS SELECT a.id FROM a, b",
    "SELECT a.id INTO made FROM a, b",
  ])("%s", (text) => expect(mayRunLong(text)).toBe(true));

  it.each([
    "INSERT INTO c VALUES (1, 1, ''), (2, 2, '')",
    "INSERT INTO c SELECT id, n, t FROM a WHERE n = 3",
    "INSERT INTO c (id) SELECT unnest(ARRAY[1, 2, 3])",
    "INSERT INTO c (id) SELECT value::int FROM jsonb_array_elements_text('[1, 2]')",
    "UPDATE a SET n = n + 1 WHERE id = 5",
    "UPDATE a SET n = 1 WHERE id = (SELECT id FROM a WHERE n = 2 ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED)",
    "DELETE FROM a WHERE n = 300",
    "CREATE TABLE made AS SELECT id FROM a",
    "CREATE TABLE made (id int)",
    "CREATE VIEW pairs AS SELECT a.id FROM a, b",
    "ALTER TABLE a ALTER COLUMN n TYPE bigint",
  ])("not so: %s", (text) => expect(mayRunLong(text)).toBe(false));
});

test("the columns that place the call are never evaluated", () => {
  const rows = "(SELECT 1 / (n - n) AS x, id FROM a) s, b";
  expect(harness.run(`SELECT count(*) FROM ${rows} WHERE s.id = b.id`)).toEqual([[20n]]);
  harness.script("CREATE SEQUENCE s");
  harness.run(
    "SELECT count(*) FROM (SELECT nextval('s') AS x FROM a OFFSET 0) s, b WHERE b.id = 1",
  );
  const before = harness.run("SELECT nextval('s')");
  harness.run("SELECT count(*) FROM (SELECT nextval('s') AS x FROM a) s, b WHERE b.id < 9");
  const taken = Number(harness.run("SELECT nextval('s')")[0]?.[0]) - Number(before[0]?.[0]) - 1;
  expect([0, 20]).toContain(taken);
});

describe("the plan is as without the calls", () => {
  it.each([
    "SELECT a.t FROM a JOIN b ON a.n = b.n",
    "SELECT b.n FROM a JOIN b ON b.n = a.n WHERE a.id = 5",
    "SELECT c.n FROM a JOIN c ON c.n = a.n",
    "SELECT a.t FROM a LEFT JOIN b ON b.id = a.n",
    "SELECT a.t, b.t FROM a LEFT JOIN b ON b.n = a.n WHERE a.id < 9",
    "SELECT a.t FROM a LEFT JOIN b ON b.n = a.n WHERE b.id IS NULL",
    "SELECT * FROM a JOIN b USING (id) JOIN c USING (id) WHERE a.t = 'x'",
    "SELECT a.t FROM a WHERE EXISTS (SELECT 1 FROM b WHERE b.n = a.n)",
    "SELECT a.t, (SELECT max(b.id) FROM b WHERE b.n = a.n) FROM a",
    "SELECT a.t FROM a WHERE a.id IN (SELECT b.id FROM b WHERE b.n = a.n)",
    "SELECT a.id FROM a, halves WHERE halves.n = a.n",
    "SELECT x.t FROM (SELECT t, n FROM a) x JOIN (SELECT n FROM b) y ON x.n = y.n",
    "SELECT a.id FROM a JOIN b ON a.n = b.n ORDER BY a.id LIMIT 3",
  ])("%s", (text) => {
    const sql = harness.sql(text);
    expect(sql).toContain("synod_check");
    expect(planOf(sql)).toEqual(planOf(unchecked(sql)));
  });
});

test("random queries answer as without the calls", () => {
  const random = new SeedRandom(new Uint8Array(16).fill(9));
  const pick = <Item>(items: readonly Item[]): Item => items[random.u32() % items.length] as Item;
  for (let round = 0; round < 300; round += 1) {
    const sql = harness.sql(randomQuery(pick, 2));
    expect({ sql, rows: rowsOf(sql) }).toEqual({ sql, rows: rowsOf(unchecked(sql)) });
  }
});

type Pick = <Item>(items: readonly Item[]) => Item;

/** A query over up to three members; columns are x.id, x.n and x.t of each. */
function randomQuery(pick: Pick, depth: number): string {
  const names = pick([["x"], ["x", "y"], ["x", "y", "z"]]);
  const members = names.map((name) => `${randomMember(pick, depth)} AS ${name}`);
  let from = members[0] ?? "";
  for (const [at, member] of members.slice(1).entries()) {
    const condition = `${names[at]}.${pick(["id", "n"])} ${pick(["=", "<", ">="])} ${names[at + 1]}.n`;
    from += pick([
      `, ${member}`,
      ...["JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN"].map(
        (join) => ` ${join} ${member} ON ${condition}`,
      ),
    ]);
  }
  const last = names.at(-1);
  const where = pick([
    "",
    ` WHERE x.n > 2 OR ${last}.n IS NULL`,
    ` WHERE EXISTS (SELECT 1 FROM c WHERE c.n = ${last}.n)`,
    ` WHERE x.id ${pick(["IN", "NOT IN"])} (SELECT b.n FROM b WHERE b.id > ${last}.n)`,
  ]);
  return pick([
    `SELECT x.id, x.n, ${last}.t FROM ${from}${where}`,
    `SELECT count(*), sum(${last}.n) FROM ${from}${where}`,
    `SELECT x.n, count(${last}.id) FROM ${from}${where} GROUP BY x.n`,
    `SELECT DISTINCT ${last}.n, (SELECT max(b.id) FROM b WHERE b.n = x.n) FROM ${from}${where}`,
  ]);
}

function randomMember(pick: Pick, depth: number): string {
  const table = pick(["a", "b", "c"]);
  if (depth === 0) return table;
  return pick([
    table,
    table,
    `(SELECT id, n, t FROM ${table} WHERE n < 4)`,
    `(SELECT min(id) AS id, n, max(t) AS t FROM ${table} GROUP BY n)`,
    `(SELECT p.id, q.n, q.t FROM ${table} p LEFT JOIN b q ON p.n = q.id)`,
    `(SELECT half AS id, n, 'v' AS t FROM halves)`,
  ]);
}
