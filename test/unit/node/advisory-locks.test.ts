/** Advisory locks over a cluster: whoever has one keeps out everybody else, on every node. */
import { afterEach, describe, expect, it } from "vitest";
import { NodeClient } from "../../support/node-client.ts";
import { NodeCluster } from "../../support/node-cluster.ts";

const SESSION_TIMEOUT_MS = 3000;

let cluster: NodeCluster;

afterEach(() => cluster.close());

async function start(): Promise<void> {
  cluster = await NodeCluster.start({ sessionTimeoutMs: SESSION_TIMEOUT_MS });
}

const at = (name: string): Promise<NodeClient> => NodeClient.at(cluster, name);

async function clients(): Promise<readonly [NodeClient, NodeClient]> {
  await start();
  return [await at("n1"), await at("n2")];
}

const TRY = "SELECT pg_try_advisory_lock(7)";

describe("an advisory lock", () => {
  it("is the session's until it is unlocked as often as it was locked; then the next has it", async () => {
    const [one, other] = await clients();
    expect(await one.told("SELECT pg_advisory_lock(7)")).toBe("");
    expect(await one.told(TRY)).toBe(1n);
    expect(await other.told(TRY)).toBe(0n);
    const waiting = other.send("SELECT pg_advisory_lock(7)");
    expect(await one.told("SELECT pg_advisory_unlock(7)")).toBe(1n);
    await cluster.pass(500);
    expect(waiting.isDone).toBe(false);
    expect(await one.told("SELECT pg_advisory_unlock(7)")).toBe(1n);
    await cluster.complete(waiting.answer);
    expect(await one.told(TRY)).toBe(0n);
    expect(await one.warned("SELECT pg_advisory_unlock(7)")).toEqual([
      "you don't own a lock of type ExclusiveLock",
    ]);
  });

  it("of a transaction ends with it, however that ends; one of the session outlives a rollback", async () => {
    const [one, other] = await clients();
    for (const end of ["COMMIT", "ROLLBACK"]) {
      await one.told("BEGIN");
      await one.told("SELECT pg_advisory_xact_lock(7)");
      expect(await other.told(TRY)).toBe(0n);
      await one.told(end);
      expect(await other.told(TRY)).toBe(1n);
      await other.told("SELECT pg_advisory_unlock_all()");
    }
    await one.told("BEGIN");
    await one.told("SELECT pg_advisory_lock(7)");
    await expect(one.told("SELECT nothing")).rejects.toMatchObject({ sqlState: "42703" });
    await one.told("ROLLBACK");
    expect(await other.told(TRY)).toBe(0n);
    await one.told("SELECT pg_advisory_xact_lock(8)");
    expect(await other.told("SELECT pg_try_advisory_lock(8)")).toBe(1n);
  });

  it("taken first in a transaction shows what those before did, and nothing conflicts", async () => {
    const [one, other] = await clients();
    await one.told("CREATE TABLE t (n int); INSERT INTO t VALUES (0)");
    await one.told("BEGIN");
    await one.told("SELECT pg_advisory_xact_lock(7)");
    await one.told("UPDATE t SET n = n + 1");
    await other.told("BEGIN");
    const waiting = other.send("SELECT pg_advisory_xact_lock(7)");
    await one.told("ALTER TABLE t ADD COLUMN more int");
    await one.told("COMMIT");
    await cluster.complete(waiting.answer);
    expect(await other.told("SELECT n FROM t WHERE more IS NULL")).toBe(1n);
    await other.told("UPDATE t SET n = n + 1");
    await other.told("COMMIT");
    expect(await one.told("SELECT n FROM t")).toBe(2n);
  });

  it("several in one query: all are taken, and a query that is run with others holds its lock to the end", async () => {
    const [one, other] = await clients();
    await one.told("SELECT pg_advisory_lock(1), pg_advisory_lock_shared(2, 3), 'more'");
    expect(await other.told("SELECT pg_try_advisory_lock(1)")).toBe(0n);
    expect(await other.told("SELECT pg_try_advisory_lock_shared(2, 3)")).toBe(1n);
    expect(await other.told("SELECT pg_try_advisory_lock(2, 3)")).toBe(0n);
    expect(await other.told("SELECT pg_try_advisory_lock(8589934595)")).toBe(1n);
    expect(
      await one.told("SELECT pg_advisory_xact_lock(9); SELECT pg_try_advisory_xact_lock(9)"),
    ).toBe(1n);
    expect(await other.told("SELECT pg_try_advisory_lock(9)")).toBe(1n);
    expect(await one.told("SELECT pg_try_advisory_lock(NULL)")).toBe(null);
    await one.told("DISCARD ALL");
    expect(await other.told("SELECT pg_try_advisory_lock(1)")).toBe(1n);
  });

  it("is free at once when its client goes", async () => {
    const [one, other] = await clients();
    await one.told("SELECT pg_advisory_lock(7)");
    const waiting = other.send("SELECT pg_advisory_lock(7)");
    await cluster.pass(200);
    expect(waiting.isDone).toBe(false);
    one.close();
    await cluster.complete(waiting.answer, 1000);
  });

  it("that nobody took costs nothing at the end of a session", async () => {
    const [one] = await clients();
    await one.told("SELECT 1");
    const before = cluster.status("n1").appliedIndex;
    one.close();
    await cluster.pass(500);
    expect(cluster.status("n1").appliedIndex).toBe(before);
  });
});

