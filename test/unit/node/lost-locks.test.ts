/** Advisory locks that ended, and what their holders had sent or send after that. */
import { afterEach, describe, expect, it } from "vitest";
import { NodeClient } from "../../support/node-client.ts";
import { NodeCluster } from "../../support/node-cluster.ts";
import { failureOf } from "../../support/session-answers.ts";

const SESSION_TIMEOUT_MS = 3000;
const TRY = "SELECT pg_try_advisory_lock(7)";
const LOCK = "SELECT pg_advisory_lock(7)";
const DATABASES = "SELECT string_agg(datname, ' ' ORDER BY datname) FROM pg_database";

let cluster: NodeCluster;

afterEach(() => cluster.close());

/** A follower, the leader and the third node. */
async function start(sessionTimeoutMs = SESSION_TIMEOUT_MS, snapshotEntries = 1000) {
  const options = { sessionTimeoutMs, writeTimeoutMs: 6000, snapshotEntries };
  cluster = await NodeCluster.start({ ...options, segmentBytes: 4096 });
  const { name } = cluster.follower;
  const leader = cluster.leader?.name ?? "";
  const third = cluster.nodes.find((node) => ![name, leader].includes(node.name))?.name ?? "";
  return { name, leader, third };
}

const at = (name: string): Promise<NodeClient> => NodeClient.at(cluster, name);

/** One node's client has the lock; then it is cut off, and the other's client gets the lock. */
async function taken(...before: readonly string[]) {
  const { name, third } = await start();
  const [one, next] = [await at(name), await at(third)];
  for (const text of before) await one.told(text);
  await one.told(LOCK);
  cluster.isolate(name);
  await cluster.complete(next.send(LOCK).answer, 2 * SESSION_TIMEOUT_MS);
  return { name, one, next };
}

describe("a client whose locks went with its gateway's session", () => {
  it.each([
    ["CREATE DATABASE late", [], DATABASES, "synod"],
    ["DROP DATABASE old", ["CREATE DATABASE old"], DATABASES, "old synod"],
    ["SELECT setval('q', 100)", ["CREATE SEQUENCE q"], "SELECT nextval('q')", 1n],
  ])("%s does not run", async (late, before, look, found) => {
    const { one, next } = await taken(...before);
    const sent = one.outcome(late);
    cluster.mend();
    expect(await cluster.complete(sent)).toMatchObject({ sqlState: "57P01" });
    expect(await cluster.complete(one.outcome(late))).toMatchObject({ sqlState: "57P01" });
    expect(await next.told(look)).toBe(found);
  });

  it("COPY FROM does not run", async () => {
    const { one, next } = await taken("CREATE TABLE t (v text)");
    const sent = failureOf(one.copy("COPY t FROM STDIN", "late\n"));
    cluster.mend();
    expect(await cluster.complete(sent)).toMatchObject({ sqlState: "57P01" });
    expect(await next.told("SELECT count(*) FROM t")).toBe(0n);
  });

  it.each([
    "SELECT pg_advisory_lock(8)",
    "SELECT pg_try_advisory_lock(8)",
    "SELECT pg_try_advisory_lock(7)",
    "SELECT pg_advisory_unlock(7)",
    "SELECT pg_advisory_xact_lock(8)",
  ])("gets no lock beside those it lost, and lets go of nobody's: %s", async (late) => {
    const { name, one, next } = await taken();
    const sent = one.outcome(`SET synod.read_consistency = stale; ${late}`);
    cluster.mend();
    expect(await cluster.complete(sent)).toMatchObject({ sqlState: "57P01" });
    expect(await cluster.complete(one.outcome(late))).toMatchObject({ sqlState: "57P01" });
    expect(one.terminated).toMatchObject([{ sqlState: "57P01" }]);
    const later = await at(name);
    expect(await later.told(TRY)).toBe(0n);
    expect(await later.told("SELECT pg_try_advisory_lock(8)")).toBe(1n);
    expect(await next.told("SELECT pg_advisory_unlock(7)")).toBe(1n);
  });

  it("may let go of all it had, which is nothing any more", async () => {
    const { name, one } = await taken();
    const sent = one.outcome("SELECT pg_advisory_unlock_all()");
    cluster.mend();
    expect(await cluster.complete(sent)).toEqual([[""]]);
    expect(one.terminated).toMatchObject([{ sqlState: "57P01" }]);
    expect(await (await at(name)).told(TRY)).toBe(0n);
  });

  it("does not wait for another one behind the end of its transaction, of which it would never hear", async () => {
    const { name, third } = await start();
    const [one, next] = [await at(name), await at(third)];
    await one.told("BEGIN; SELECT pg_advisory_xact_lock(7)");
    await next.told("SELECT pg_advisory_lock(8)");
    cluster.isolate(name);
    const ended = one.outcome("COMMIT");
    await cluster.pass(10);
    one.cancel();
    expect(await cluster.complete(ended)).toMatchObject({ sqlState: "57014" });
    const sent = one.outcome("BEGIN; SELECT pg_advisory_lock(8)");
    await cluster.complete(next.send(LOCK).answer, 2 * SESSION_TIMEOUT_MS);
    cluster.mend();
    expect(await cluster.complete(sent)).toMatchObject({ sqlState: "57P01" });
    expect(one.terminated).toMatchObject([{ sqlState: "57P01" }]);
  });

  it("whose lock was answered together with its end writes nothing under it", async () => {
    const { name, leader, third } = await start();
    const [one, next] = [await at(name), await at(third)];
    await one.told("CREATE TABLE t (v text); INSERT INTO t VALUES ('first')");
    await one.told("BEGIN");
    cluster.cut(leader, name);
    cluster.cut(third, name);
    const asked = one.outcome(TRY);
    await cluster.pass(20);
    cluster.isolate(name);
    expect(await next.told(TRY)).toBe(0n);
    await cluster.complete(next.send(LOCK).answer, 2 * SESSION_TIMEOUT_MS);
    cluster.mend();
    await cluster.complete(asked);
    await cluster.complete(one.outcome("UPDATE t SET v = 'late'"));
    expect(await cluster.complete(one.outcome("COMMIT"))).toMatchObject({ sqlState: "57P01" });
    expect(await next.told("SELECT v FROM t")).toBe("first");
    expect(one.terminated).toMatchObject([{ sqlState: "57P01" }]);
  });
});

