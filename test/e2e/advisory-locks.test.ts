/**
 * Goal: an advisory lock is held once in the whole cluster, and never outlives its holder. Method:
 * clients at different nodes of three real processes ask for the same keys; holders let go, end their
 * transactions and connections, and lose their processes, their own and the node's, to SIGKILL.
 */
import type pg from "pg";
import { afterEach, describe, expect, test } from "vitest";
import { testCluster } from "../support/cluster/cluster.ts";
import { eventually } from "../support/cluster/eventually.ts";
import { psql } from "../support/cluster/psql.ts";
import { connection } from "../support/cluster/writers.ts";
import { failureOf } from "../support/session-answers.ts";

const SESSION_TIMEOUT_MS = 1_500;
/** Beyond the timeout: what the leader's clock, the log and a busy machine may need. */
const CLOSING_MS_MAX = 8_000;
/** In which a lock that is free would have been given. */
const WAIT_MS = 400;
const GRANT_MS_MAX = 5_000;

const ENDLESS =
  "SELECT count(*) FROM generate_series(1, 1000000000) AS a, generate_series(1, 1000) AS b";

const cluster = testCluster({ flags: ["--session-timeout-ms", `${SESSION_TIMEOUT_MS}`] });
const opened: pg.Client[] = [];
let keys = 0;

afterEach(async () => {
  for (const client of opened.splice(0)) await client.end().catch(() => undefined);
});

async function clientOf(name: string): Promise<pg.Client> {
  const client = connection(cluster.node(name));
  // Some lose their node: the query that waits rejects as well.
  client.on("error", () => undefined);
  opened.push(client);
  await client.connect();
  return client;
}

/** The first column of the first row. */
async function ask(client: pg.Client, text: string): Promise<unknown> {
  const { rows } = await client.query<unknown[]>({ text, rowMode: "array" });
  return rows[0]?.[0];
}

function newKey(): number {
  keys += 1;
  return keys;
}

/** A call that is under way, and whether it has been answered. */
function begun(client: pg.Client, text: string) {
  const call = { isAnswered: false, done: ask(client, text) };
  const answered = (): void => {
    call.isAnswered = true;
  };
  call.done.then(answered, answered);
  return call;
}

async function isStillWaiting(call: { readonly isAnswered: boolean }): Promise<boolean> {
  await new Promise((resolve) => setTimeout(resolve, WAIT_MS));
  return !call.isAnswered;
}

/** Rejects if it takes longer than a lock may take that has become free. */
function granted(call: { readonly isAnswered: boolean }, withinMs = GRANT_MS_MAX): Promise<true> {
  return eventually("the lock is granted", withinMs, () => call.isAnswered && true);
}

/** The other two nodes, of which none is `name`. */
function othersOf(name: string): readonly string[] {
  return cluster.nodes.map((node) => node.name).filter((other) => other !== name);
}

