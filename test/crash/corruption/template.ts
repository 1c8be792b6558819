/**
 * What the corruption groups damage: three nodes' disks, written by the production code while the
 * core led, proposed and chose. A log of four items (behind the no-op with which a leader begins),
 * in the shapes that recovery has to tell apart.
 */
import type { Ballot } from "../../../src/paxos/ballot.ts";
import { FaultyDisk } from "../../support/faulty-files.ts";
import { type DiskFiles, filesOf } from "../../support/storage/disk-files.ts";
import type { Notes } from "../../support/storage/note-machine.ts";
import { type ChosenValues, StoredCluster } from "../../support/storage/stored-cluster.ts";
import { DATA } from "../../support/storage/stored-node.ts";

export const NODES = [1, 2, 3] as const;
const ITEMS = [1, 2, 3, 4] as const;
const ROUNDS_MAX = 60;
/** Long enough for several segments of a log of four. */
const ITEM_BYTES = 700;

export interface Template {
  readonly name: string;
  readonly disks: ReadonlyMap<number, DiskFiles>;
  /** What was chosen, and acknowledged, before the damage. */
  readonly chosen: ChosenValues;
  /** The slots of the four items. */
  readonly items: readonly number[];
  /** What each node had promised. */
  readonly promised: ReadonlyMap<number, Ballot>;
  /** What each state machine holds at the end. */
  readonly notes: ReadonlyMap<number, Notes>;
}

/**
 * `sealed`: each item has a batch of its own, killed when idle. `closed`: the same, stopped in order,
 * so the log knows all to be chosen. `together`: all four in one batch and killed, so nothing but
 * the items says that they are chosen.
 */
export type Shape = "sealed" | "closed" | "together";

function itemText(item: number): string {
  return `item-${item} `.padEnd(ITEM_BYTES, `${item}`);
}

export async function makeTemplate(shape: Shape): Promise<Template> {
  const cluster = await freshCluster();
  if (shape === "together") await choose(cluster, NODES, ...ITEMS.map(itemText));
  else for (const item of ITEMS) await choose(cluster, NODES, itemText(item));
  for (const node of cluster.running) {
    if (shape === "closed") await node.close();
    else await node.idle();
  }
  return templateOf(shape, cluster, [2, 3, 4, 5]);
}

/** Node 3 was cut off after the second item; node 1 accepted a fifth that nobody else has. */
export async function makeLagging(): Promise<Template> {
  const cluster = await freshCluster();
  for (const item of [1, 2]) await choose(cluster, NODES, itemText(item));
  cluster.cutOff(3);
  for (const item of [3, 4]) await choose(cluster, [1, 2], itemText(item));
  cluster.cutOff(2);
  cluster.propose(1, itemText(5));
  for (let rounds = 3; rounds > 0; rounds -= 1) await cluster.round();
  for (const node of cluster.running) await node.idle();
  return templateOf("lagging", cluster, [2, 3, 4, 5]);
}

/** A snapshot covers the first two items, the log the other two. */
export async function makeCompacted(): Promise<Template> {
  const cluster = await freshCluster();
  for (const item of [1, 2]) await choose(cluster, NODES, itemText(item));
  for (const node of cluster.running) await node.compact();
  for (const item of [3, 4]) await choose(cluster, NODES, itemText(item));
  for (const node of cluster.running) await node.idle();
  return templateOf("compacted", cluster, [2, 3, 4, 5]);
}

async function freshCluster(): Promise<StoredCluster> {
  const cluster = new StoredCluster();
  for (const id of NODES) await cluster.start({ id, disk: new FaultyDisk() });
  cluster.campaign(1);
  await reach(cluster, NODES, 1);
  return cluster;
}

/** Proposed by node 1, chosen on `ids`. */
async function choose(
  cluster: StoredCluster,
  ids: readonly number[],
  ...texts: readonly string[]
): Promise<void> {
  const through = cluster.node(1).chosenIndex + texts.length;
  cluster.propose(1, ...texts);
  await reach(cluster, ids, through);
}

async function reach(cluster: StoredCluster, ids: readonly number[], index: number): Promise<void> {
  const done = await cluster.until(ROUNDS_MAX, () =>
    ids.every((id) => cluster.node(id).chosenIndex >= index),
  );
  if (!done) throw new Error(`slot ${index} was not chosen: ${cluster.violations.join()}`);
}

function templateOf(name: string, cluster: StoredCluster, items: readonly number[]): Template {
  const disks = new Map<number, DiskFiles>();
  const notes = new Map<number, Notes>();
  const promised = new Map<number, Ballot>();
  for (const node of cluster.running) {
    disks.set(node.id, filesOf(node.disk, DATA));
    notes.set(node.id, structuredClone(node.notes));
    promised.set(node.id, node.replica.status().ballot);
  }
  return { name, disks, chosen: new Map(cluster.values), items, notes, promised };
}
