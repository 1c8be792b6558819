/**
 * Partitions, and what only the proxy can do. Each draws a set of directed pairs that lose
 * everything; the names are those of the catalogue (N4 to N12).
 */
import type { ClusterNode } from "../../support/cluster/cluster-node.ts";
import type { FineNetwork } from "../network/chaos-network.ts";
import { between, type Fault, type FaultContext, leaderOrAny, pick, shuffled } from "./fault.ts";

type Pair = readonly [ClusterNode, ClusterNode];

const PARTITION_MS_MIN = 500;
const PARTITION_MS_MAX = 7_000;
const NO_PROXY = "needs the proxy (--network proxy)";

export function networkFaults(fine: FineNetwork | null): readonly Fault[] {
  return [
    partition("partition-halves", "N4", halves),
    partition("isolate-leader", "N4", isolateLeader),
    partition("one-way-from-leader", "N5", async (context) => {
      const leader = await leaderOrAny(context);
      return others(context, leader).map((other) => [leader, other]);
    }),
    partition("one-way-to-leader", "N5", async (context) => {
      const leader = await leaderOrAny(context);
      return others(context, leader).map((other) => [other, leader]);
    }),
    partition("one-way-any", "N5", ({ cluster, random }) => {
      const [from, to] = shuffled(random, cluster.nodes);
      return from === undefined || to === undefined ? [] : [[from, to]];
    }),
    partition("quorum-loss", "N6", star),
    partition("chain", "N8", chain),
    { kind: "constrained-election", covers: "N7", weight: 1, missing: null, strike: constrained },
    { kind: "flapping", covers: "N9", weight: 1, missing: null, strike: flapping },
    withProxy("delay", "N3", fine, delay),
    withProxy("cut-frames", "N11", fine, cutFrames),
    withProxy("flip-frames", "N12", fine, flipFrames),
  ];
}

type DrawPairs = (context: FaultContext) => readonly Pair[] | Promise<readonly Pair[]>;

function partition(kind: string, covers: string, draw: DrawPairs): Fault {
  const strike = async (context: FaultContext): Promise<void> => {
    const pairs = await draw(context);
    await whileBlocked(context, pairs, () =>
      context.sleep(between(context.random, PARTITION_MS_MIN, PARTITION_MS_MAX)),
    );
  };
  return { kind, covers, weight: 2, missing: null, strike };
}

async function whileBlocked(
  { cluster: { network } }: FaultContext,
  pairs: readonly Pair[],
  work: () => Promise<void>,
): Promise<void> {
  try {
    for (const [from, to] of pairs) await network.block(from.name, to.name);
    await work();
  } finally {
    for (const [from, to] of pairs) await network.unblock(from.name, to.name);
  }
}

function others({ cluster }: FaultContext, node: ClusterNode): readonly ClusterNode[] {
  return cluster.nodes.filter((other) => other !== node);
}

function bothWays(one: ClusterNode, other: ClusterNode): readonly Pair[] {
  return [
    [one, other],
    [other, one],
  ];
}

function halves({ cluster, random }: FaultContext): readonly Pair[] {
  const all = shuffled(random, cluster.nodes);
  const left = all.slice(0, between(random, 1, Math.max(1, all.length - 1)));
  const right = all.filter((node) => !left.includes(node));
  return left.flatMap((one) => right.flatMap((other) => bothWays(one, other)));
}

async function isolateLeader(context: FaultContext): Promise<readonly Pair[]> {
  const leader = await leaderOrAny(context);
  return others(context, leader).flatMap((other) => bothWays(leader, other));
}

/** One node sees all, the others, the leader among them, see it alone. */
async function star(context: FaultContext): Promise<readonly Pair[]> {
  const leader = await leaderOrAny(context);
  const middle = pick(context.random, others(context, leader));
  return pairsBut(context.cluster.nodes, (one, other) => one === middle || other === middle);
}

/** A line: each sees its neighbours only. */
function chain({ cluster, random }: FaultContext): readonly Pair[] {
  const line = shuffled(random, cluster.nodes);
  return pairsBut(
    cluster.nodes,
    (one, other) => Math.abs(line.indexOf(one) - line.indexOf(other)) === 1,
  );
}

function pairsBut(
  nodes: readonly ClusterNode[],
  isKept: (one: ClusterNode, other: ClusterNode) => boolean,
): readonly Pair[] {
  return nodes.flatMap((one) =>
    nodes.flatMap((other): readonly Pair[] =>
      one === other || isKept(one, other) ? [] : [[one, other]],
    ),
  );
}

/** One node falls behind alone; then it is the only one that sees a quorum. */
async function constrained(context: FaultContext): Promise<void> {
  const leader = await leaderOrAny(context);
  const behind = pick(context.random, others(context, leader));
  const alone = others(context, behind).flatMap((other) => bothWays(behind, other));
  await whileBlocked(context, alone, () => context.sleep(between(context.random, 500, 2_500)));
  const star = pairsBut(context.cluster.nodes, (one, other) => one === behind || other === behind);
  await whileBlocked(context, star, () => context.sleep(between(context.random, 1_500, 5_000)));
}

/** Single directions go and come back, many times. */
async function flapping(context: FaultContext): Promise<void> {
  const { cluster, random } = context;
  for (let times = between(random, 8, 25); times > 0; times -= 1) {
    const [from, to] = shuffled(random, cluster.nodes);
    if (from === undefined || to === undefined) return;
    await whileBlocked(context, [[from, to]], () => context.sleep(between(random, 20, 600)));
  }
}

function withProxy(
  kind: string,
  covers: string,
  fine: FineNetwork | null,
  strike: (context: FaultContext, fine: FineNetwork) => Promise<void>,
): Fault {
  return {
    kind,
    covers,
    weight: 2,
    missing: fine === null ? NO_PROXY : null,
    strike: async (context) => {
      if (fine === null) throw new Error(NO_PROXY);
      try {
        await strike(context, fine);
      } finally {
        await context.cluster.network.heal();
      }
    },
  };
}

/** Every direction its own delay and jitter. */
async function delay(context: FaultContext, fine: FineNetwork): Promise<void> {
  const { cluster, random } = context;
  const worst = pick(random, [5, 30, 120, 400]);
  for (const [from, to] of pairsBut(cluster.nodes, () => false)) {
    const rules = fine.rules(from.name, to.name);
    rules.delayMs = random.below(worst);
    rules.jitterMs = random.below(worst);
  }
  await context.sleep(between(random, 2_000, 8_000));
}

/** Connections are reset at some byte in the middle of what goes over them. */
async function cutFrames(context: FaultContext, fine: FineNetwork): Promise<void> {
  const { cluster, random } = context;
  for (let times = between(random, 5, 20); times > 0; times -= 1) {
    const [from, to] = shuffled(random, cluster.nodes);
    if (from === undefined || to === undefined) return;
    fine.rules(from.name, to.name).cutAfterBytes = between(random, 1, 5_000);
    await context.sleep(between(random, 50, 500));
  }
}

/** Bits turn on the way: the frame's checksum must end the connection. */
async function flipFrames(context: FaultContext, fine: FineNetwork): Promise<void> {
  const { cluster, random } = context;
  for (const [from, to] of pairsBut(cluster.nodes, () => false)) {
    fine.rules(from.name, to.name).flipsPerMille = random.below(30);
  }
  await context.sleep(between(random, 2_000, 6_000));
}
