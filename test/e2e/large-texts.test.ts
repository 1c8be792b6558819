/**
 * Goal: large texts hold nobody up, can be given up, and do what they say. Method: INSERTs of many
 * rows on a three-node cluster, beside another client of the same node.
 */
import { beforeAll, expect, test } from "vitest";
import { testCluster } from "../support/cluster/cluster.ts";
import { psqlRows } from "../support/cluster/psql.ts";
import { withClient } from "../support/cluster/writers.ts";

/** In the main thread 100,000 rows took 2 to 3 s. */
const WAIT_MS_MAX = 1_000;

const cluster = testCluster();

function insert(rows: number, last = ""): string {
  return `INSERT INTO big VALUES ${Array.from({ length: rows }, (_, at) => `(${at}, 'x${at}')`).join()}${last}`;
}

async function count(): Promise<readonly string[]> {
  return psqlRows(cluster.node("n1"), "SELECT count(*) FROM big");
}

beforeAll(async () => {
  await psqlRows(cluster.node("n1"), "CREATE TABLE big (a int, b text)");
});

test("other clients of the node are answered meanwhile", async () => {
  await withClient(cluster.node("n1"), async (client) => {
    await withClient(cluster.node("n1"), async (other) => {
      let longestMs = 0;
      const ended = new AbortController();
      const others = (async () => {
        while (!ended.signal.aborted) {
          const askedMs = performance.now();
          await other.query("SELECT 1");
          longestMs = Math.max(longestMs, performance.now() - askedMs);
          await new Promise((resolve) => setTimeout(resolve, 5));
        }
      })();
      await client.query(insert(100_000));
      ended.abort();
      await others;
      expect(longestMs).toBeLessThan(WAIT_MS_MAX);
    });
  });
  expect(await count()).toEqual(["100000"]);
});

test("statement_timeout ends the wait within a second, and nothing happened", async () => {
  await withClient(cluster.node("n2"), async (client) => {
    await client.query("SET statement_timeout = '200ms'");
    const startedMs = performance.now();
    await expect(client.query(insert(300_000))).rejects.toMatchObject({ code: "57014" });
    expect(performance.now() - startedMs).toBeLessThan(200 + 2 * WAIT_MS_MAX);
    await client.query("SET statement_timeout = 0");
    // The session goes on, with another thread.
    await client.query("BEGIN");
    await client.query(insert(5_000, " RETURNING a"));
    await client.query("ROLLBACK");
  });
  expect(await count()).toEqual(["100000"]);
});

test("transactions see their own schema, and errors have their place", async () => {
  await withClient(cluster.node("n3"), async (client) => {
    await client.query("BEGIN");
    await client.query("DELETE FROM big");
    await client.query("ALTER TABLE big ADD COLUMN c int");
    const wide = insert(5_000).replaceAll("')", "', 0)");
    const { rows } = await client.query(`${wide}, (-1, 'last', 7) RETURNING c`);
    expect(rows).toHaveLength(5_001);
    await client.query("COMMIT");
    const wrong = insert(5_000, ", (nosuch, 'é', 1)");
    await expect(client.query(wrong)).rejects.toMatchObject({
      code: "42601",
      message: "VALUES lists must all be the same length",
    });
    const unknown = `SELECT 'é' /* ${"é".repeat(40_000)} */, nosuch FROM big`;
    await expect(client.query(unknown)).rejects.toMatchObject({
      code: "42703",
      position: String(unknown.indexOf("nosuch") + 1),
    });
    const unbound = `SELECT /* ${"é".repeat(40_000)} */ $1 FROM big`;
    await expect(client.query(unbound)).rejects.toMatchObject({
      code: "42P02",
      position: String(unbound.indexOf("$1") + 1),
    });
  });
  expect(await count()).toEqual(["5001"]);
});

test("parameters, many statements in one text, and a schema that another node has changed", async () => {
  const numbers = Array.from({ length: 10_000 }, (_, at) => at);
  await psqlRows(cluster.node("n1"), "CREATE TABLE newer (a int)");
  await withClient(cluster.node("n2"), async (client) => {
    const places = numbers.map((at) => `($${at + 1})`).join();
    await client.query({ text: `INSERT INTO newer VALUES ${places}`, values: numbers });
    await client.query("INSERT INTO newer VALUES (1);".repeat(3_000));
    const { rows } = await client.query<{ a: string; b: string }>(
      "SELECT count(*) AS a, sum(a) AS b FROM newer",
    );
    expect(rows).toEqual([{ a: "13000", b: String(49_995_000 + 3_000) }]);
    const failing = `${"INSERT INTO newer VALUES (1);".repeat(3_000)} SELECT 1/0`;
    await expect(client.query(failing)).rejects.toMatchObject({ code: "22012" });
    expect((await client.query("SELECT count(*) AS a FROM newer")).rows).toEqual([{ a: "13000" }]);
  });
});
