/** Transactions of node-postgres: a pool over all nodes, and the transaction function of its manual. */
import type pg from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import { testCluster } from "../support/cluster/cluster.ts";
import { everywhere, INCREMENTS_EACH, interfere, layLedger, RACERS } from "./ledger.ts";
import { poolOver } from "./pool-over-nodes.ts";
import { retried } from "./retry.ts";

const cluster = testCluster();
let pool: pg.Pool;

/** As in the manual, plus what it leaves out: a broken connection goes back to be closed. */
async function transaction<Result>(
  work: (client: pg.PoolClient) => Promise<Result>,
): Promise<Result> {
  const client = await pool.connect();
  let broken: Error | undefined;
  try {
    await client.query("BEGIN");
    const result = await work(client);
    await client.query("COMMIT");
    return result;
  } catch (error) {
    await client.query("ROLLBACK").catch((lost: Error) => {
      broken = lost;
    });
    throw error;
  } finally {
    client.release(broken);
  }
}

async function numberOf(client: pg.PoolClient, name: string): Promise<number> {
  const { rows } = await client.query<{ n: number }>("SELECT n FROM counter WHERE name = $1", [
    name,
  ]);
  return rows[0]?.n ?? 0;
}

beforeAll(async () => {
  await layLedger(cluster);
  pool = poolOver(cluster.nodes, RACERS);
});

afterAll(() => pool.end());

test("COMMIT: all nodes have both sides of a transfer", async () => {
  await transaction(async (client) => {
    await client.query("UPDATE account SET balance = balance - $1 WHERE name = $2", [30, "ada"]);
    await client.query("UPDATE account SET balance = balance + $1 WHERE name = $2", [30, "bob"]);
  });
  const balances = await everywhere(cluster, "SELECT balance FROM account ORDER BY name");
  expect(balances).toEqual([70, 30]);
});

test("an exception in the application: nothing of the transaction stays", async () => {
  const failing = transaction(async (client) => {
    await client.query("INSERT INTO note (body) VALUES ('undone')");
    throw new Error("the application's own");
  });
  await expect(failing).rejects.toThrow("the application's own");
  expect(await everywhere(cluster, "SELECT count(*) FROM note WHERE body = 'undone'")).toEqual([
    "0",
  ]);
});

test("a statement fails: 25P02 until ROLLBACK, then the connection is as new", async () => {
  const client = await pool.connect();
  try {
    await client.query("BEGIN");
    await client.query("INSERT INTO note (body) VALUES ('before')");
    const overdrawn = client.query("UPDATE account SET balance = -1 WHERE name = 'ada'");
    await expect(overdrawn).rejects.toMatchObject({
      code: "23514",
      constraint: "account_balance_check",
    });
    await expect(client.query("SELECT 1")).rejects.toMatchObject({ code: "25P02" });
    const { command } = await client.query("COMMIT");
    expect(command).toBe("ROLLBACK");
    expect((await client.query("SELECT 1 AS one")).rows).toEqual([{ one: 1 }]);
  } finally {
    client.release();
  }
  expect(await everywhere(cluster, "SELECT count(*) FROM note WHERE body = 'before'")).toEqual([
    "0",
  ]);
});

/** With `rows` the driver takes a part of the rows at a time, and sends Sync only behind the last. */
function inParts(text: string, rows: number) {
  return { text, rows };
}

test.each([
  ["in the second one", "SELECT 1 / (2 - n) FROM generate_series(1, 3) AS n", 1, "22012"],
  ["in a late one", "SELECT 1 / (99999 - n) FROM generate_series(1, 100000) AS n", 9000, "22012"],
  ["before the first one", "SELECT * FROM nowhere", 1, "42P01"],
])("rows in parts: an error %s is told at once", async (_where, text, rows, code) => {
  const client = await pool.connect();
  try {
    await expect(client.query(inParts(text, rows))).rejects.toMatchObject({ code });
  } finally {
    // The driver never sends the Sync that would make the connection usable again.
    client.release(true);
  }
});

test("rows in parts: FETCH gives as many as are asked for, and then goes on", async () => {
  await transaction(async (client) => {
    await client.query("DECLARE c CURSOR FOR SELECT n FROM generate_series(1, 12) AS n");
    const { rows } = await client.query<{ n: number }>(inParts("FETCH 7 FROM c", 2));
    expect(rows.map(({ n }) => n)).toEqual([1, 2, 3, 4, 5, 6, 7]);
    expect((await client.query("FETCH 1 FROM c")).rows).toEqual([{ n: 8 }]);
  });
});