describe("a client that had no lock when its gateway's session was closed", () => {
  it("gets the one that it asked for meanwhile, or waits for it, and keeps its connection", async () => {
    const { name, next } = await taken("CREATE TABLE t (v text)");
    const [free, waits] = [await at(name), await at(name)];
    await free.told("BEGIN");
    await waits.told("BEGIN");
    const granted = free.send("SELECT pg_advisory_lock(8)");
    const waiting = waits.send(LOCK);
    await cluster.pass(100);
    cluster.mend();
    await cluster.complete(granted.answer);
    await cluster.pass(1000);
    expect(waiting.isDone).toBe(false);
    expect(await next.told("SELECT pg_try_advisory_lock(8)")).toBe(0n);
    await next.told("SELECT pg_advisory_unlock(7)");
    await cluster.complete(waiting.answer);
    await waits.told("INSERT INTO t VALUES ('held')");
    await waits.told("COMMIT");
    expect([...free.terminated, ...waits.terminated]).toEqual([]);
  });
});

describe("a client of a process that was killed", () => {
  it("is not taken for one of the next process, which has its number", async () => {
    const { name, leader, third } = await start(60_000);
    const [holder, behind] = [await at(leader), await at(third)];
    await holder.told(LOCK);
    (await at(name)).send(LOCK).answer.catch(() => undefined);
    await cluster.pass(200);
    const last = behind.send(LOCK);
    await cluster.pass(200);
    await cluster.crash(name);
    cluster.isolate(name);
    await cluster.restart(name);
    const next = await at(name);
    await next.told("BEGIN");
    const asked = next.send(LOCK);
    await cluster.pass(100);
    // It hears what the others choose, and they do not hear yet that it is another process.
    cluster.mend();
    cluster.cut(name, leader);
    cluster.cut(name, third);
    await holder.told("SELECT pg_advisory_unlock(7)");
    await cluster.pass(500);
    expect(last.isDone).toBe(false);
    cluster.mend();
    await cluster.complete(last.answer);
    await cluster.pass(2000);
    expect(asked.isDone).toBe(false);
    await behind.told("SELECT pg_advisory_unlock(7)");
    await cluster.complete(asked.answer);
  });
});

