/**
 * Goal: nothing acknowledged is lost when every node dies at once. Method: clients write through all
 * three nodes, SIGKILL to the three together, restart, compare with what the clients remember.
 */
import { expect, test } from "vitest";
import { testCluster } from "../support/cluster/cluster.ts";
import { eventually } from "../support/cluster/eventually.ts";
import { auditAll, WRITERS_SCHEMA, Writer, withClient } from "../support/cluster/writers.ts";

const ROUNDS = 2;
const CLIENTS_A_NODE = 3;
const WRITES_BEFORE = 15;

const cluster = testCluster();

test("kill -9 of all nodes while clients write: nothing acknowledged is lost, nothing ran twice", async () => {
  await withClient(cluster.node("n1"), (client) => client.query(WRITERS_SCHEMA));
  const all: Writer[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const first = all.length + 1;
    const writers = cluster.nodes.flatMap((node, at) =>
      Array.from(
        { length: CLIENTS_A_NODE },
        (_unused, of) => new Writer(first + at * CLIENTS_A_NODE + of, node),
      ),
    );
    all.push(...writers);
    for (const writer of writers) writer.start();
    await eventually("all clients write", 20_000, () =>
      writers.every((writer) => writer.acknowledgedCount >= WRITES_BEFORE),
    );
    await Promise.all(cluster.nodes.map((node) => node.kill()));
    await Promise.all(writers.map((writer) => writer.ended));
    const startedMs = performance.now();
    await cluster.restart(...cluster.nodes);
    process.stdout.write(`restart of all: ${(performance.now() - startedMs).toFixed(0)} ms\n`);
    expect(await auditAll(cluster.nodes, all)).toEqual([]);
  }
  await cluster.commonHash();
}, 120_000);
