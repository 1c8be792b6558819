/**
 * The end of a run: everything is healed, every node must be ready again and hold the same, a node
 * that joins now must get the same content from snapshot and log, and then the histories are judged.
 */
import type { Verdict } from "../checkers/history.ts";
import type { ChaosCluster } from "./cluster/chaos-cluster.ts";
import type { Clients } from "./workloads/clients.ts";
import type { OutcomeCounts } from "./workloads/recorder.ts";
import type { Workload } from "./workloads/workload.ts";

const READY_MS = 90_000;
const JOIN_MS = 90_000;

export interface FinishParts {
  readonly cluster: ChaosCluster;
  readonly clients: Clients;
  readonly workloads: readonly Workload[];
  readonly say: (line: string) => void;
}

export interface Finished {
  readonly verdicts: ReadonlyMap<string, { counts: OutcomeCounts; verdict: Verdict }>;
  readonly failures: readonly string[];
}

export async function finish(parts: FinishParts): Promise<Finished> {
  const { cluster, clients, workloads, say } = parts;
  const failures: string[] = [];
  const attempt = async (what: string, work: () => Promise<void>): Promise<void> => {
    try {
      await work();
      say(`${what}: yes`);
    } catch (error) {
      failures.push(`${what}: ${error instanceof Error ? error.message : String(error)}`);
      say(`${what}: NO`);
    }
  };
  await cluster.network.heal();
  cluster.revive();
  await attempt("all nodes are ready when everything is healed", async () => {
    await Promise.all(cluster.nodes.map((node) => node.ready(READY_MS)));
  });
  await attempt("clients write through every node", () => writesGoOn(parts));
  await clients.stop();
  await attempt("all nodes hold the same", () => sameContent(cluster));
  await attempt("a node that joins now gets the same", async () => {
    const fresh = await cluster.join();
    await cluster.untilVoter(fresh, JOIN_MS);
    await fresh.ready(JOIN_MS);
    const statuses = await Promise.all(cluster.running.map((node) => node.status()));
    const others = statuses.filter(({ node }) => node.id !== fresh.name);
    const own = statuses.find(({ node }) => node.id === fresh.name);
    // Where every other one has cut its log off, there is no other way than through a snapshot.
    if (others.every(({ truncationFloor }) => truncationFloor > 0) && own?.snapshotIndex === 0) {
      throw new Error(`${fresh.name} got no snapshot`);
    }
    await sameContent(cluster);
  });
  await attempt("what was acknowledged can be read on every node", async () => {
    for (const workload of workloads) {
      for (const node of cluster.running) await workload.readFinal(node);
    }
  });
  const verdicts = new Map<string, { counts: OutcomeCounts; verdict: Verdict }>();
  for (const workload of workloads) {
    await workload.close();
    say(`checking ${workload.name} …`);
    verdicts.set(workload.name, { counts: workload.counts, verdict: workload.check() });
  }
  return { verdicts, failures };
}

/** Every workload gets on, on its own, once nothing is broken any more. */
async function writesGoOn({ workloads }: FinishParts): Promise<void> {
  const before = workloads.map(({ counts }) => counts.ok);
  const endMs = performance.now() + 20_000;
  for (;;) {
    const stuck = workloads.filter(({ counts }, at) => counts.ok < (before[at] ?? 0) + 20);
    if (stuck.length === 0) return;
    if (performance.now() > endMs) {
      throw new Error(`no progress of ${stuck.map(({ name }) => name).join(", ")}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

async function sameContent(cluster: ChaosCluster): Promise<void> {
  const hashes = await cluster.hashesAtOneSlot(cluster.running);
  if (new Set(hashes.map(({ hash }) => hash)).size === 1) return;
  const texts = cluster.running.map(({ name }, at) => `${name} ${hashes[at]?.hash}`);
  throw new Error(`they differ at slot ${hashes[0]?.appliedIndex}: ${texts.join(", ")}`);
}
