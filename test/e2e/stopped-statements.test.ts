/**
 * Goal: a statement that its client gives up ends on the node as well, and frees what ran it. Method:
 * a cross join of 10^13 rows on a three-node cluster, ended in every way that a client has; then the
 * node's use of CPU is measured.
 */
import { readFileSync } from "node:fs";
import { beforeAll, describe, expect, test } from "vitest";
import { testCluster } from "../support/cluster/cluster.ts";
import type { ClusterNode } from "../support/cluster/cluster-node.ts";
import { psql, psqlRows } from "../support/cluster/psql.ts";
import { withClient } from "../support/cluster/writers.ts";

const END_MS_MAX = 1_000;
/** Of one core; a runaway query uses all that it gets of one. */
const IDLE_SHARE_MAX = 0.25;
const ENDLESS =
  "SELECT count(*) FROM many a, many b, many c, many d, many e WHERE a.id > 99 + b.id";

const cluster = testCluster();

/** What share of a core a node uses over the next second. */
async function usage(node: ClusterNode): Promise<number> {
  const before = ticksOf(node);
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  return (ticksOf(node) - before) / TICKS_PER_SECOND;
}

const TICKS_PER_SECOND = 100;

function ticksOf({ processId }: ClusterNode): number {
  const fields = readFileSync(`/proc/${processId}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
  return Number(fields[11]) + Number(fields[12]);
}

/** Runs statements that do not end, SIGINT after a second; how long psql lived on after it, and its errors. */
async function interrupted(node: ClusterNode, ...statements: readonly string[]) {
  let askedMs = Number.NaN;
  let running = 0;
  const { stderr } = await psql(
    node,
    statements.flatMap((sql) => ["-c", sql]),
    {
      onStarted: (processId) => {
        setTimeout(() => {
          void usage(node).then((share) => {
            running = share;
            askedMs = performance.now();
            process.kill(processId, "SIGINT");
          });
        }, 500);
      },
    },
  );
  return { stderr, running, afterMs: performance.now() - askedMs };
}

describe("a statement that does not end", () => {
  beforeAll(async () => {
    await psqlRows(
      cluster.node("n1"),
      "CREATE TABLE many (id int PRIMARY KEY); INSERT INTO many SELECT generate_series(1, 400)",
    );
  });

  test.each([
    ["by itself", [ENDLESS]],
    ["in a transaction that has only read", ["BEGIN", ENDLESS]],
    ["in a transaction that has written", ["BEGIN", "INSERT INTO many VALUES (-1)", ENDLESS]],
    ["a change in a transaction", ["BEGIN", `INSERT INTO many ${ENDLESS}`]],
    [
      "rows that come in pages",
      ["SELECT a.id FROM many a, generate_series(1, 100000000) g WHERE g < 300 OR g * a.id < 0"],
    ],
  ])("%s: Ctrl-C ends it within a second, and the node rests", async (_name, statements) => {
    const node = cluster.node("n2");
    const { stderr, running, afterMs } = await interrupted(node, ...statements);
    expect(stderr).toContain("canceling statement due to user request");
    expect(running).toBeGreaterThan(IDLE_SHARE_MAX);
    expect(afterMs).toBeLessThan(END_MS_MAX);
    expect(await usage(node)).toBeLessThan(IDLE_SHARE_MAX);
    expect(await psqlRows(node, "SELECT count(*) FROM many")).toEqual(["400"]);
  });

  test("statement_timeout: 57014, and the node rests", async () => {
    const node = cluster.node("n3");
    const startedMs = performance.now();
    const { stderr } = await psql(node, ["-c", "SET statement_timeout = '500ms'", "-c", ENDLESS]);
    expect(stderr).toContain("canceling statement due to statement timeout");
    expect(performance.now() - startedMs).toBeLessThan(500 + 2 * END_MS_MAX);
    expect(await usage(node)).toBeLessThan(IDLE_SHARE_MAX);
  });

  test.each([
    ["in a transaction that has only read", ["BEGIN"], ENDLESS],
    ["in one that has written", ["BEGIN", "INSERT INTO many VALUES (-1)"], ENDLESS],
    ["that sleeps", ["BEGIN"], "SELECT pg_sleep(100)"],
    ["that waits for a lock", ["BEGIN"], "SELECT pg_advisory_lock(7)"],
  ])("transaction_timeout, %s: 25P04, and the node rests", async (_name, before, endless) => {
    const node = cluster.node("n3");
    await withClient(cluster.node("n1"), async (holder) => {
      await holder.query("SELECT pg_advisory_lock(7)");
      const statements = ["SET transaction_timeout = '500ms'", ...before, endless, "COMMIT"];
      const startedMs = performance.now();
      const commands = statements.flatMap((sql) => ["-c", sql]);
      const { stderr, code } = await psql(node, commands);
      expect(stderr).toContain("FATAL:  terminating connection due to transaction timeout");
      expect(stderr).not.toContain("ERROR");
      expect(code).toBe(2);
      expect(performance.now() - startedMs).toBeLessThan(500 + 2 * END_MS_MAX);
    });
    expect(await usage(node)).toBeLessThan(IDLE_SHARE_MAX);
    expect(await psqlRows(node, "SELECT count(*) FROM many")).toEqual(["400"]);
  });

  test("a client that is gone: the node rests", async () => {
    const node = cluster.node("n3");
    await psql(node, ["-c", ENDLESS], { deadlineMs: 1_000 });
    expect(await usage(node)).toBeLessThan(IDLE_SHARE_MAX);
  });

  test("SIGTERM while some run: the node ends in order, with exit code 0", async () => {
    const node = cluster.node("n2");
    const clients = [1, 2, 3].map(() => psql(node, ["-c", ENDLESS]));
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    expect(await node.stop()).toEqual({ code: 0, signal: null });
    for (const { code } of await Promise.all(clients)) expect(code).not.toBe(0);
    await cluster.restart(node);
    expect(await psqlRows(node, "SELECT count(*) FROM many")).toEqual(["400"]);
  });
});
