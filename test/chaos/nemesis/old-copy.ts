/**
 * A data directory that is put back from an older copy, which operations.md forbids. Shows what the
 * product makes of it; not in the mix, because what it may cost is known.
 */
import { cpSync, renameSync, rmSync } from "node:fs";
import { between, type Fault, type FaultContext, pick } from "./fault.ts";

const READY_MS = 30_000;

export const oldCopy: Fault = {
  kind: "old-copy",
  covers: "M5",
  weight: 0,
  missing: null,
  strike,
};

async function strike(context: FaultContext): Promise<void> {
  const { cluster, random } = context;
  const node = pick(random, cluster.running);
  const copy = `${node.data}.old`;
  cluster.mayEnd(node);
  await node.stop();
  cpSync(node.data, copy, { recursive: true });
  cluster.start(node);
  await node.ready();
  const before = (await node.status()).chosenIndex;
  await context.sleep(between(random, 1_000, 6_000));
  const forgotten = (await node.status()).chosenIndex - before;
  await node.stop();
  rmSync(node.data, { recursive: true });
  renameSync(copy, node.data);
  cluster.start(node);
  const isUp = await node.ready(READY_MS).then(
    () => true,
    () => false,
  );
  context.note(
    isUp ? "it was taken back" : `it was refused: ${node.log.trimEnd().split("\n").at(-1)}`,
  );
  if (forgotten === 0) context.note("nothing had been written since the copy");
  if (!isUp) throw new Error(`${node.name} did not come back`);
  cluster.serve(node);
}
