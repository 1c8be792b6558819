/** Members that come and go while everything else happens. */
import { rmSync } from "node:fs";
import type { ClusterNode } from "../../support/cluster/cluster-node.ts";
import { between, endsWithin, type Fault, type FaultContext, pick } from "./fault.ts";

const VOTER_MS = 90_000;
const REFUSED_MS = 20_000;

export const memberFaults: readonly Fault[] = [
  { kind: "replace-member", covers: "M1", weight: 2, missing: null, strike: exchange },
  { kind: "wiped-directory", covers: "M4", weight: 2, missing: null, strike: wiped },
  { kind: "removed-comes-back", covers: "M3", weight: 1, missing: null, strike: removedReturns },
];

/** Removes `node` and lets a new one in. */
export async function replace(context: FaultContext, node: ClusterNode): Promise<ClusterNode> {
  await context.cluster.discard(node);
  return join(context);
}

async function join({ cluster }: FaultContext): Promise<ClusterNode> {
  const node = await cluster.join();
  await cluster.untilVoter(node, VOTER_MS);
  await node.ready(VOTER_MS);
  cluster.serve(node);
  return node;
}

/** One more, and then one less: whichever, the leader too. */
async function exchange(context: FaultContext): Promise<void> {
  const { cluster, random } = context;
  await join(context);
  await context.sleep(between(random, 0, 3_000));
  await cluster.discard(pick(random, cluster.nodes));
}

/** The directory is gone: under its old name the node must not get in again until it was removed. */
async function wiped(context: FaultContext): Promise<void> {
  const { cluster, random } = context;
  const node = pick(random, cluster.running);
  cluster.mayEnd(node);
  await node.kill();
  rmSync(node.data, { recursive: true, force: true });
  const [seed] = cluster.running;
  if (seed === undefined) throw new Error("nobody is left to ask");
  node.startNew(["--join", seed.peerAddress]);
  const exit = await endsWithin(node, REFUSED_MS);
  if (exit === null) {
    const { code } = await node.get("/readyz").catch(() => ({ code: 0 }));
    if (code === 200) context.fail(`${node.name} is a member again without its directory`);
    await node.kill();
  } else if (exit.code === 0) {
    // Its directory may stay: a question that went unanswered may have been carried out.
    context.fail(`${node.name} was not refused: it ended with ${exit.code}`);
  }
  await replace(context, node);
}

/** A removed node is started again: it must not serve anybody. */
async function removedReturns(context: FaultContext): Promise<void> {
  const { cluster } = context;
  const added = await join(context);
  await cluster.remove(added);
  added.start();
  try {
    for (let tries = 0; tries < 10; tries += 1) {
      await context.sleep(300);
      const { code } = await added.get("/readyz").catch(() => ({ code: 0 }));
      if (code === 200) context.fail(`${added.name} says it is ready although it was removed`);
    }
  } finally {
    await added.kill();
    rmSync(added.data, { recursive: true, force: true });
  }
}
