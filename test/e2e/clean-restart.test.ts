/**
 * Goal: SIGTERM ends nodes without a trace of trouble, and --data alone brings them back. Method:
 * the leader alone first, to see leadership change hands, then the whole cluster.
 */
import { expect, test } from "vitest";
import { testCluster } from "../support/cluster/cluster.ts";
import { eventually } from "../support/cluster/eventually.ts";
import { psqlRows } from "../support/cluster/psql.ts";

const HAND_OVER_MS_MAX = 1_000;
const LEVEL_ERROR = 50;

const cluster = testCluster();

/** The lines of a log at error level or above, and those that are no log lines at all. */
function troubles(log: string): readonly string[] {
  return log
    .split("\n")
    .filter((line) => line !== "")
    .filter((line) => {
      if (!line.startsWith("{")) return true;
      return (JSON.parse(line) as { level: number }).level >= LEVEL_ERROR;
    });
}

test("SIGTERM of the leader: exit code 0, and another leads before a timeout has passed", async () => {
  const leader = await cluster.leader();
  const [survivor] = await cluster.followers();
  if (survivor === undefined) throw new Error("a follower was expected");
  await psqlRows(leader, "CREATE TABLE kept (id int PRIMARY KEY, word text)");
  await psqlRows(survivor, "INSERT INTO kept VALUES (1, 'one')");
  const stopped = leader.stop();
  const handedOver = eventually("another node leads", 10_000, async () => {
    const { leader: now } = await survivor.status();
    return now !== null && now.id !== leader.name && performance.now();
  });
  const askedMs = performance.now();
  expect(await stopped).toEqual({ code: 0, signal: null });
  const durationMs = (await handedOver) - askedMs;
  process.stdout.write(`hand-over of leadership: ${durationMs.toFixed(0)} ms\n`);
  expect(durationMs).toBeLessThan(HAND_OVER_MS_MAX + 1_500);
  await psqlRows(survivor, "INSERT INTO kept VALUES (2, 'two')");
  await cluster.restart(leader);
  expect(await psqlRows(leader, "SELECT * FROM kept ORDER BY id")).toEqual(["1|one", "2|two"]);
});

test("SIGTERM of all nodes and a restart with --data alone: nothing lost, nothing wrong", async () => {
  const before = await cluster.commonHash();
  const exits = await Promise.all(cluster.nodes.map((node) => node.stop()));
  expect(exits).toEqual(cluster.nodes.map(() => ({ code: 0, signal: null })));
  await cluster.restart(...cluster.nodes);
  for (const node of cluster.nodes) {
    expect(await psqlRows(node, "SELECT * FROM kept ORDER BY id")).toEqual(["1|one", "2|two"]);
    expect(troubles(node.log)).toEqual([]);
  }
  const after = await cluster.commonHash();
  expect(after.appliedIndex).toBeGreaterThanOrEqual(before.appliedIndex);
});
