/** Processes that die and processes that stand still. */
import type { ClusterNode } from "../../support/cluster/cluster-node.ts";
import { between, type Fault, type FaultContext, leaderOrAny, pick, shuffled } from "./fault.ts";

const READY_MS = 60_000;

export const processFaults: readonly Fault[] = [
  {
    kind: "kill-leader",
    covers: "P1",
    weight: 4,
    missing: null,
    strike: async (context) => killFor(context, [await leaderOrAny(context)]),
  },
  {
    kind: "kill-any",
    covers: "P1",
    weight: 3,
    missing: null,
    strike: (context) => killFor(context, [pick(context.random, context.cluster.running)]),
  },
  {
    kind: "kill-all",
    covers: "P2",
    weight: 2,
    missing: null,
    strike: (context) => killFor(context, shuffled(context.random, context.cluster.running)),
  },
  {
    kind: "crash-loop",
    covers: "P3",
    weight: 2,
    missing: null,
    strike: crashLoop,
  },
  {
    kind: "pause-leader",
    covers: "P4",
    weight: 3,
    missing: null,
    strike: async (context) => pauseFor(context, [await leaderOrAny(context)]),
  },
  {
    kind: "pause-some",
    covers: "P4",
    weight: 2,
    missing: null,
    strike: (context) => {
      const { cluster, random } = context;
      const count = between(random, 1, cluster.running.length);
      return pauseFor(context, shuffled(random, cluster.running).slice(0, count));
    },
  },
];

/** SIGKILL, some time without them, and a start one after the other. */
async function killFor(context: FaultContext, nodes: readonly ClusterNode[]): Promise<void> {
  const { cluster, random } = context;
  await Promise.all(nodes.map((node) => node.kill()));
  await context.sleep(between(random, 0, 4_000));
  for (const node of nodes) {
    cluster.start(node);
    await context.sleep(between(random, 0, 300));
  }
  await Promise.all(nodes.map((node) => node.ready(READY_MS)));
}

/** Killed again and again within the first moments of its start. */
async function crashLoop(context: FaultContext): Promise<void> {
  const { cluster, random } = context;
  const node = pick(random, cluster.running);
  for (let times = between(random, 3, 8); times > 0; times -= 1) {
    await node.kill();
    cluster.start(node);
    await context.sleep(between(random, 50, 900));
  }
  if (!node.isRunning) context.fail(`${node.name} ended by itself while it was starting`);
  cluster.start(node);
  await node.ready(READY_MS);
}

/** SIGSTOP: what it was about to send or to acknowledge goes out when everybody else is further. */
async function pauseFor(context: FaultContext, nodes: readonly ClusterNode[]): Promise<void> {
  const stopped = nodes.filter((node) => node.isRunning);
  for (const node of stopped) node.freeze();
  try {
    await context.sleep(between(context.random, 100, 6_000));
  } finally {
    for (const node of stopped) if (node.isRunning) node.thaw();
  }
  await Promise.all(stopped.map((node) => node.ready(READY_MS)));
}
