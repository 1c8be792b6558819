/**
 * Goal: a node that is asked to stop before it serves stops all the same, and soon. Method: SIGTERM
 * at more and more time after the start of the process, so that every stage of a start is met; and
 * while it waits for a cluster whose member takes the connection and says nothing.
 */
import { createServer } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { ClusterNode, HOST } from "../support/cluster/cluster-node.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";

const STOP_MS_MAX = 8_000;

async function madeNode(name: string): Promise<ClusterNode> {
  const node = await ClusterNode.make(name, temporaryDirectory());
  onTestFinished(() => node.kill());
  return node;
}

/** Whether it ended by itself; a signal that comes before the program listens for it ends it too. */
async function stopsSoon(node: ClusterNode): Promise<boolean> {
  const late = new Promise<null>((resolve) => {
    setTimeout(() => resolve(null), STOP_MS_MAX);
  });
  const exit = await Promise.race([node.stop(), late]);
  return exit !== null && (exit.code === 0 || exit.signal === "SIGTERM");
}

test("SIGTERM at any moment of a start ends the node", async () => {
  const node = await madeNode("n1");
  node.startNew(["--bootstrap", `n1@${node.peerAddress}`]);
  await node.ready();
  const startedMs = performance.now();
  await node.stop();
  node.start();
  await node.ready();
  const wholeMs = performance.now() - startedMs;
  expect(await stopsSoon(node)).toBe(true);
  for (let part = 1; part <= 6; part += 1) {
    node.start();
    await new Promise((resolve) => setTimeout(resolve, (wholeMs * part) / 6));
    expect(await stopsSoon(node), `after ${part} sixths`).toBe(true);
  }
  node.start();
  await node.ready();
});

test("SIGTERM while nobody lets it in ends the node", async () => {
  const silent = createServer(() => undefined);
  await new Promise<void>((resolve) => {
    silent.listen(0, HOST, resolve);
  });
  onTestFinished(() => void silent.close());
  const address = silent.address();
  if (address === null || typeof address === "string") throw new Error("it listens");
  const node = await madeNode("n2");
  node.startNew(["--join", `${HOST}:${address.port}`]);
  await new Promise((resolve) => setTimeout(resolve, 2_000));
  expect(await stopsSoon(node)).toBe(true);
});
