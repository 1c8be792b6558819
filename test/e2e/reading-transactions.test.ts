/**
 * Goal: a transaction that has only read sees one moment, wherever its queries run: short ones in the
 * node's main thread, others on a reader's. Method: one connection reads, others change rows between its
 * statements, on a three-node cluster.
 */
import type pg from "pg";
import { beforeEach, describe, expect, test } from "vitest";
import { deferred } from "../../src/base/deferred.ts";
import { testCluster } from "../support/cluster/cluster.ts";
import { withClient } from "../support/cluster/writers.ts";

const cluster = testCluster();
const ONE = "SELECT v FROM t WHERE id = 1";
const TWO = "SELECT v FROM t WHERE id = 2";
const SUM = "SELECT sum(v) FROM t";

beforeEach(async () => {
  await change(
    "DROP TABLE IF EXISTS t; CREATE TABLE t (id int PRIMARY KEY, v int); INSERT INTO t VALUES (1, 10), (2, 20)",
  );
});

/** What others do, at another node; every node has applied it by the end. */
async function change(sql: string): Promise<void> {
  for (const [name, query] of [
    ["n2", sql],
    ["n1", ONE],
    ["n3", ONE],
  ] as const) {
    await withClient(cluster.node(name), (client) => client.query(query));
  }
}

async function asked(client: pg.Client, sql: string): Promise<unknown> {
  const { rows } = await client.query<unknown[]>({ text: sql, rowMode: "array" });
  return rows[0]?.[0];
}

/** Makes the node expect that transactions which begin with ONE ask short queries only. */
async function teach(client: pg.Client): Promise<void> {
  for (let run = 0; run < 20; run += 1) await client.query(`BEGIN; ${ONE}; COMMIT`);
}

/** The rows as they were at first, and the node taught. */
async function again(client: pg.Client): Promise<void> {
  await change("UPDATE t SET v = id * 10");
  await teach(client);
}

/**
 * A node that is slow to begin in its main thread begins on a reader for a while, where nothing has to
 * move: `attempt` checks what it sees in either case, and answers whether it has moved.
 */
async function untilItMoves(attempt: () => Promise<boolean>): Promise<void> {
  for (let left = 50; left > 0; left -= 1) if (await attempt()) return;
  throw new Error("no transaction began in the main thread");
}

async function outcomeOf(client: pg.Client, sql: string): Promise<unknown> {
  return asked(client, sql).catch((error: { code?: string }) => error.code);
}

describe.each(["n1", "n3"])("a transaction at %s that has only read", (name) => {
  test("sees one moment in short queries, whatever the others change", async () => {
    await withClient(cluster.node(name), async (client) => {
      await teach(client);
      await client.query("BEGIN");
      expect(await asked(client, ONE)).toBe(10);
      await change("UPDATE t SET v = v + 1");
      expect(await asked(client, TWO)).toBe(20);
      expect(await asked(client, ONE)).toBe(10);
      await client.query("COMMIT");
      expect(await asked(client, TWO)).toBe(21);
    });
  });

  test("never gets 40001 where nobody has learned that it asks short queries only", async () => {
    await withClient(cluster.node(name), async (client) => {
      const other = "SELECT v + 0 FROM t WHERE id = 1";
      for (let run = 0; run < 3; run += 1) {
        await client.query("BEGIN");
        expect(await asked(client, other)).toBe(10 + run);
        await change("UPDATE t SET v = v + 1");
        expect(await asked(client, SUM)).toBe(`${30 + 2 * run}`);
        await client.query("COMMIT");
      }
    });
  });

  test("goes on with a long query if what it has read is still so, and gets 40001 if not", async () => {
    await withClient(cluster.node(name), async (client) => {
      await untilItMoves(async () => {
        await again(client);
        await client.query("BEGIN");
        expect(await asked(client, ONE)).toBe(10);
        await change("UPDATE t SET v = 25 WHERE id = 2");
        const sum = await asked(client, SUM);
        await change("UPDATE t SET v = 0 WHERE id = 2");
        expect([sum, await asked(client, TWO)]).toEqual(sum === "35" ? ["35", 25] : ["30", 20]);
        await client.query("COMMIT");
        return sum === "35";
      });
      await untilItMoves(async () => {
        await again(client);
        await client.query("BEGIN");
        expect(await asked(client, ONE)).toBe(10);
        await change("UPDATE t SET v = 11 WHERE id = 1");
        const outcome = await outcomeOf(client, SUM);
        expect(["40001", "30"]).toContain(outcome);
        await client.query("ROLLBACK");
        return outcome === "40001";
      });
    });
  });

  test("goes on with a long query when it is tried again, however often the others change it", async () => {
    await withClient(cluster.node(name), async (client) => {
      await untilItMoves(async () => {
        await again(client);
        const outcomes: unknown[] = [];
        for (const seen of [10, 11]) {
          await client.query("BEGIN");
          expect(await asked(client, ONE)).toBe(seen);
          await change("UPDATE t SET v = v + 1 WHERE id = 1");
          outcomes.push(await outcomeOf(client, SUM));
          await client.query("COMMIT");
        }
        expect(outcomes[1]).toBe("31");
        expect(["40001", "30"]).toContain(outcomes[0]);
        return outcomes[0] === "40001";
      });
    });
  });

  test("never gets 40001 if it said that it only reads", async () => {
    await withClient(cluster.node(name), async (client) => {
      await client.query("BEGIN READ ONLY");
      expect(await asked(client, ONE)).toBe(10);
      await change("UPDATE t SET v = v + 1");
      expect(await asked(client, SUM)).toBe("30");
      await client.query("COMMIT");
    });
  });

  test("is held to what it read when it changes something", async () => {
    await withClient(cluster.node(name), async (client) => {
      await client.query("BEGIN");
      expect(await asked(client, ONE)).toBe(10);
      await change("UPDATE t SET v = 21 WHERE id = 2");
      await client.query("UPDATE t SET v = 11 WHERE id = 1");
      await client.query("COMMIT");
      await client.query("BEGIN");
      expect(await asked(client, ONE)).toBe(11);
      await change("UPDATE t SET v = 12 WHERE id = 1");
      expect(await outcomeOf(client, "UPDATE t SET v = 13 WHERE id = 1")).toBe("40001");
      await client.query("ROLLBACK");
      expect(await asked(client, ONE)).toBe(12);
    });
  });

  test("sees one moment beside more others than there are views in the main thread", async () => {
    const changed = deferred<undefined>();
    const begun = Array.from({ length: 40 }, () => deferred<undefined>());
    await withClient(cluster.node(name), teach);
    const clients = begun.map(({ resolve }) =>
      withClient(cluster.node(name), async (client) => {
        await client.query("BEGIN");
        expect(await asked(client, ONE)).toBe(10);
        resolve(undefined);
        await changed.promise;
        expect(await asked(client, TWO)).toBe(20);
        await client.query("COMMIT");
      }),
    );
    await Promise.all(begun.map(({ promise }) => promise));
    await change("UPDATE t SET v = v + 1");
    changed.resolve(undefined);
    await Promise.all(clients);
  });
});
