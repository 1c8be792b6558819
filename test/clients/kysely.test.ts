/** Transactions of Kysely over node-postgres, and controlled ones with savepoints. */
import { type Generated, Kysely, PostgresDialect, sql, type Transaction } from "kysely";
import { afterAll, beforeAll, expect, test } from "vitest";
import { testCluster } from "../support/cluster/cluster.ts";
import type { ClusterNode } from "../support/cluster/cluster-node.ts";
import { everywhere, INCREMENTS_EACH, interfere, layLedger, RACERS } from "./ledger.ts";
import { poolOver } from "./pool-over-nodes.ts";
import { retried } from "./retry.ts";

interface Tables {
  readonly counter: { readonly name: string; readonly n: number };
  readonly account: { readonly name: string; readonly balance: number };
  readonly note: { readonly id: Generated<number>; readonly body: string };
}

const cluster = testCluster();
const opened: Kysely<Tables>[] = [];
let db: Kysely<Tables>;

function kyselyOver(nodes: readonly ClusterNode[], max: number): Kysely<Tables> {
  const made = new Kysely<Tables>({ dialect: new PostgresDialect({ pool: poolOver(nodes, max) }) });
  opened.push(made);
  return made;
}

beforeAll(async () => {
  await layLedger(cluster);
  db = kyselyOver(cluster.nodes, RACERS);
});

afterAll(() => Promise.all(opened.map((made) => made.destroy())));

async function numberOf(transaction: Transaction<Tables>, name: string): Promise<number> {
  const row = await transaction
    .selectFrom("counter")
    .select("n")
    .where("name", "=", name)
    .executeTakeFirstOrThrow();
  return row.n;
}

async function setNumber(transaction: Transaction<Tables>, name: string, n: number): Promise<void> {
  await transaction.updateTable("counter").set({ n }).where("name", "=", name).execute();
}

function addNote(to: Kysely<Tables>, body: string): Promise<unknown> {
  return to.insertInto("note").values({ body }).execute();
}

test("transaction().execute: all nodes have both sides of a transfer, its id is told", async () => {
  const move = (transaction: Transaction<Tables>, name: string, amount: number) =>
    transaction
      .updateTable("account")
      .set((set) => ({ balance: set("balance", "+", amount) }))
      .where("name", "=", name)
      .execute();
  const { id } = await db
    .transaction()
    .setIsolationLevel("serializable")
    .execute(async (transaction) => {
      await move(transaction, "ada", -30);
      await move(transaction, "bob", 30);
      const note = transaction.insertInto("note").values({ body: "moved 30" });
      return note.returning("id").executeTakeFirstOrThrow();
    });
  const balances = await everywhere(cluster, "SELECT balance FROM account ORDER BY name");
  expect(balances).toEqual([70, 30]);
  expect(await everywhere(cluster, `SELECT body FROM note WHERE id = ${id}`)).toEqual(["moved 30"]);
});

test("an exception in the application: nothing of the transaction stays", async () => {
  const failing = db.transaction().execute(async (transaction) => {
    await addNote(transaction, "undone");
    throw new Error("the application's own");
  });
  await expect(failing).rejects.toThrow("the application's own");
  expect(await everywhere(cluster, "SELECT count(*) FROM note WHERE body = 'undone'")).toEqual([
    "0",
  ]);
});

test("a statement fails: 25P02 until the end", async () => {
  const failing = db.transaction().execute(async (transaction) => {
    await addNote(transaction, "before");
    const overdrawn = transaction.updateTable("account").set({ balance: -1 }).execute();
    await expect(overdrawn).rejects.toMatchObject({ code: "23514" });
    await addNote(transaction, "after");
  });
  await expect(failing).rejects.toMatchObject({ code: "25P02" });
  const kept = "SELECT count(*) FROM note WHERE body IN ('before', 'after')";
  expect(await everywhere(cluster, kept)).toEqual(["0"]);
});

test("a controlled transaction: savepoints, one in the other", async () => {
  const transaction = await db.startTransaction().execute();
  await addNote(transaction, "outer");
  const first = await transaction.savepoint("first").execute();
  await addNote(first, "inner");
  const second = await first.savepoint("second").execute();
  await expect(sql`SELECT * FROM nowhere`.execute(second)).rejects.toMatchObject({ code: "42P01" });
  const back = await second.rollbackToSavepoint("second").execute();
  await addNote(back, "inner, again");
  const released = await back.releaseSavepoint("first").execute();
  await released.commit().execute();
  const kept = await everywhere(
    cluster,
    "SELECT body FROM note WHERE body LIKE '%er%' ORDER BY id",
  );
  expect(kept).toEqual(["outer", "inner", "inner, again"]);
});

test("a read-only transaction: 25006 for a write", async () => {
  const failing = db
    .transaction()
    .setAccessMode("read only")
    .execute((transaction) => addNote(transaction, "never"));
  await expect(failing).rejects.toMatchObject({ code: "25006" });
});

test("a conflict: 40001, and the second attempt reads what the other one wrote", async () => {
  const { attempts } = await retried((attempt) =>
    db.transaction().execute(async (transaction) => {
      const n = await numberOf(transaction, "conflict");
      if (attempt === 1) await interfere(cluster);
      await setNumber(transaction, "conflict", n + 1);
    }),
  );
  expect(attempts).toBe(2);
  expect(await everywhere(cluster, "SELECT n FROM counter WHERE name = 'conflict'")).toEqual([11]);
});

test(`${RACERS} clients at all nodes count up one counter: no step is lost`, async () => {
  const race = Array.from({ length: RACERS }, async () => {
    for (let left = INCREMENTS_EACH; left > 0; left -= 1) {
      await retried(() =>
        db.transaction().execute(async (transaction) => {
          const n = await numberOf(transaction, "race");
          await setNumber(transaction, "race", n + 1);
        }),
      );
    }
  });
  await Promise.all(race);
  const [n] = await everywhere(cluster, "SELECT n FROM counter WHERE name = 'race'");
  expect(n).toBe(RACERS * INCREMENTS_EACH);
});

test("kill -9 of the node in the middle of a transaction: the pool goes on at another node", async () => {
  const own = kyselyOver([cluster.node("n3"), cluster.node("n1")], 1);
  const { attempts } = await retried((attempt) =>
    own.transaction().execute(async (transaction) => {
      await addNote(transaction, `attempt ${attempt}`);
      if (attempt === 1) await cluster.node("n3").kill();
      await addNote(transaction, "after the kill");
    }),
  );
  expect(attempts).toBeGreaterThan(1);
  const notes = `SELECT body FROM note WHERE body LIKE 'attempt %' OR body = 'after the kill' ORDER BY id`;
  const expected = [`attempt ${attempts}`, "after the kill"];
  expect(await everywhere(cluster, notes)).toEqual(expected);
  await cluster.restart(cluster.node("n3"));
  expect(await everywhere(cluster, notes)).toEqual(expected);
});
