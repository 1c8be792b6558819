/** The stormy phase: clients, operators and faults, each at the pace that the seed's weather says. */
import type { PaxosNode } from "../../support/paxos-node.ts";
import type { Cluster } from "./cluster.ts";
import { flap, redraw, swizzle } from "./links.ts";
import { changeMembership, loseDisk } from "./members.ts";
import { TICK } from "./settings.ts";

export function storm(cluster: Cluster): void {
  const { weather, scheduler, faults, random } = cluster;
  const every = (units: number, action: () => void): void => repeat(cluster, units, action);
  every(weather.proposeEvery, () => cluster.propose(cluster.anyNode()));
  every(weather.readEvery, () => cluster.read(cluster.anyNode()));
  every(weather.changeEvery, () => changeMembership(cluster));
  every(weather.partitionEvery, () => redraw(cluster));
  every(weather.flapEvery, () => (random.below(2) === 0 ? flap(cluster) : swizzle(cluster)));
  every(weather.crashEvery, () => {
    if (faults.strikes("crash at rest")) cluster.anyNode().crash();
  });
  every(weather.crashLoopEvery, () => crashLoop(cluster, cluster.anyNode()));
  every(weather.crashAllEvery, () => powerLoss(cluster));
  every(weather.pauseEvery, () => pause(cluster, cluster.anyNode()));
  every(weather.resignEvery, () => cluster.anyNode().step({ kind: "resign" }));
  every(weather.wipeEvery, () => loseDisk(cluster));
  const until = weather.stormTicks * TICK;
  while (scheduler.runNext(until));
}

/** Every so many units until the storm ends; 0: never. */
function repeat(cluster: Cluster, units: number, action: () => void): void {
  if (units === 0) return;
  cluster.scheduler.after(1 + cluster.random.below(2 * units), () => {
    if (cluster.isCalm) return;
    action();
    repeat(cluster, units, action);
  });
}

function pause(cluster: Cluster, node: PaxosNode): void {
  const units = [30, 100, 300, 600][cluster.random.below(4)] ?? 30;
  if (node.isUp && cluster.faults.strikes("pause")) cluster.pause(node, units);
}

/** Starts and dies again, before it has said much. */
function crashLoop(cluster: Cluster, node: PaxosNode): void {
  if (!cluster.faults.strikes("crash loop")) return;
  for (let turn = 0; turn < 5; turn += 1) {
    const at = turn * 30;
    cluster.scheduler.after(at, () => {
      if (!cluster.isCalm) node.crash();
    });
    cluster.startLater(node, at + 1 + cluster.random.below(29));
  }
}

function powerLoss(cluster: Cluster): void {
  if (!cluster.faults.strikes("power loss all")) return;
  for (const node of cluster.nodes.values()) node.crash();
  const { rotOfAll } = cluster.weather;
  if (rotOfAll === "helix" && cluster.faults.strikes("helix")) helix(cluster);
  if (rotOfAll === "everywhere" && cluster.faults.strikes("rotten everywhere")) {
    rotEverywhere(cluster);
  }
}

/** Every node loses another slot: of each there is a good copy somewhere. */
function helix(cluster: Cluster): void {
  const taken = new Set<number>();
  for (const { disk } of cluster.nodes.values()) {
    const at = disk.durableSlots().findLast((slot) => !taken.has(slot));
    if (at === undefined) continue;
    taken.add(at);
    disk.rot(at, "payload");
  }
}

/** Everybody loses the same slot. */
function rotEverywhere(cluster: Cluster): void {
  const slots = cluster.anyNode().disk.durableSlots();
  const at = slots[cluster.random.below(slots.length)];
  if (at === undefined) return;
  for (const { disk } of cluster.nodes.values()) disk.rot(at, "payload");
}
