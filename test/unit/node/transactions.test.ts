/** BEGIN … COMMIT over whole nodes: what a session is told, and what the others see. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Session } from "../../../src/sql/database.ts";
import { NodeCluster } from "../../support/node-cluster.ts";
import {
  noticesOf,
  resultOrSqlState,
  resultsOf,
  runQuery,
  tagsOf,
} from "../../support/session-answers.ts";

let cluster: NodeCluster;
let one: Session;
let two: Session;
let three: Session;

beforeEach(async () => {
  cluster = await NodeCluster.start({ nodes: 3 });
  one = await cluster.connect("n1");
  two = await cluster.connect("n2");
  three = await cluster.connect("n3");
  await run(one, "CREATE TABLE t (id int PRIMARY KEY, v int)");
  await run(one, "INSERT INTO t VALUES (1, 10), (2, 20)");
});

afterEach(() => cluster.close());

const run = (session: Session, text: string) => cluster.complete(runQuery(session, text));
const outcomeOf = (session: Session, text: string) => resultOrSqlState(run(session, text));

describe("a block", () => {
  it("shows its changes to itself, and to the others once it is committed", async () => {
    await run(one, "BEGIN");
    expect(one.transactionStatus).toBe("T");
    await run(one, "UPDATE t SET v = v + 1 WHERE id = 1");
    expect(await run(one, "SELECT v FROM t WHERE id = 1")).toEqual([[11n]]);
    expect(await run(two, "SELECT v FROM t WHERE id = 1")).toEqual([[10n]]);
    await run(one, "COMMIT");
    expect(one.transactionStatus).toBe("I");
    expect(await run(two, "SELECT v FROM t WHERE id = 1")).toEqual([[11n]]);
  });

  it("refuses everything after a failure until it is ended, and COMMIT rolls it back", async () => {
    await run(one, "BEGIN");
    await run(one, "UPDATE t SET v = 0");
    expect(await outcomeOf(one, "SELECT 1 / 0")).toBe("22012");
    expect(one.transactionStatus).toBe("E");
    expect(await outcomeOf(one, "SELECT 1")).toBe("25P02");
    expect(await cluster.complete(tagsOf(one, "COMMIT"))).toEqual(["ROLLBACK"]);
    expect(await run(two, "SELECT sum(v) FROM t")).toEqual([[30n]]);
  });

  it("goes on behind a savepoint", async () => {
    await run(one, "BEGIN");
    await run(one, "SAVEPOINT s");
    expect(await outcomeOf(one, "INSERT INTO t VALUES (1, 0)")).toBe("23505");
    await run(one, "ROLLBACK TO s");
    expect(one.transactionStatus).toBe("T");
    await run(one, "INSERT INTO t VALUES (3, 30)");
    await run(one, "RELEASE s");
    expect(await outcomeOf(one, "ROLLBACK TO s")).toBe("3B001");
    await run(one, "ROLLBACK");
    expect(await run(two, "SELECT count(*) FROM t")).toEqual([[2n]]);
  });

  it("says at which of its savepoints it is, for those who hold cursors", async () => {
    const savepointsOf = async (text: string) =>
      (await cluster.complete(resultsOf(one, text))).map((result) =>
        result.kind === "command" ? result.savepoint : undefined,
      );
    const [made, again] = [{ action: "made" }, { action: "goneBackTo" }];
    await run(one, "BEGIN");
    expect(await savepointsOf("SAVEPOINT a; SAVEPOINT b; ROLLBACK TO a; SAVEPOINT c")).toEqual([
      { ...made, level: 0 },
      { ...made, level: 1 },
      { ...again, level: 0 },
      { ...made, level: 1 },
    ]);
    expect(await savepointsOf("RELEASE c; SAVEPOINT a; ROLLBACK TO a")).toEqual([
      undefined,
      { ...made, level: 1 },
      { ...again, level: 1 },
    ]);
    await run(one, "ROLLBACK");
  });

  it("warns where PostgreSQL warns", async () => {
    const warningOf = async (text: string) => (await cluster.complete(noticesOf(one, text)))[0];
    expect(await warningOf("COMMIT")).toMatchObject({ sqlState: "25P01" });
    expect(await warningOf("ROLLBACK")).toMatchObject({ sqlState: "25P01" });
    await run(one, "BEGIN");
    expect(await warningOf("BEGIN")).toMatchObject({ sqlState: "25001" });
    expect(await outcomeOf(one, "CREATE DATABASE other")).toBe("25001");
  });

  it("changes the schema, and shows the change to nobody before the commit", async () => {
    await run(one, "BEGIN");
    await run(one, "CREATE TABLE u (id serial PRIMARY KEY, note text)");
    expect(await run(one, "INSERT INTO u (note) VALUES ('a') RETURNING id")).toEqual([[1n]]);
    await run(one, "ALTER TABLE u ADD COLUMN more int DEFAULT 7");
    expect(await run(one, "SELECT more FROM u")).toEqual([[7n]]);
    expect(await outcomeOf(two, "SELECT * FROM u")).toBe("42P01");
    await run(one, "COMMIT");
    expect(await run(two, "SELECT id, note, more FROM u")).toEqual([[1n, "a", 7n]]);
    await run(two, "BEGIN; DROP TABLE u");
    expect(await outcomeOf(two, "SELECT * FROM u")).toBe("42P01");
    await run(two, "ROLLBACK");
    expect(await run(three, "SELECT count(*) FROM u")).toEqual([[1n]]);
  });

  it("fills tables again that it has emptied, though they refer to one another", async () => {
    await run(one, "CREATE TABLE p (id int PRIMARY KEY)");
    await run(one, "CREATE TABLE c (id int PRIMARY KEY, p int REFERENCES p)");
    await run(one, "INSERT INTO p VALUES (1); INSERT INTO c VALUES (1, 1)");
    await run(one, "BEGIN; TRUNCATE p, c");
    expect(await outcomeOf(one, "INSERT INTO c VALUES (2, 1)")).toBe("23503");
    await run(one, "ROLLBACK; BEGIN; TRUNCATE p, c; INSERT INTO p VALUES (7)");
    await run(one, "INSERT INTO c VALUES (3, 7); COMMIT");
    expect(await run(two, "SELECT c.id, p.id FROM c JOIN p ON c.p = p.id")).toEqual([[3n, 7n]]);
  });

  it("can be ended when its database was dropped meanwhile", async () => {
    await run(one, "CREATE DATABASE other");
    const session = await cluster.connect("n2", { database: "other" });
    await run(session, "BEGIN; CREATE TABLE u (id int)");
    await run(one, "DROP DATABASE other");
    // Its node has heard of it.
    await run(two, "SELECT v FROM t");
    expect(await outcomeOf(session, "INSERT INTO u VALUES (1)")).toBe("3D000");
    await run(session, "ROLLBACK");
    expect(session.transactionStatus).toBe("I");
    expect(await outcomeOf(session, "SELECT 1")).toBe("3D000");
    expect(session.transactionStatus).toBe("I");
  });

  it("undoes the settings of one that is rolled back", async () => {
    await run(one, "BEGIN; SET TimeZone = 'Europe/Berlin'; ROLLBACK");
    expect(await run(one, "SHOW TimeZone")).toEqual([["UTC"]]);
    await run(one, "BEGIN; SET TimeZone = 'Europe/Berlin'; COMMIT");
    expect(await run(one, "SHOW TimeZone")).toEqual([["Europe/Berlin"]]);
  });
});

describe("two blocks on two nodes", () => {
  it("are not disturbed by somebody who makes sure of a table that is there", async () => {
    await run(one, "BEGIN; UPDATE t SET v = 1");
    await run(two, "DROP TABLE IF EXISTS missing");
    await run(two, "CREATE TABLE IF NOT EXISTS t (id int)");
    await run(one, "UPDATE t SET v = 2; COMMIT");
    expect(await run(two, "SELECT DISTINCT v FROM t")).toEqual([[2n]]);
  });

  it("that change what both have read: the second gets 40001 and nothing of it remains", async () => {
    for (const session of [one, two]) {
      await run(session, "BEGIN");
      await run(session, "SELECT v FROM t WHERE id = 1");
    }
    await run(one, "UPDATE t SET v = 11 WHERE id = 1");
    await run(two, "UPDATE t SET v = 12 WHERE id = 1");
    await run(one, "COMMIT");
    expect(await outcomeOf(two, "COMMIT")).toBe("40001");
    expect(two.transactionStatus).toBe("I");
    expect(await run(three, "SELECT v FROM t WHERE id = 1")).toEqual([[11n]]);
  });

  it("learn of a conflict at their next statement", async () => {
    await run(one, "BEGIN; UPDATE t SET v = 0 WHERE id = 2; SELECT v FROM t WHERE id = 1");
    await run(two, "UPDATE t SET v = 99 WHERE id = 1");
    expect(await outcomeOf(one, "SELECT v FROM t WHERE id = 2")).toBe("40001");
    expect(one.transactionStatus).toBe("E");
    expect(await outcomeOf(one, "COMMIT")).toEqual([]);
  });

  it("take values of a sequence without a conflict, and never the same", async () => {
    await run(one, "CREATE TABLE s (id serial PRIMARY KEY, who text)");
    const ids: unknown[] = [];
    for (const session of [one, two, three]) {
      await run(session, "BEGIN");
      for (let time = 0; time < 5; time += 1) {
        ids.push(...(await run(session, "INSERT INTO s (who) VALUES ('x') RETURNING id")).flat());
      }
    }
    for (const session of [one, two, three]) await run(session, "COMMIT");
    expect(new Set(ids).size).toBe(15);
    expect(await run(one, "SELECT count(*) FROM s")).toEqual([[15n]]);
    await run(two, "INSERT INTO s (who) VALUES ('y')");
    expect(await run(one, "SELECT count(*) FROM s")).toEqual([[16n]]);
  });
});

it("SET CONSTRAINTS is taken where it changes nothing, and a transaction is held to what was declared", async () => {
  const results = (text: string) => cluster.complete(resultsOf(one, text));
  const late = "REFERENCES t DEFERRABLE INITIALLY DEFERRED";
  const [warned] = await results("SET CONSTRAINTS ALL IMMEDIATE");
  expect(warned).toMatchObject({
    tag: "SET CONSTRAINTS",
    notices: [
      { sqlState: "25P01", message: "SET CONSTRAINTS can only be used in transaction blocks" },
    ],
  });
  await run(one, `CREATE TABLE c (id int PRIMARY KEY, t int ${late})`);
  const [quiet] = await results("SET CONSTRAINTS ALL DEFERRED; INSERT INTO c VALUES (1, 1)");
  expect(quiet).not.toHaveProperty("notices");
  await run(one, "BEGIN; SET CONSTRAINTS ALL DEFERRED; INSERT INTO c VALUES (9, 9)");
  await run(one, "INSERT INTO t VALUES (9, 0); COMMIT");
  await run(one, "BEGIN; SET CONSTRAINTS ALL DEFERRED; INSERT INTO c VALUES (8, 8)");
  expect(await outcomeOf(one, "COMMIT")).toBe("23503");
  expect(await outcomeOf(one, "BEGIN; SET CONSTRAINTS ALL IMMEDIATE")).toBe("0A000");
  await run(one, "ROLLBACK");
  expect(await run(two, "SELECT id FROM c ORDER BY id")).toEqual([[1n], [9n]]);
});

describe("the system catalogs in a transaction", () => {
  const columns = "SELECT column_name FROM information_schema.columns WHERE table_name = 'u'";

  it("show what the transaction has made", async () => {
    await run(one, "BEGIN");
    expect(await run(one, columns)).toEqual([]);
    await run(one, "CREATE TABLE u (a int, b int)");
    expect(await run(one, columns)).toEqual([["a"], ["b"]]);
    await run(one, "ALTER TABLE u DROP COLUMN b");
    expect(await run(one, columns)).toEqual([["a"]]);
    expect(await run(two, columns)).toEqual([]);
    await run(one, "ROLLBACK");
    expect(await run(one, columns)).toEqual([]);
  });

  it("are there again after somebody else has used the node, and behind a savepoint", async () => {
    const tables = "SELECT relname FROM pg_class WHERE relname = 't'";
    await run(one, "BEGIN; UPDATE t SET v = 0 WHERE id = 1");
    expect(await run(one, tables)).toEqual([["t"]]);
    await run(two, "INSERT INTO t VALUES (3, 30)");
    expect(await run(one, tables)).toEqual([["t"]]);
    await run(one, "ROLLBACK; BEGIN; UPDATE t SET v = 0 WHERE id = 1; SAVEPOINT s");
    expect(await run(one, tables)).toEqual([["t"]]);
    await run(one, "ROLLBACK TO s");
    expect(await run(one, tables)).toEqual([["t"]]);
    await run(one, "COMMIT");
  });

  it("cannot be joined with tables there: nobody would check the rows", async () => {
    await run(one, "BEGIN");
    const joined = "SELECT count(*) FROM pg_class, t";
    expect(await outcomeOf(one, joined)).toBe("0A000");
    await run(one, "ROLLBACK; BEGIN; UPDATE t SET v = 0");
    expect(await outcomeOf(one, joined)).toBe("0A000");
    await run(one, "ROLLBACK");
    expect(await run(one, joined)).not.toEqual([]);
  });

  it("EXPLAIN works before and behind a change", async () => {
    await run(one, "BEGIN");
    expect(await run(one, "EXPLAIN SELECT * FROM t")).toHaveLength(1);
    await run(one, "UPDATE t SET v = 0");
    expect(await run(one, "EXPLAIN SELECT * FROM t")).toHaveLength(1);
    await run(one, "COMMIT");
  });

  it("EXPLAIN shows the plan of a change, which does not happen, in a block or not", async () => {
    const plan = [[expect.stringContaining("SEARCH t ")]];
    const explain = "EXPLAIN UPDATE t SET v = 0 WHERE id = 1";
    expect(await run(one, explain)).toEqual(plan);
    await run(one, "BEGIN READ ONLY");
    expect(await run(one, explain)).toEqual(plan);
    await run(one, "ROLLBACK; BEGIN; DELETE FROM t WHERE id = 2");
    expect(await run(one, explain)).toEqual(plan);
    await run(one, "EXPLAIN DELETE FROM t");
    await run(one, "COMMIT");
    expect(await run(two, "SELECT v FROM t")).toEqual([[10n]]);
  });
});

describe("a pipeline up to Sync", () => {
  it("is one transaction", async () => {
    const insert = await cluster.complete(one.prepare("INSERT INTO t VALUES ($1, 0)", []));
    await cluster.complete(one.execute(insert, [3n]));
    expect(await run(two, "SELECT count(*) FROM t")).toEqual([[2n]]);
    await cluster.complete(one.execute(insert, [4n]));
    await cluster.complete(one.sync());
    expect(await run(two, "SELECT count(*) FROM t")).toEqual([[4n]]);
  });

  it("leaves nothing if one statement fails", async () => {
    const insert = await cluster.complete(one.prepare("INSERT INTO t VALUES ($1, 0)", []));
    await cluster.complete(one.execute(insert, [3n]));
    const second = cluster.complete(one.execute(insert, [3n]));
    await expect(second).rejects.toMatchObject({ sqlState: "23505" });
    await cluster.complete(one.sync());
    expect(await run(two, "SELECT count(*) FROM t")).toEqual([[2n]]);
  });
});