describe("what a holder has sent when it lets go of its lock", () => {
  it.each([
    ["cancelled, then unlocked", [], "UPDATE t SET v = 'late'", "SELECT pg_advisory_unlock(7)"],
    ["cancelled, then all unlocked", [], "UPDATE t SET v = 'late'", "DISCARD ALL"],
    ["cancelled, then gone", [], "UPDATE t SET v = 'late'", null],
    [
      "a COMMIT that is cancelled, then unlocked",
      ["BEGIN", "UPDATE t SET v = 'late'"],
      "COMMIT",
      "SELECT pg_advisory_unlock(7)",
    ],
  ])("comes before the next holder: %s", async (_what, before, late, then) => {
    const { name, leader, third } = await start();
    const [one, next] = [await at(name), await at(third)];
    await one.told("CREATE TABLE t (v text); INSERT INTO t VALUES ('first')");
    await one.told(LOCK);
    for (const text of before) await one.told(text);
    const waiting = next.send(LOCK);
    await cluster.pass(200);
    // What is sent first gets lost on its way, and is sent again after a while.
    cluster.cut(name, leader);
    const sent = one.outcome(late);
    await cluster.pass(10);
    one.cancel();
    expect(await cluster.complete(sent)).toMatchObject({ sqlState: "57014" });
    cluster.mend();
    if (then === null) one.close();
    else one.send(then).answer.catch(() => undefined);
    await cluster.complete(waiting.answer);
    const found = await next.told("SELECT v FROM t");
    await cluster.pass(5000);
    expect(await next.told("SELECT v FROM t")).toBe(found);
  });
});

describe("a call of which the log does not say what became of it", () => {
  it("ends the connection: an unlock", async () => {
    const { name } = await start(60_000);
    const one = await at(name);
    await one.told("SET synod.read_consistency = stale");
    await one.told(LOCK);
    cluster.isolate(name);
    const sent = one.outcome("SELECT pg_advisory_unlock(7)");
    expect(await cluster.complete(sent)).toMatchObject({ sqlState: "40003" });
    expect(one.terminated).toMatchObject([{ sqlState: "40003" }]);
  });

  it("leaves nothing behind that waits for a lock of the transaction", async () => {
    const { name, leader, third } = await start(60_000);
    const [one, next] = [await at(name), await at(third)];
    await next.told(LOCK);
    await one.told("BEGIN");
    cluster.cut(leader, name);
    cluster.cut(third, name);
    const sent = one.outcome("SELECT pg_advisory_xact_lock(7)");
    expect(await cluster.complete(sent)).toMatchObject({ sqlState: "40003" });
    expect(one.terminated).toMatchObject([{ sqlState: "40003" }]);
    cluster.mend();
    await cluster.pass(2000);
    one.close();
    await cluster.pass(2000);
    await next.told("SELECT pg_advisory_unlock(7)");
    expect(await next.told(TRY)).toBe(1n);
  });

  it("leaves nothing behind that waits: asked for again behind a snapshot", async () => {
    const { name, leader, third } = await start(60_000, 20);
    const [one, next] = [await at(name), await at(third)];
    await next.told("CREATE TABLE t (v text)");
    await next.told(LOCK);
    await one.told("BEGIN");
    const sent = one.outcome("SELECT pg_advisory_xact_lock(7)");
    await cluster.pass(200);
    cluster.isolate(name);
    for (let left = 100; left > 0; left -= 1) await next.told("INSERT INTO t VALUES ('more')");
    await cluster.pass(3000);
    const { appliedIndex } = cluster.status(third);
    cluster.mend();
    await cluster.until("restored", () => cluster.status(name).appliedIndex >= appliedIndex);
    cluster.cut(leader, name);
    cluster.cut(third, name);
    await cluster.pass(7000);
    cluster.mend();
    expect(await cluster.complete(sent)).toMatchObject({ sqlState: "40003" });
    await cluster.complete(one.outcome("ROLLBACK"));
    await next.told("SELECT pg_advisory_unlock(7)");
    expect(await next.told(TRY)).toBe(1n);
  });
});
