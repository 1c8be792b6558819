/** Transactions of Drizzle over node-postgres: db.transaction, nested ones as savepoints, its migrator. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { eq, sql } from "drizzle-orm";
import { drizzle, type NodePgDatabase } from "drizzle-orm/node-postgres";
import { migrate } from "drizzle-orm/node-postgres/migrator";
import { integer, pgTable, serial, text } from "drizzle-orm/pg-core";
import type pg from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import { testCluster } from "../support/cluster/cluster.ts";
import type { ClusterNode } from "../support/cluster/cluster-node.ts";
import { everywhere, INCREMENTS_EACH, interfere, layLedger, RACERS } from "./ledger.ts";
import { poolOver } from "./pool-over-nodes.ts";
import { codeOf, retried } from "./retry.ts";

const counter = pgTable("counter", { name: text().primaryKey(), n: integer().notNull() });
const account = pgTable("account", { name: text().primaryKey(), balance: integer().notNull() });
const note = pgTable("note", { id: serial().primaryKey(), body: text().notNull() });

/** What a database and a transaction of Drizzle have in common. */
type Queries = Pick<NodePgDatabase, "select" | "insert" | "update" | "execute">;

const cluster = testCluster();
const pools: pg.Pool[] = [];
let db: NodePgDatabase;

function drizzleOver(nodes: readonly ClusterNode[], max: number): NodePgDatabase {
  const pool = poolOver(nodes, max);
  pools.push(pool);
  return drizzle({ client: pool });
}

beforeAll(async () => {
  await layLedger(cluster);
  db = drizzleOver(cluster.nodes, RACERS);
});

afterAll(() => Promise.all(pools.map((pool) => pool.end())));

async function numberOf(queries: Queries, name: string): Promise<number> {
  const [row] = await queries.select({ n: counter.n }).from(counter).where(eq(counter.name, name));
  return row?.n ?? 0;
}

async function setNumber(queries: Queries, name: string, n: number): Promise<void> {
  await queries.update(counter).set({ n }).where(eq(counter.name, name));
}

async function addNote(queries: Queries, body: string): Promise<void> {
  await queries.insert(note).values({ body });
}

/** The SQLSTATE with which it rejects; Drizzle wraps what the driver threw. */
async function codeOfRejection(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => "resolved",
    (error: unknown) => codeOf(error),
  );
}

test("db.transaction: all nodes have both sides of a transfer, its id is told", async () => {
  const added = await db.transaction(
    async (transaction) => {
      const move = (name: string, amount: number) =>
        transaction
          .update(account)
          .set({ balance: sql`${account.balance} + ${amount}` })
          .where(eq(account.name, name));
      await move("ada", -30);
      await move("bob", 30);
      return transaction.insert(note).values({ body: "moved 30" }).returning({ id: note.id });
    },
    { isolationLevel: "serializable", accessMode: "read write" },
  );
  const balances = await everywhere(cluster, "SELECT balance FROM account ORDER BY name");
  expect(balances).toEqual([70, 30]);
  const told = await everywhere(cluster, `SELECT body FROM note WHERE id = ${added[0]?.id}`);
  expect(told).toEqual(["moved 30"]);
});

test("transaction.rollback(): nothing of the transaction stays", async () => {
  const failing = db.transaction(async (transaction) => {
    await addNote(transaction, "undone");
    transaction.rollback();
  });
  await expect(failing).rejects.toThrow("Rollback");
  expect(await everywhere(cluster, "SELECT count(*) FROM note WHERE body = 'undone'")).toEqual([
    "0",
  ]);
});

test("a statement fails: 25P02 until the end", async () => {
  const codes: string[] = [];
  const failing = db.transaction(async (transaction) => {
    await addNote(transaction, "before");
    const overdrawn = transaction.update(account).set({ balance: -1 });
    codes.push(await codeOfRejection(overdrawn.execute()));
    await addNote(transaction, "after");
  });
  expect(await codeOfRejection(failing)).toBe("25P02");
  expect(codes).toEqual(["23514"]);
  const kept = "SELECT count(*) FROM note WHERE body IN ('before', 'after')";
  expect(await everywhere(cluster, kept)).toEqual(["0"]);
});