describe("a lock that is held through one node", () => {
  test("keeps out a client of another node until it is unlocked as often as it was taken", async () => {
    const key = newKey();
    const [holder, waiter] = [await clientOf("n1"), await clientOf("n2")];
    await ask(holder, `SELECT pg_advisory_lock(${key})`);
    await ask(holder, `SELECT pg_advisory_lock(${key})`);
    const call = begun(waiter, `SELECT pg_advisory_lock(${key})`);
    expect(await ask(holder, `SELECT pg_advisory_unlock(${key})`)).toBe(true);
    expect(await isStillWaiting(call)).toBe(true);
    expect(await ask(holder, `SELECT pg_advisory_unlock(${key})`)).toBe(true);
    await granted(call);
    expect(await ask(holder, `SELECT pg_advisory_unlock(${key})`)).toBe(false);
    expect(await ask(holder, `SELECT pg_try_advisory_lock(${key})`)).toBe(false);
  });

  test("is given to those who wait in the order in which they came", async () => {
    const key = newKey();
    const holder = await clientOf("n1");
    await ask(holder, `SELECT pg_advisory_lock(${key})`);
    const order: string[] = [];
    const waiters = await Promise.all(["n3", "n2", "n1", "n3"].map(clientOf));
    const ends: Promise<unknown>[] = [];
    for (const [at, waiter] of waiters.entries()) {
      const call = begun(waiter, `SELECT pg_advisory_lock(${key})`);
      expect(await isStillWaiting(call)).toBe(true);
      const release = async (): Promise<void> => {
        await call.done;
        order.push(`${at}`);
        await ask(waiter, `SELECT pg_advisory_unlock(${key})`);
      };
      ends.push(release());
    }
    await ask(holder, "SELECT pg_advisory_unlock_all()");
    await Promise.all(ends);
    expect(order.join(" ")).toBe("0 1 2 3");
  });

  test("shared: others share it at every node, and whoever wants it alone waits for all", async () => {
    const key = newKey();
    const first = await clientOf("n1");
    const second = await clientOf("n2");
    const alone = await clientOf("n3");
    await ask(first, `SELECT pg_advisory_lock_shared(${key})`);
    expect(await ask(second, `SELECT pg_try_advisory_lock_shared(${key})`)).toBe(true);
    expect(await ask(alone, `SELECT pg_try_advisory_lock(${key})`)).toBe(false);
    const call = begun(alone, `SELECT pg_advisory_lock(${key})`);
    await ask(first, `SELECT pg_advisory_unlock_shared(${key})`);
    expect(await isStillWaiting(call)).toBe(true);
    await ask(second, `SELECT pg_advisory_unlock_shared(${key})`);
    await granted(call);
    expect(await ask(first, `SELECT pg_try_advisory_lock_shared(${key})`)).toBe(false);
  });

  test("one bigint and two integers never meet", async () => {
    const key = newKey();
    const [one, two] = [await clientOf("n1"), await clientOf("n2")];
    await ask(one, `SELECT pg_advisory_lock(${key})`);
    expect(await ask(two, `SELECT pg_try_advisory_lock(0, ${key})`)).toBe(true);
    expect(await ask(one, `SELECT pg_try_advisory_lock(0, ${key})`)).toBe(false);
    expect(await ask(two, `SELECT pg_try_advisory_lock(${key})`)).toBe(false);
  });

  test("lock_timeout at another node: 55P03, and the place in the queue is given up", async () => {
    const key = newKey();
    const [holder, hasty, patient] = [
      await clientOf("n1"),
      await clientOf("n2"),
      await clientOf("n3"),
    ];
    await ask(holder, `SELECT pg_advisory_lock(${key})`);
    await hasty.query("SET lock_timeout = '200ms'");
    await expect(ask(hasty, `SELECT pg_advisory_lock(${key})`)).rejects.toMatchObject({
      code: "55P03",
    });
    const call = begun(patient, `SELECT pg_advisory_lock(${key})`);
    expect(await isStillWaiting(call)).toBe(true);
    await ask(holder, `SELECT pg_advisory_unlock(${key})`);
    await granted(call);
  });

  test("two clients of two nodes that wait for each other: one gets 40P01, the other the lock", async () => {
    const [left, right] = [newKey(), newKey()];
    const [one, two] = [await clientOf("n1"), await clientOf("n2")];
    await ask(one, `SELECT pg_advisory_lock(${left})`);
    await ask(two, `SELECT pg_advisory_lock(${right})`);
    const call = begun(one, `SELECT pg_advisory_lock(${right})`);
    expect(await isStillWaiting(call)).toBe(true);
    await expect(ask(two, `SELECT pg_advisory_lock(${left})`)).rejects.toMatchObject({
      code: "40P01",
    });
    await ask(two, `SELECT pg_advisory_unlock(${right})`);
    await granted(call);
  });
});

