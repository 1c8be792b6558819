/**
 * Goal: a node that was away until its part of the log was gone comes back by snapshot. Method: a
 * small snapshot distance, one follower killed and later one frozen, writes meanwhile until the
 * others' truncation floor lies above where it stopped.
 */
import { expect, test } from "vitest";
import { testCluster } from "../support/cluster/cluster.ts";
import type { ClusterNode } from "../support/cluster/cluster-node.ts";
import { eventually } from "../support/cluster/eventually.ts";
import { auditAll, WRITERS_SCHEMA, Writer, withClient } from "../support/cluster/writers.ts";

const TRUNCATED_MS = 40_000;

const cluster = testCluster({ flags: ["--snapshot-entries", "50"] });

async function aFollower(): Promise<ClusterNode> {
  const [follower] = await cluster.followers();
  if (follower === undefined) throw new Error("a follower was expected");
  return follower;
}

/** Writes through the others until they have all forgotten slot `slot`. */
async function writeUntilTruncated(
  nodes: readonly ClusterNode[],
  slot: number,
  writers: readonly Writer[],
): Promise<void> {
  for (const writer of writers) writer.start();
  await eventually(`slot ${slot} is truncated`, TRUNCATED_MS, async () => {
    const statuses = await Promise.all(nodes.map((node) => node.status()));
    return statuses.every(({ truncationFloor }) => truncationFloor > slot + 10);
  });
  await Promise.all(writers.map((writer) => writer.stop()));
  expect(writers.flatMap((writer) => writer.errors)).toEqual([]);
}

function installations(node: ClusterNode): number {
  return node.log.split("is here and verified; installing it").length - 1;
}

test("a follower killed until the log was truncated comes back by snapshot, with the same content", async () => {
  const away = await aFollower();
  const others = cluster.nodes.filter((node) => node !== away);
  await withClient(away, (client) => client.query(WRITERS_SCHEMA));
  const { chosenIndex } = await away.status();
  await away.kill();
  const writers = others.map((node, at) => new Writer(at + 1, node));
  await writeUntilTruncated(others, chosenIndex, writers);
  const startedMs = performance.now();
  await cluster.restart(away);
  await cluster.commonHash();
  process.stdout.write(`return by snapshot: ${(performance.now() - startedMs).toFixed(0)} ms\n`);
  expect(installations(away)).toBeGreaterThan(0);
  expect((await away.status()).snapshotIndex).toBeGreaterThan(chosenIndex);
  expect(await auditAll([away], writers)).toEqual([]);
  // What it installed is as durable as what it wrote itself.
  await away.kill();
  await cluster.restart(away);
  expect(await auditAll([away], writers)).toEqual([]);
  await cluster.commonHash();
});

test("a follower frozen until the log was truncated catches up when it thaws, with the same content", async () => {
  const away = await aFollower();
  const others = cluster.nodes.filter((node) => node !== away);
  const { chosenIndex } = await away.status();
  away.freeze();
  const writers = others.map((node, at) => new Writer(at + 11, node));
  await writeUntilTruncated(others, chosenIndex, writers);
  const startedMs = performance.now();
  away.thaw();
  await cluster.commonHash();
  process.stdout.write(`return after a freeze: ${(performance.now() - startedMs).toFixed(0)} ms\n`);
  expect(await auditAll([away], writers)).toEqual([]);
});
