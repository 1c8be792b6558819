/**
 * Goal: a change that would run for minutes does so at the node of its client alone, where the client can give
 * it up, although there is no BEGIN. Method: changes that look at 64 million rows on a three-node
 * cluster, ended after a second or two; then every node must take a write, and hold what it held.
 */
import { beforeAll, beforeEach, describe, expect, test } from "vitest";
import { testCluster } from "../support/cluster/cluster.ts";
import { psql, psqlRows } from "../support/cluster/psql.ts";
import { withClient } from "../support/cluster/writers.ts";

const END_MS_MAX = 1_000;
/** A write that waits for nobody else's; the machine may be slow. */
const WRITE_MS_MAX = 4_000;

const CANCELED = "canceling statement due to user request";
/** No row of 64 million is one of those that are looked for. */
const NO_ROW = "FROM many a, many b, many c WHERE a.id + b.id + c.id < 0";

const cluster = testCluster();

/** Runs texts, and sends SIGINT to psql after a while; its errors, and how long it lived on. */
async function interrupted(texts: readonly string[], afterMs = 1_000) {
  let askedMs = Number.NaN;
  const commands = texts.flatMap((text) => ["-c", text]);
  const { stderr } = await psql(cluster.node("n2"), commands, {
    onStarted: (processId) => {
      setTimeout(() => {
        askedMs = performance.now();
        process.kill(processId, "SIGINT");
      }, afterMs);
    },
  });
  return { stderr, endMs: performance.now() - askedMs };
}

/** Each node takes a write soon, and holds the table as it was. */
async function expectUndisturbed(): Promise<void> {
  for (const node of cluster.nodes) {
    const startedMs = performance.now();
    await psqlRows(node, `UPDATE seen SET times = times + 1 WHERE node = '${node.name}'`);
    expect(performance.now() - startedMs).toBeLessThan(WRITE_MS_MAX);
  }
  for (const node of cluster.nodes) {
    const sums = "SELECT count(*), min(n), max(n), (SELECT min(times) FROM seen) FROM many";
    expect(await psqlRows(node, sums)).toEqual(["400|0|0|1"]);
    expect(await psqlRows(node, "SELECT count(*) FROM pg_class WHERE relname = 'made'")).toEqual([
      "0",
    ]);
  }
}

beforeAll(async () => {
  await psqlRows(
    cluster.node("n1"),
    `CREATE TABLE many (id int PRIMARY KEY, n int NOT NULL DEFAULT 0);
     CREATE TABLE numbered (number serial PRIMARY KEY, id int);
     CREATE TABLE seen (node text PRIMARY KEY, times int NOT NULL);
     INSERT INTO many SELECT generate_series(1, 400)`,
  );
});

beforeEach(async () => {
  await psqlRows(
    cluster.node("n1"),
    "DELETE FROM seen; INSERT INTO seen VALUES ('n1', 0), ('n2', 0), ('n3', 0)",
  );
});

describe("Ctrl-C ends a change that would run for minutes, and no node knows of it", () => {
  test.each([
    ["INSERT from a join", `INSERT INTO many SELECT a.id + 1000 ${NO_ROW}`],
    ["with a serial key", `INSERT INTO numbered (id) SELECT a.id ${NO_ROW}`],
    [
      "INSERT from a series",
      "INSERT INTO many SELECT g FROM generate_series(1, 60000000) g WHERE g < 0",
    ],
    [
      "UPDATE with a correlated subquery",
      "UPDATE many m SET n = 1 WHERE (SELECT count(*) FROM many a, many b WHERE a.id + b.id = m.id + 9) < 0",
    ],
    ["UPDATE FROM", "UPDATE many m SET n = 1 FROM many a, many b WHERE m.id + a.id + b.id < 0"],
    ["DELETE USING", "DELETE FROM many m USING many a, many b WHERE m.id + a.id + b.id < 0"],
    ["RETURNING", `INSERT INTO many SELECT a.id + 1000 ${NO_ROW} RETURNING id`],
    ["CREATE TABLE AS", `CREATE TABLE made AS SELECT a.id ${NO_ROW}`],
    ["several statements", `UPDATE many SET n = 1; INSERT INTO many SELECT 1 ${NO_ROW}; SELECT 1`],
    ["EXECUTE", `PREPARE p AS INSERT INTO many SELECT a.id ${NO_ROW}`, "EXECUTE p"],
    ["COPY TO", `COPY (INSERT INTO many SELECT a.id ${NO_ROW} RETURNING id) TO STDOUT`],
  ])("%s", async (_name, ...texts) => {
    const { stderr, endMs } = await interrupted(texts);
    expect(stderr).toContain(CANCELED);
    expect(endMs).toBeLessThan(END_MS_MAX);
    await expectUndisturbed();
    expect(stderr).not.toContain("may still take effect");
  });
});

test("statement_timeout does, in the extended protocol as well", async () => {
  await withClient(cluster.node("n3"), async (client) => {
    await client.query("SET statement_timeout = '1s'");
    const answer = client.query(`INSERT INTO many SELECT a.id + $1 ${NO_ROW}`, [1000]);
    await expect(answer).rejects.toMatchObject({ code: "57014", detail: undefined });
    expect((await client.query("SELECT 1 AS one")).rows).toEqual([{ one: 1 }]);
  });
  await expectUndisturbed();
});

test("one that waits for another one's trial is given up as soon", async () => {
  const text = [`INSERT INTO many SELECT a.id ${NO_ROW}`];
  const both = await Promise.all([interrupted(text, 2_500), interrupted(text, 1_000)]);
  for (const { stderr, endMs } of both) {
    expect(stderr).toContain(CANCELED);
    expect(endMs).toBeLessThan(END_MS_MAX);
  }
  await expectUndisturbed();
});