describe("a lock of a transaction", () => {
  test.each(["COMMIT", "ROLLBACK"])(
    "is over with %s, for a client of another node",
    async (end) => {
      const key = newKey();
      const [holder, waiter] = [await clientOf("n1"), await clientOf("n2")];
      await holder.query("BEGIN");
      await ask(holder, `SELECT pg_advisory_xact_lock(${key})`);
      expect(await ask(waiter, `SELECT pg_try_advisory_xact_lock(${key})`)).toBe(false);
      const call = begun(waiter, `SELECT pg_advisory_lock(${key})`);
      expect(await isStillWaiting(call)).toBe(true);
      await expect(ask(holder, `SELECT pg_advisory_unlock(${key})`)).resolves.toBe(false);
      expect(call.isAnswered).toBe(false);
      await holder.query(end);
      await granted(call);
    },
  );

  test("outside of a transaction is over with its statement", async () => {
    const key = newKey();
    const [one, two] = [await clientOf("n1"), await clientOf("n2")];
    expect(await ask(one, `SELECT pg_try_advisory_xact_lock(${key})`)).toBe(true);
    expect(await ask(two, `SELECT pg_try_advisory_lock(${key})`)).toBe(true);
  });

  test("at the beginning: those who count one after the other never fail", async () => {
    const key = newKey();
    const setUp = await clientOf("n1");
    await setUp.query(`CREATE TABLE counted_${key} (n int); INSERT INTO counted_${key} VALUES (0)`);
    const add = async (name: string): Promise<void> => {
      const client = await clientOf(name);
      for (let left = 5; left > 0; left -= 1) {
        await client.query("BEGIN");
        await ask(client, `SELECT pg_advisory_xact_lock(${key})`);
        const n = Number(await ask(client, `SELECT n FROM counted_${key}`));
        await client.query(`UPDATE counted_${key} SET n = ${n + 1}`);
        await client.query("COMMIT");
      }
    };
    await Promise.all(["n1", "n2", "n3", "n1"].map(add));
    expect(await ask(setUp, `SELECT n FROM counted_${key}`)).toBe(20);
  });
});

/** A lock that a client of a node has, and a client of another node that may want it. */
async function heldAt(role: string) {
  const key = newKey();
  const node = role === "leads" ? await cluster.leader() : (await cluster.followers())[0];
  if (node === undefined) throw new Error("nobody follows");
  const [waiting = ""] = othersOf(node.name);
  const [holder, waiter] = [await clientOf(node.name), await clientOf(waiting)];
  await ask(holder, `SELECT pg_advisory_lock(${key})`);
  return { key, node, holder, waiter };
}

/** Refused, or sent on a connection that had ended by then. */
function isRefused(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const { message } = error;
  return ("code" in error && error.code === "57P01") || ENDED.test(message);
}

const ENDED = /Connection terminated|not queryable|connection error/;

