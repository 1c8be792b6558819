/**
 * Bytes that change while a node is stopped. It must notice and mend it from the others, or refuse
 * to run; then it is replaced as operators are told to: removed, and a new node joins.
 *
 * A node is stopped in order first. Rot in the very last record of a node that was killed cannot be
 * told from a write that was cut short (docs/wal-format.md); that is no rot but a crash.
 */
import { closeSync, openSync, readdirSync, readSync, statSync, writeSync } from "node:fs";
import { join } from "node:path";
import type { Random } from "../../../src/base/random.ts";
import type { ClusterNode } from "../../support/cluster/cluster-node.ts";
import { partsOf } from "../cluster/chaos-cluster.ts";
import { between, type Fault, type FaultContext, pick } from "./fault.ts";
import { replace } from "./member-faults.ts";

const READY_MS = 60_000;
/** Up to the newest bytes of the largest file. */
const FLIPS_MAX = 8;

export const fileFaults: readonly Fault[] = [
  damage("flip-wal", "D6 D7", (node) => filesBelow(partsOf(node).wal)),
  damage("flip-metadata", "D11", (node, random) => {
    const both = filesBelow(node.data, false).filter((path) =>
      /(state|identity)\.[ab]$/.test(path),
    );
    // One of two copies, mostly; now and then both.
    return random.below(4) === 0 ? both : both.slice(0, 1);
  }),
  damage("flip-snapshot", "S2", (node) => filesBelow(partsOf(node).snapshots)),
  damage("flip-sqlite", "D14", (node) => filesBelow(partsOf(node).files)),
];

type ChooseFiles = (node: ClusterNode, random: Random) => readonly string[];

function damage(kind: string, covers: string, choose: ChooseFiles): Fault {
  return {
    kind,
    covers,
    weight: 2,
    missing: null,
    strike: (context) => strike(context, choose),
  };
}

async function strike(context: FaultContext, choose: ChooseFiles): Promise<void> {
  const { cluster, random } = context;
  const node = pick(random, cluster.running);
  cluster.mayEnd(node);
  cluster.withhold(node);
  const { code } = await node.stop();
  if (code !== 0) context.note(`${node.name} was stopped and ended with ${code}`);
  const files = choose(node, random).filter((path) => statSync(path).size > 0);
  if (files.length > 0) {
    for (let flips = between(random, 1, FLIPS_MAX); flips > 0; flips -= 1) {
      flip(pick(random, files), random);
    }
  }
  cluster.start(node);
  const isUp = await node.ready(READY_MS).then(
    () => true,
    () => false,
  );
  const isSame = isUp && (await hasSameContent(context, node));
  if (isSame) {
    cluster.serve(node);
    return;
  }
  if (isUp) context.note(`${node.name} runs, but its content differs or cannot be read; replaced`);
  else context.note(`${node.name} refused: ${lastWords(node.log)}; replaced`);
  await replace(context, node);
}

/** Turns one bit somewhere in what the file really holds. */
function flip(path: string, random: Random): void {
  const file = openSync(path, "r+");
  try {
    const byte = Buffer.alloc(1);
    const size = statSync(path).size;
    // Segments are made at full length and mostly empty: prefer where something was written.
    for (let tries = 0; tries < 200; tries += 1) {
      const at = random.below(size);
      readSync(file, byte, 0, 1, at);
      if (byte.readUInt8(0) === 0 && tries < 199) continue;
      byte.writeUInt8(byte.readUInt8(0) ^ (1 << random.below(8)), 0);
      writeSync(file, byte, 0, 1, at);
      return;
    }
  } finally {
    closeSync(file);
  }
}

function filesBelow(directory: string, deep = true): string[] {
  return readdirSync(directory, { withFileTypes: true }).flatMap((entry) => {
    const path = join(directory, entry.name);
    if (entry.isFile()) return [path];
    return deep && entry.isDirectory() ? filesBelow(path) : [];
  });
}

/** Compared with another node, at one slot: clients go on writing, so it may take a few tries. */
async function hasSameContent({ cluster }: FaultContext, node: ClusterNode): Promise<boolean> {
  const other = cluster.running.find((candidate) => candidate !== node);
  if (other === undefined) return true;
  // A page that cannot be read is found by whoever reads everything.
  const isReadable = await node.contentHash().then(
    () => true,
    () => false,
  );
  if (!isReadable) return false;
  return cluster.paused(async () => {
    const hashes = await cluster.hashesAtOneSlot([node, other]);
    return new Set(hashes.map(({ hash }) => hash)).size === 1;
  });
}

/** What the process said before it ended, which may be longer than a line. */
function lastWords(text: string): string {
  const from = Math.max(0, text.lastIndexOf("synod: "));
  return text.slice(from).replace(/\s+/g, " ").slice(0, 160);
}