describe("who waits for an advisory lock", () => {
  it("can cancel, or give up after lock_timeout; those behind move up", async () => {
    const [one, other] = await clients();
    const third = await at("n3");
    await one.told("SELECT pg_advisory_lock_shared(7)");
    const cancelled = other.send("SELECT pg_advisory_lock(7)");
    await cluster.pass(200);
    const behind = third.send("SELECT pg_advisory_lock_shared(7)");
    await cluster.pass(200);
    expect(behind.isDone).toBe(false);
    other.cancel();
    await expect(cluster.complete(cancelled.answer)).rejects.toMatchObject({ sqlState: "57014" });
    await cluster.complete(behind.answer);
    await other.told("SET lock_timeout = '300ms'");
    await expect(other.told("SELECT pg_advisory_lock(7)")).rejects.toMatchObject({
      sqlState: "55P03",
      message: "canceling statement due to lock timeout",
    });
    await one.told("SELECT pg_advisory_unlock_shared(7)");
    await third.told("SELECT pg_advisory_unlock_shared(7)");
    expect(await one.told(TRY)).toBe(1n);
  });

  it("as Kysely's migrator asks: its lock_timeout counts for the wait, and not after it", async () => {
    const [one, other] = await clients();
    const kyselys =
      "with lto as (select set_config('lock_timeout', '300', true)) select pg_advisory_lock(7) from lto";
    await one.told(kyselys);
    await expect(other.told(kyselys)).rejects.toMatchObject({ sqlState: "55P03" });
    expect(await other.told("SHOW lock_timeout")).toBe("0");
    await other.told("BEGIN");
    await expect(other.told(kyselys.replace("_lock(7", "_xact_lock(7"))).rejects.toMatchObject({
      sqlState: "55P03",
    });
    await other.told("ROLLBACK");
    await one.told("SELECT pg_advisory_unlock(7)");
    await other.told(kyselys);
  });

  it("in a circle: the one who would close it is told 40P01", async () => {
    const [one, other] = await clients();
    await one.told("SELECT pg_advisory_lock(1)");
    await other.told("SELECT pg_advisory_lock(2)");
    const waiting = one.send("SELECT pg_advisory_lock(2)");
    await cluster.pass(200);
    await expect(other.told("SELECT pg_advisory_lock(1)")).rejects.toMatchObject({
      sqlState: "40P01",
      message: "deadlock detected",
    });
    await other.told("SELECT pg_advisory_unlock(2)");
    await cluster.complete(waiting.answer);
  });
});

describe("a block that has failed", () => {
  it("lets go of its locks at once, unless a savepoint can bring it back", async () => {
    const [one, other] = await clients();
    await one.told("BEGIN; SELECT pg_advisory_xact_lock(7)");
    await expect(one.told("SELECT 1 / 0")).rejects.toMatchObject({ sqlState: "22012" });
    expect(await other.told("SELECT pg_try_advisory_xact_lock(7)")).toBe(1n);
    await one.told("ROLLBACK");
    await one.told("BEGIN; SELECT pg_advisory_xact_lock(7); SAVEPOINT s");
    await expect(one.told("SELECT 1 / 0")).rejects.toMatchObject({ sqlState: "22012" });
    expect(await other.told(TRY)).toBe(0n);
    await one.told("ROLLBACK TO s");
    await one.told("COMMIT");
    expect(await other.told(TRY)).toBe(1n);
  });
});

