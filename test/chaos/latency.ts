/**
 * What one sick node costs the others: the latency of writes through the nodes that are well, phase
 * by phase on one cluster, each as a ratio to the healthy phase right before it.
 */
import { setTimeout } from "node:timers/promises";
import type { ClusterNode } from "../support/cluster/cluster-node.ts";
import type { ChaosCluster } from "./cluster/chaos-cluster.ts";
import { Cleanup } from "./cluster/cleanup.ts";
import { DURABLE_CALLS, durableFiles } from "./cluster/durable-files.ts";
import { probeMachine, Strace } from "./cluster/machine.ts";
import { measuredCluster, SteadyWriter } from "./measured-cluster.ts";
import type { ChaosOptions } from "./options.ts";
import { type Percentiles, percentiles, percentilesText } from "./percentiles.ts";

/** What the cluster may take to notice: counted apart, not left out. */
const NOTICE_MS = 2_000;
const SLOW_SYNC_MS = 500;
/** Without strace: stopped for so long, then running for so long, and so on. */
const STOPPED_MS = 500;
const GOING_MS = 50;

interface Sickness {
  readonly name: string;
  readonly choose: (cluster: ChaosCluster, leader: ClusterNode) => ClusterNode;
  /** Makes the node sick; the answer makes it well again. */
  readonly begin: (cluster: ChaosCluster, node: ClusterNode) => Promise<() => Promise<void>>;
}

/** Answers the exit code. */
export async function latency(options: ChaosOptions, say: (line: string) => void): Promise<number> {
  const cleanup = new Cleanup();
  try {
    const cluster = await measuredCluster(options, cleanup);
    for (const sickness of sicknesses(say)) await measure(cluster, sickness, options, say);
    return 0;
  } finally {
    await cleanup.run();
  }
}

function sicknesses(say: (line: string) => void): readonly Sickness[] {
  const { strace } = probeMachine();
  if (strace !== null) {
    say(`this machine lacks ${strace}: slow disks are nodes that are stopped again and again`);
  }
  const slowDisk = strace === null ? slowSyncs : stopAndGo;
  return [
    { name: "one node dead", choose: follower, begin: die },
    { name: "a follower's disk slow", choose: follower, begin: slowDisk },
    { name: "the leader's disk slow", choose: (_, leader) => leader, begin: slowDisk },
  ];
}

function follower(cluster: ChaosCluster, leader: ClusterNode): ClusterNode {
  const node = cluster.nodes.find((candidate) => candidate !== leader);
  if (node === undefined) throw new Error("there is only one node");
  return node;
}

async function measure(
  cluster: ChaosCluster,
  { name, choose, begin }: Sickness,
  { seconds }: ChaosOptions,
  say: (line: string) => void,
): Promise<void> {
  const leader = await cluster.untilLeader();
  const sick = choose(cluster, leader);
  const well = cluster.nodes.filter((node) => node !== sick);
  const healthy = await writeFor(well, seconds * 1_000);
  const end = await begin(cluster, sick);
  const first = await writeFor(well, NOTICE_MS);
  const during = await writeFor(well, seconds * 1_000);
  await end();
  await cluster.ready();
  const row = (phase: string, { errors, ...figures }: Figures): void =>
    say(`${phase.padEnd(34)}${percentilesText(figures)}, ${errors} errors`);
  row("healthy", healthy);
  row(`${name}, first ${NOTICE_MS / 1_000} s`, first);
  row(`${name}, then`, during);
  say(`${"".padEnd(34)}p99 is ${(during.p99 / healthy.p99).toFixed(2)} times the healthy one`);
}

let clientsMade = 0;

interface Figures extends Percentiles {
  readonly errors: number;
}

async function writeFor(nodes: readonly ClusterNode[], durationMs: number): Promise<Figures> {
  const writers = nodes.map((node) => {
    clientsMade += 1;
    return new SteadyWriter(node, clientsMade);
  });
  for (const writer of writers) writer.start();
  await setTimeout(durationMs);
  await Promise.all(writers.map((writer) => writer.stop()));
  const figures = percentiles(
    writers.flatMap(({ writes }) => writes.map((write) => write.acknowledgedMs - write.sentMs)),
  );
  return { ...figures, errors: writers.reduce((sum, { errors }) => sum + errors, 0) };
}

async function die(cluster: ChaosCluster, node: ClusterNode): Promise<() => Promise<void>> {
  await node.kill();
  return () => {
    cluster.start(node);
    return node.ready();
  };
}

async function slowSyncs(_: ChaosCluster, node: ClusterNode): Promise<() => Promise<void>> {
  const injection = `${DURABLE_CALLS}:delay_enter=${SLOW_SYNC_MS}ms`;
  const strace = await Strace.attach(node.processId, injection, durableFiles(node.data));
  return () => strace.detach();
}

function stopAndGo(_: ChaosCluster, node: ClusterNode): Promise<() => Promise<void>> {
  let isOver = false;
  const cycle = async (): Promise<void> => {
    while (!isOver) {
      node.freeze();
      await setTimeout(STOPPED_MS);
      node.thaw();
      await setTimeout(GOING_MS);
    }
  };
  const cycling = cycle();
  return Promise.resolve(() => {
    isOver = true;
    return cycling;
  });
}