test("savepoints, one in the other: ROLLBACK TO takes back what came after it, and the failure", async () => {
  await transaction(async (client) => {
    await client.query("INSERT INTO note (body) VALUES ('outer')");
    await client.query("SAVEPOINT first");
    await client.query("INSERT INTO note (body) VALUES ('inner')");
    await client.query("SAVEPOINT second");
    await expect(client.query("SELECT * FROM nowhere")).rejects.toMatchObject({ code: "42P01" });
    await client.query("ROLLBACK TO SAVEPOINT second");
    await client.query("INSERT INTO note (body) VALUES ('inner, again')");
    await client.query("RELEASE SAVEPOINT second");
    await client.query("SAVEPOINT third");
    await client.query("INSERT INTO note (body) VALUES ('undone')");
    await client.query("ROLLBACK TO SAVEPOINT third");
  });
  const kept = await everywhere(cluster, "SELECT body FROM note ORDER BY id");
  expect(kept).toEqual(["outer", "inner", "inner, again"]);
});

test("a conflict: 40001, and the second attempt reads what the other one wrote", async () => {
  const { attempts } = await retried((attempt) =>
    transaction(async (client) => {
      const n = await numberOf(client, "conflict");
      if (attempt === 1) await interfere(cluster);
      await client.query("UPDATE counter SET n = $1 WHERE name = 'conflict'", [n + 1]);
    }),
  );
  expect(attempts).toBe(2);
  expect(await everywhere(cluster, "SELECT n FROM counter WHERE name = 'conflict'")).toEqual([11]);
});

test(`${RACERS} clients at all nodes count up one counter: no step is lost`, async () => {
  const race = Array.from({ length: RACERS }, async () => {
    for (let left = INCREMENTS_EACH; left > 0; left -= 1) {
      await retried(() =>
        transaction(async (client) => {
          const n = await numberOf(client, "race");
          await client.query("UPDATE counter SET n = $1 WHERE name = 'race'", [n + 1]);
        }),
      );
    }
  });
  await Promise.all(race);
  const [n] = await everywhere(cluster, "SELECT n FROM counter WHERE name = 'race'");
  expect(n).toBe(RACERS * INCREMENTS_EACH);
});

test("prepared statements: made in a transaction that is rolled back, they go on in the next", async () => {
  const client = await pool.connect();
  const insert = { name: "add-note", text: "INSERT INTO note (body) VALUES ($1) RETURNING body" };
  try {
    await client.query("BEGIN");
    await client.query({ ...insert, values: ["rolled back"] });
    await client.query("ROLLBACK");
    await client.query("BEGIN");
    const { rows } = await client.query({ ...insert, values: ["prepared"] });
    expect(rows).toEqual([{ body: "prepared" }]);
    await client.query("COMMIT");
  } finally {
    client.release();
  }
  const kept = await everywhere(
    cluster,
    "SELECT body FROM note WHERE body IN ('rolled back', 'prepared')",
  );
  expect(kept).toEqual(["prepared"]);
});

test("kill -9 of the node in the middle of a transaction: the pool goes on at another node", async () => {
  const killed: string[] = [];
  const { attempts } = await retried((attempt) =>
    transaction(async (client) => {
      await client.query("INSERT INTO note (body) VALUES ($1)", [`attempt ${attempt}`]);
      if (attempt === 1) {
        const node = cluster.nodes.find(({ ports }) => ports.sql === client.port);
        if (node === undefined) throw new Error("the connection is to no node");
        killed.push(node.name);
        await node.kill();
      }
      await client.query("INSERT INTO note (body) VALUES ('after the kill')");
    }),
  );
  expect(attempts).toBeGreaterThan(1);
  const notes = `SELECT body FROM note WHERE body LIKE 'attempt %' OR body = 'after the kill' ORDER BY id`;
  const expected = [`attempt ${attempts}`, "after the kill"];
  expect(await everywhere(cluster, notes)).toEqual(expected);
  await cluster.restart(...killed.map((name) => cluster.node(name)));
  expect(await everywhere(cluster, notes)).toEqual(expected);
});