describe("the node of a client that has an advisory lock", () => {
  it("dies: the lock is free after the session timeout, or when the node is back", async () => {
    for (const comesBack of [false, true]) {
      await start();
      const { name } = cluster.follower;
      const other = cluster.nodes.find((node) => node.name !== name)?.name ?? "";
      await (await at(name)).told("SELECT pg_advisory_lock(7)");
      const next = await at(other);
      const waiting = next.send("SELECT pg_advisory_lock(7)");
      await cluster.pass(200);
      await cluster.crash(name);
      await cluster.pass(SESSION_TIMEOUT_MS / 3);
      expect(waiting.isDone).toBe(false);
      if (comesBack) await cluster.restart(name);
      else await cluster.pass(SESSION_TIMEOUT_MS);
      await cluster.complete(waiting.answer, 1000);
      if (!comesBack) await cluster.close();
    }
  });

  it("is cut off: another has the lock by the log, and the client is told when the node is back", async () => {
    await start();
    const { name } = cluster.follower;
    const other = cluster.nodes.find((node) => node.name !== name)?.name ?? "";
    const one = await at(name);
    await one.told("SELECT pg_advisory_lock(7)");
    cluster.isolate(name);
    const next = await at(other);
    await cluster.complete(next.send("SELECT pg_advisory_lock(7)").answer, 2 * SESSION_TIMEOUT_MS);
    cluster.mend();
    await cluster.ready();
    await cluster.pass(1000);
    expect(one.terminated).toMatchObject([{ sqlState: "57P01" }]);
    const later = await at(name);
    expect(await later.told(TRY)).toBe(0n);
    await next.told("SELECT pg_advisory_unlock(7)");
    expect(await later.told(TRY)).toBe(1n);
  });

  it.each([
    ["a write", [], "UPDATE t SET v = 'late'"],
    ["a COMMIT", ["BEGIN", "UPDATE t SET v = 'late'"], "COMMIT"],
    ["a COMMIT behind a read", ["BEGIN", "SELECT v FROM t", "UPDATE t SET v = 'late'"], "COMMIT"],
    ["a query that unlocks", [], "UPDATE t SET v = 'late'; SELECT pg_advisory_unlock(7)"],
  ])(
    "is cut off: %s that was sent meanwhile does not run beside the next holder",
    async (_what, before, late) => {
      await start();
      const { name } = cluster.follower;
      const other = cluster.nodes.find((node) => node.name !== name)?.name ?? "";
      const one = await at(name);
      const free = await at(name);
      await one.told("CREATE TABLE t (v text); INSERT INTO t VALUES ('first')");
      await free.told("CREATE TABLE u (v text)");
      await one.told("SELECT pg_advisory_lock(7)");
      for (const text of before) await one.told(text);
      cluster.isolate(name);
      const next = await at(other);
      await cluster.complete(
        next.send("SELECT pg_advisory_lock(7)").answer,
        2 * SESSION_TIMEOUT_MS,
      );
      const lateAnswer = one.send(late).answer.catch((error: unknown) => error);
      const freeAnswer = free.send("INSERT INTO u VALUES ('no lock')").answer;
      cluster.mend();
      expect(await cluster.complete(lateAnswer)).toMatchObject({ sqlState: "57P01" });
      await cluster.complete(freeAnswer);
      const again = one.send("UPDATE t SET v = 'later'").answer.catch((error: unknown) => error);
      expect(await cluster.complete(again)).toMatchObject({ sqlState: "57P01" });
      expect(await next.told("SELECT v FROM t")).toBe("first");
      expect(await next.told("SELECT v FROM u")).toBe("no lock");
      expect(one.terminated).toMatchObject([{ sqlState: "57P01" }]);
      // Without a lock there is nothing to be bound to.
      await next.told("SELECT pg_advisory_unlock(7)");
      await next.told("UPDATE t SET v = 'next'");
    },
  );
});
