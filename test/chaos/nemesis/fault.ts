/** One kind of fault: it strikes, lasts as long as the nemesis wants, and is mended. */
import { setTimeout } from "node:timers/promises";
import type { Random } from "../../../src/base/random.ts";
import type { ClusterNode, Exit } from "../../support/cluster/cluster-node.ts";
import type { ChaosCluster } from "../cluster/chaos-cluster.ts";

export interface FaultContext {
  readonly cluster: ChaosCluster;
  readonly random: Random;
  /** Lasts that long; less when the run is to end. */
  sleep(durationMs: number): Promise<void>;
  /** A line for the reader: what was found, as far as it is not an error. */
  note(text: string): void;
  /** Names a thing that must not have happened; the run has failed. */
  fail(text: string): void;
}

export interface Fault {
  /** What `--only` names and the figures count. */
  readonly kind: string;
  /** Of the catalogue of faults: what it stands for. */
  readonly covers: string;
  /** How often it is drawn, relative to the others. */
  readonly weight: number;
  /** Null, or what the machine lacks for it. */
  readonly missing: string | null;
  /** Strikes and mends. Whatever it did is undone when it returns, also after an error. */
  strike(context: FaultContext): Promise<void>;
}

/** One of them, at random. */
export function pick<Item>(random: Random, items: readonly Item[]): Item {
  const item = items[random.below(Math.max(1, items.length))];
  if (item === undefined) throw new Error("there is nothing to choose from");
  return item;
}

/** All of them in random order. */
export function shuffled<Item>(random: Random, items: readonly Item[]): Item[] {
  const rest = [...items];
  const order: Item[] = [];
  while (rest.length > 0) order.push(...rest.splice(random.below(rest.length), 1));
  return order;
}

/** From `min` to `max`, uniform. */
export function between(random: Random, min: number, max: number): number {
  return min + random.below(max - min + 1);
}

/** The leader, or anybody if none is known. */
export async function leaderOrAny({ cluster, random }: FaultContext): Promise<ClusterNode> {
  const leader = await cluster.leader();
  // The other lane of faults may have ended them all a moment ago.
  return leader ?? pick(random, cluster.running.length > 0 ? cluster.running : cluster.nodes);
}

/** How the process ended by itself; null: it still runs. Waits also when the run is to end. */
export function endsWithin(node: ClusterNode, durationMs: number): Promise<Exit | null> {
  const late = setTimeout(durationMs, null, { ref: false });
  return Promise.race([node.exited, late]);
}
