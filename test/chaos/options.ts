/** What `npm run chaos` is told. */
import { parseArgs } from "node:util";

export interface ChaosOptions {
  /** "storm": all faults; the others measure. */
  readonly mode: "storm" | "leader-kills" | "latency";
  /** How long faults strike; what comes after them is bounded too. */
  readonly seconds: number;
  readonly seed: number;
  readonly nodes: number;
  readonly clientsPerWorkload: number;
  readonly network: "proxy" | "namespaces";
  readonly keep: boolean;
  /** Kinds of faults; empty: all. */
  readonly only: readonly string[];
  readonly leaderKills: number;
  /** Prints every fault, not only a line every few seconds. */
  readonly verbose: boolean;
}

export const USAGE = `usage: npm run chaos -- [options]

  --seconds N        how long faults strike (60)
  --seed S           what the nemesis draws (from the clock)
  --nodes N          members of the cluster (5)
  --clients N        clients of each workload (4)
  --only KIND,...    these faults alone; the list is in docs/chaos.md
  --network HOW      proxy (default) or namespaces
  --keep             leaves the directory: histories, logs, data
  --verbose          prints every fault
  --leader-kills N   measures instead: from the leader's death to the next acknowledged write
  --latency          measures instead: write latency with a dead node and with slow disks`;

const OPTIONS = {
  seconds: { type: "string" },
  seed: { type: "string" },
  nodes: { type: "string" },
  clients: { type: "string" },
  only: { type: "string" },
  network: { type: "string" },
  keep: { type: "boolean" },
  verbose: { type: "boolean" },
  "leader-kills": { type: "string" },
  latency: { type: "boolean" },
  help: { type: "boolean" },
} as const;

/** Null: help was asked for. Throws an Error for what makes no sense. */
export function parseOptions(args: readonly string[]): ChaosOptions | null {
  const { values } = parseArgs({ args: [...args], options: OPTIONS });
  if (values.help === true) return null;
  const leaderKills = whole(values["leader-kills"], "leader-kills", { fallback: 0, max: 10_000 });
  const network = values.network ?? "proxy";
  if (network !== "proxy" && network !== "namespaces") {
    throw new Error(`--network ${network}: give proxy or namespaces`);
  }
  const isMeasure = leaderKills > 0 || values.latency === true;
  return {
    mode: leaderKills > 0 ? "leader-kills" : values.latency === true ? "latency" : "storm",
    seconds: whole(values.seconds, "seconds", { fallback: isMeasure ? 20 : 60, max: 86_400 }),
    seed: whole(values.seed, "seed", { fallback: Date.now() % 1_000_000, max: 2 ** 32 - 1 }),
    nodes: whole(values.nodes, "nodes", { fallback: isMeasure ? 3 : 5, max: 9 }),
    clientsPerWorkload: whole(values.clients, "clients", { fallback: 4, max: 100 }),
    network,
    keep: values.keep ?? false,
    only: values.only?.split(",") ?? [],
    leaderKills,
    verbose: values.verbose ?? false,
  };
}

function whole(
  text: string | undefined,
  name: string,
  { fallback, max }: { readonly fallback: number; readonly max: number },
): number {
  if (text === undefined) return fallback;
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0 || value > max) {
    throw new Error(`--${name} ${text}: give a whole number up to ${max}`);
  }
  return value;
}
