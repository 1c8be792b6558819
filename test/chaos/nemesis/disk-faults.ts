/** Disks that are slow, fail or are full while the node runs. */
import type { ClusterNode } from "../../support/cluster/cluster-node.ts";
import { DURABLE_CALLS, durableFiles } from "../cluster/durable-files.ts";
import type { LoopDisk } from "../cluster/loop-disk.ts";
import { type MachineAbilities, Strace } from "../cluster/machine.ts";
import { between, endsWithin, type Fault, type FaultContext, leaderOrAny, pick } from "./fault.ts";

const READY_MS = 60_000;
/** A node that was told of a broken disk ends within this, clients or not. */
const ENDS_MS = 15_000;

export function diskFaults(machine: MachineAbilities, disk: LoopDisk | null): readonly Fault[] {
  const { strace: missing } = machine;
  return [
    {
      kind: "slow-disk-leader",
      covers: "D12",
      weight: 2,
      missing,
      strike: async (context) => slow(context, await leaderOrAny(context)),
    },
    {
      kind: "slow-disk-any",
      covers: "D12",
      weight: 1,
      missing,
      strike: (context) => slow(context, pick(context.random, context.cluster.running)),
    },
    { kind: "sync-error", covers: "D3", weight: 2, missing, strike: syncError },
    { kind: "write-no-space", covers: "D5", weight: 1, missing, strike: writeError },
    {
      kind: "full-disk",
      covers: "D5",
      weight: 2,
      missing: disk === null ? (machine.loopDisk ?? "no node on a small disk") : null,
      strike: async (context) => {
        if (disk !== null) await fullDisk(context, disk);
      },
    },
  ];
}

/** Whatever has to be durable takes that much longer. */
async function slow(context: FaultContext, node: ClusterNode): Promise<void> {
  const { random } = context;
  const delayMs = pick(random, [20, 100, 400, 1_500]);
  const injection = `${DURABLE_CALLS}:delay_enter=${delayMs}ms`;
  const strace = await Strace.attach(node.processId, injection, durableFiles(node.data));
  await context.sleep(between(random, 2_000, 8_000));
  await strace.detach();
}

async function syncError(context: FaultContext): Promise<void> {
  const node = pick(context.random, context.cluster.running);
  const injection = `${DURABLE_CALLS}:error=EIO:when=1`;
  await breakUntilEnd(context, node, { injection, paths: durableFiles(node.data) });
}

async function writeError(context: FaultContext): Promise<void> {
  const node = pick(context.random, context.cluster.running);
  const count = between(context.random, 1, 20);
  await breakUntilEnd(context, node, { injection: `pwrite64:error=ENOSPC:when=${count}` });
}

/** The node must say what happened and end: what it could not write it must not have promised. */
async function breakUntilEnd(
  context: FaultContext,
  node: ClusterNode,
  { injection, paths = [] }: { readonly injection: string; readonly paths?: readonly string[] },
): Promise<void> {
  const { cluster } = context;
  cluster.mayEnd(node);
  const strace = await Strace.attach(node.processId, injection, paths);
  const ended = await endsWithin(node, ENDS_MS);
  await strace.detach();
  if (ended === null) {
    context.note(`${node.name} did not end after ${injection}`);
    await node.kill();
  }
  await context.sleep(between(context.random, 0, 2_000));
  cluster.start(node);
  await cluster.recovered(node, READY_MS);
}

/** The node on the small disk runs out of space, and has it again later. */
async function fullDisk(context: FaultContext, disk: LoopDisk): Promise<void> {
  const { cluster, random } = context;
  const node = cluster.onSmallDisk;
  if (node === null) throw new Error("no member is on the small disk");
  cluster.mayEnd(node);
  try {
    disk.fill(between(random, 0, 64) * 1024);
    const ended = await endsWithin(node, between(random, 2_000, 9_000));
    if (ended !== null) {
      // A restart on a full disk must end again, or work; it must not do harm.
      cluster.start(node);
      await endsWithin(node, 2_000);
    }
  } finally {
    disk.empty();
  }
  await node.kill();
  cluster.start(node);
  await cluster.recovered(node, READY_MS);
}