describe("a holder that is gone", () => {
  test("whose connection ends: the lock is free at another node", async () => {
    const key = newKey();
    const [holder, waiter] = [await clientOf("n1"), await clientOf("n2")];
    await ask(holder, `SELECT pg_advisory_lock(${key})`);
    const call = begun(waiter, `SELECT pg_advisory_lock(${key})`);
    expect(await isStillWaiting(call)).toBe(true);
    await holder.end();
    await granted(call);
  });

  test("whose own process is killed with SIGKILL: the lock is free at another node", async () => {
    const key = newKey();
    const waiter = await clientOf("n2");
    let processId = 0;
    const holding = psql(
      cluster.node("n1"),
      ["-c", `SELECT pg_advisory_lock(${key})`, "-c", ENDLESS],
      {
        onStarted: (started) => {
          processId = started;
        },
      },
    );
    const tryIt = `SELECT pg_try_advisory_lock(${key})`;
    await eventually("psql holds the lock", GRANT_MS_MAX, async () => {
      if ((await ask(waiter, tryIt)) === false) return true;
      await ask(waiter, "SELECT pg_advisory_unlock_all()");
      return false;
    });
    const call = begun(waiter, `SELECT pg_advisory_lock(${key})`);
    expect(await isStillWaiting(call)).toBe(true);
    process.kill(processId, "SIGKILL");
    await granted(call);
    await holding;
  });

  test.each(["leads", "follows"])(
    "whose node %s and is killed with SIGKILL: after the session's timeout, not before",
    async (role) => {
      const key = newKey();
      const leader = await cluster.leader();
      const node = role === "leads" ? leader : (await cluster.followers())[0];
      if (node === undefined) throw new Error("nobody follows");
      const [waiting = "", trying = ""] = othersOf(node.name);
      const [holder, waiter, other] = [
        await clientOf(node.name),
        await clientOf(waiting),
        await clientOf(trying),
      ];
      await ask(holder, `SELECT pg_advisory_lock(${key})`);
      const inQueue = await clientOf(node.name);
      const lost = begun(inQueue, `SELECT pg_advisory_lock(${key})`);
      expect(await isStillWaiting(lost)).toBe(true);
      const call = begun(waiter, `SELECT pg_advisory_lock(${key})`);
      expect(await isStillWaiting(call)).toBe(true);
      const killedMs = performance.now();
      await node.kill();
      await expect(lost.done).rejects.toThrow("Connection terminated unexpectedly");
      await granted(call, SESSION_TIMEOUT_MS + CLOSING_MS_MAX);
      // The leader last heard the node up to a heartbeat before it died, and so measures from there.
      expect(performance.now() - killedMs).toBeGreaterThan(SESSION_TIMEOUT_MS / 2);
      expect(await ask(other, `SELECT pg_try_advisory_lock(${key})`)).toBe(false);
      await cluster.restart(node);
      const back = await clientOf(node.name);
      expect(await ask(back, `SELECT pg_try_advisory_lock(${key})`)).toBe(false);
      expect(await ask(back, `SELECT pg_advisory_unlock(${key})`)).toBe(false);
    },
  );

  test("whose node is killed and started again at once: the lock is free when it is up", async () => {
    const { key, node, waiter } = await heldAt("follows");
    const call = begun(waiter, `SELECT pg_advisory_lock(${key})`);
    expect(await isStillWaiting(call)).toBe(true);
    await node.kill();
    await cluster.restart(node);
    await granted(call);
    expect(await ask(waiter, `SELECT pg_advisory_unlock(${key})`)).toBe(true);
  });
});

describe("a holder whose node stands still", () => {
  test.each(["leads", "follows"])(
    "and %s: when it runs again, what its client sends as the holder does not run beside the next one",
    async (role) => {
      const { key, node, holder, waiter } = await heldAt(role);
      const table = `written_${key}`;
      const write = (by: string): string => `INSERT INTO ${table} VALUES ('${by}') RETURNING by`;
      await ask(holder, `CREATE TABLE ${table} (by text)`);
      await ask(holder, write("first"));
      const ended = new Promise<unknown>((resolve) => holder.once("error", resolve));
      const call = begun(waiter, `SELECT pg_advisory_lock(${key})`);
      expect(await isStillWaiting(call)).toBe(true);
      let late: Promise<unknown>;
      node.freeze();
      try {
        await granted(call, SESSION_TIMEOUT_MS + CLOSING_MS_MAX);
        // It is the first thing that the node finds.
        late = failureOf(ask(holder, write("late")));
        expect(await ask(waiter, write("next"))).toBe("next");
      } finally {
        node.thaw();
      }
      expect(await late).toSatisfy(isRefused);
      expect(await failureOf(ask(holder, write("later")))).toSatisfy(isRefused);
      expect(await ended).toSatisfy(isRefused);
      await node.ready();
      const written = `SELECT string_agg(by, ' ') FROM ${table}`;
      expect(await ask(waiter, written)).toBe("first next");
      expect(await ask(waiter, `SELECT pg_advisory_unlock(${key})`)).toBe(true);
      const back = await clientOf(node.name);
      expect(await ask(back, `SELECT pg_try_advisory_lock(${key})`)).toBe(true);
      expect(await ask(back, written)).toBe("first next");
    },
  );
});
