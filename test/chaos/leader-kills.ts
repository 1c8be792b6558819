/**
 * How long nobody can write when the leader dies: from the SIGKILL to the first acknowledgement of a
 * write that was sent after it, by any client of any surviving node.
 */
import { setTimeout } from "node:timers/promises";
import { SeededRandom } from "../../src/base/random.ts";
import type { ClusterNode } from "../support/cluster/cluster-node.ts";
import { eventually } from "../support/cluster/eventually.ts";
import type { ChaosCluster } from "./cluster/chaos-cluster.ts";
import { Cleanup } from "./cluster/cleanup.ts";
import { measuredCluster, SteadyWriter } from "./measured-cluster.ts";
import type { ChaosOptions } from "./options.ts";
import { percentiles, percentilesText } from "./percentiles.ts";

const WRITE_MS = 30_000;
const LINE_EVERY = 10;

/** Answers the exit code. */
export async function leaderKills(
  options: ChaosOptions,
  say: (line: string) => void,
): Promise<number> {
  const cleanup = new Cleanup();
  try {
    const cluster = await measuredCluster(options, cleanup);
    const random = new SeededRandom(options.seed);
    const durationsMs: number[] = [];
    for (let kills = 1; kills <= options.leaderKills; kills += 1) {
      durationsMs.push(await killOnce(cluster, random, kills));
      if (kills % LINE_EVERY === 0)
        say(`${kills} kills: ${percentilesText(percentiles(durationsMs))}`);
    }
    say(`leader kill to the next acknowledged write: ${percentilesText(percentiles(durationsMs))}`);
    return 0;
  } finally {
    await cleanup.run();
  }
}

async function killOnce(
  cluster: ChaosCluster,
  random: SeededRandom,
  round: number,
): Promise<number> {
  const leader = await cluster.untilLeader();
  const survivors = cluster.nodes.filter((node) => node !== leader);
  const writers = survivors.map((node, at) => new SteadyWriter(node, round * 100 + at));
  for (const writer of writers) writer.start();
  await eventually("writes are acknowledged", WRITE_MS, () =>
    writers.every(({ writes }) => writes.length > 3),
  );
  // Not always at the same moment of what the leader does every so often.
  await setTimeout(random.below(200));
  const killedMs = performance.now();
  await leader.kill();
  const resumedMs = await eventually("a write is acknowledged", WRITE_MS, () =>
    firstAfter(writers, killedMs),
  );
  await Promise.all(writers.map((writer) => writer.stop()));
  await comeBack(cluster, leader);
  return resumedMs - killedMs;
}

function firstAfter(writers: readonly SteadyWriter[], killedMs: number): number | false {
  const later = writers.flatMap(({ writes }) => writes.filter(({ sentMs }) => sentMs > killedMs));
  if (later.length === 0) return false;
  return Math.min(...later.map(({ acknowledgedMs }) => acknowledgedMs));
}

async function comeBack(cluster: ChaosCluster, node: ClusterNode): Promise<void> {
  cluster.start(node);
  await node.ready();
}
