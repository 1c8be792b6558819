/**
 * One damaged cluster: the nodes are started on what is left, and the cluster gets its time. Then
 * it has recovered (everything that was chosen is chosen on every running node again, unchanged, a
 * new command is too, and reads are answered), or it waits. In between nothing may have happened
 * that must not (stored-cluster.ts watches), clients try to write and read all along.
 */
import { type DiskFiles, diskOf } from "../../support/storage/disk-files.ts";
import { emptyNotes, type Notes } from "../../support/storage/note-machine.ts";
import type { BadPlaces } from "../../support/storage/read-errors.ts";
import { StoredCluster } from "../../support/storage/stored-cluster.ts";
import type { StoredNode } from "../../support/storage/stored-node.ts";
import { NODES, type Template } from "./template.ts";

/** What became of one node's disk. */
export interface DamagedNode {
  readonly files: DiskFiles;
  readonly bad?: BadPlaces;
  /** Where its state machine stands; nothing applied if left out, so that the log is needed. */
  readonly notes?: Notes;
  /** Not started. */
  readonly down?: boolean;
}

export interface Outcome {
  readonly recovered: boolean;
  readonly violations: readonly string[];
  /** Why nodes did not start, by id. */
  readonly refusals: ReadonlyMap<number, string>;
  readonly running: readonly StoredNode[];
  /** The highest chosen index of a running node. */
  readonly chosenThrough: number;
  readonly rounds: number;
  readonly cluster: StoredCluster;
}

/** Far more than any recovery took (the longest needed 50). */
export const ROUNDS_MAX = 150;
/** What cannot recover is watched for so long: some elections and many resent messages. */
export const ROUNDS_WATCHED = 60;
const ASK_EVERY_ROUNDS = 5;
const NEW_COMMAND = "after the damage";

/** Starts the nodes that are not down. */
export async function startAll(
  template: Template,
  nodes: ReadonlyMap<number, DamagedNode>,
): Promise<StoredCluster> {
  const cluster = new StoredCluster(template.chosen);
  for (const id of NODES) {
    const node = nodes.get(id);
    if (node !== undefined && node.down !== true) await startOne(cluster, id, node);
  }
  return cluster;
}

export async function startOne(
  cluster: StoredCluster,
  id: number,
  { files, bad, notes = emptyNotes() }: DamagedNode,
): Promise<void> {
  const parts = { id, disk: diskOf(files), notes: structuredClone(notes), salt: 1000 };
  await cluster.start(bad === undefined ? parts : { ...parts, bad });
}

/** Lets the cluster run until it has recovered, or for `rounds`. */
export async function watch(
  cluster: StoredCluster,
  template: Template,
  rounds: number,
): Promise<Outcome> {
  let taken = 0;
  const answered = cluster.readsAnswered;
  const recovered = await cluster.until(rounds, () => {
    taken += 1;
    if (taken % ASK_EVERY_ROUNDS === 0) ask(cluster);
    return hasRecovered(cluster, template) && cluster.readsAnswered > answered;
  });
  return {
    recovered,
    violations: cluster.violations,
    refusals: cluster.refusals,
    running: cluster.running,
    chosenThrough: Math.max(0, ...cluster.running.map(({ chosenIndex }) => chosenIndex)),
    rounds: taken,
    cluster,
  };
}

function ask(cluster: StoredCluster): void {
  cluster.read();
  const leader = cluster.leader();
  if (leader !== undefined) cluster.propose(leader.id, NEW_COMMAND);
}

function hasRecovered(cluster: StoredCluster, template: Template): boolean {
  const last = Math.max(...template.chosen.keys());
  const { running } = cluster;
  return (
    running.length >= 2 &&
    running.every(({ notes }) => {
      const { appliedIndex, lines } = notes;
      return appliedIndex > last && Object.values(lines).includes(NEW_COMMAND);
    })
  );
}