test("nested transactions are savepoints: what fails inside is taken back, the rest commits", async () => {
  await db.transaction(async (transaction) => {
    await addNote(transaction, "outer");
    await transaction.transaction(async (inner) => {
      await addNote(inner, "inner");
      const failing = inner.transaction(async (innermost) => {
        await addNote(innermost, "undone");
        await innermost.execute(sql`SELECT * FROM nowhere`);
      });
      expect(await codeOfRejection(failing)).toBe("42P01");
      await addNote(inner, "inner, again");
    });
  });
  const kept = await everywhere(
    cluster,
    "SELECT body FROM note WHERE body LIKE '%er%' ORDER BY id",
  );
  expect(kept).toEqual(["outer", "inner", "inner, again"]);
});

test("a read-only transaction: 25006 for a write", async () => {
  const failing = db.transaction((transaction) => addNote(transaction, "never"), {
    accessMode: "read only",
  });
  expect(await codeOfRejection(failing)).toBe("25006");
});

test("a conflict: 40001, and the second attempt reads what the other one wrote", async () => {
  const { attempts } = await retried((attempt) =>
    db.transaction(async (transaction) => {
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
        db.transaction(async (transaction) => {
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

test("a prepared query runs in a transaction that is rolled back, and in the next", async () => {
  const insertIn = (queries: Queries) =>
    queries
      .insert(note)
      .values({ body: sql.placeholder("body") })
      .returning({ body: note.body });
  const rolledBack = db.transaction(async (transaction) => {
    await insertIn(transaction).prepare("add_note").execute({ body: "rolled back" });
    transaction.rollback();
  });
  await expect(rolledBack).rejects.toThrow("Rollback");
  const kept = await db.transaction((transaction) =>
    insertIn(transaction).prepare("add_note").execute({ body: "prepared" }),
  );
  expect(kept).toEqual([{ body: "prepared" }]);
  const notes = "SELECT body FROM note WHERE body IN ('rolled back', 'prepared')";
  expect(await everywhere(cluster, notes)).toEqual(["prepared"]);
});

test("the migrator: schema and rows of a migration come together, a second run changes nothing", async () => {
  const folder = join(cluster.directory, "drizzle");
  mkdirSync(join(folder, "meta"), { recursive: true });
  const entries = ["0000_pets", "0001_ages"].map((tag, idx) => ({
    idx,
    version: "7",
    when: 1_700_000_000_000 + idx,
    tag,
    breakpoints: true,
  }));
  writeFileSync(
    join(folder, "0000_pets.sql"),
    `CREATE TABLE "pet" ("id" serial PRIMARY KEY NOT NULL, "name" varchar(60) NOT NULL, CONSTRAINT "pet_name_unique" UNIQUE("name"));
--> statement-breakpoint
INSERT INTO "pet" ("name") VALUES ('rex');`,
  );
  writeFileSync(join(folder, "0001_ages.sql"), `ALTER TABLE "pet" ADD COLUMN "age" integer;`);
  const journal = { version: "7", dialect: "postgresql", entries };
  writeFileSync(join(folder, "meta", "_journal.json"), JSON.stringify(journal));
  // Its own default is a schema "drizzle"; here all tables are in "public".
  const configuration = { migrationsFolder: folder, migrationsSchema: "public" };
  await migrate(db, configuration);
  await migrate(drizzleOver([cluster.node("n3")], 1), configuration);
  expect(await everywhere(cluster, "SELECT name FROM pet WHERE age IS NULL")).toEqual(["rex"]);
  const ran = "SELECT count(*) FROM __drizzle_migrations";
  expect(await everywhere(cluster, ran)).toEqual(["2"]);
});

test("kill -9 of the node in the middle of a transaction: the pool goes on at another node", async () => {
  const own = drizzleOver([cluster.node("n3"), cluster.node("n1")], 1);
  const { attempts } = await retried((attempt) =>
    own.transaction(async (transaction) => {
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
