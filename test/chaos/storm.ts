/**
 * One run: a cluster, clients of all workloads, faults for some time, and then the judgement when
 * all is healed. Prints as it goes; answers what was found.
 */
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { SeededRandom } from "../../src/base/random.ts";
import type { Verdict } from "../checkers/history.ts";
import { ChaosCluster } from "./cluster/chaos-cluster.ts";
import { Cleanup } from "./cluster/cleanup.ts";
import { LoopDisk } from "./cluster/loop-disk.ts";
import { type MachineAbilities, probeMachine } from "./cluster/machine.ts";
import { finish } from "./finish.ts";
import { diskFaults } from "./nemesis/disk-faults.ts";
import type { Fault } from "./nemesis/fault.ts";
import { fileFaults } from "./nemesis/file-faults.ts";
import { memberFaults } from "./nemesis/member-faults.ts";
import { Nemesis } from "./nemesis/nemesis.ts";
import { networkFaults } from "./nemesis/network-faults.ts";
import { oldCopy } from "./nemesis/old-copy.ts";
import { processFaults } from "./nemesis/process-faults.ts";
import type { ChaosNetwork } from "./network/chaos-network.ts";
import { NamespacesNetwork } from "./network/namespaces.ts";
import { ProxiedNetwork } from "./network/proxied-network.ts";
import type { ChaosOptions } from "./options.ts";
import { BankWorkload } from "./workloads/bank.ts";
import { withNode } from "./workloads/client.ts";
import { Clients } from "./workloads/clients.ts";
import { LedgerWorkload } from "./workloads/ledger.ts";
import { ListAppendWorkload } from "./workloads/list-append.ts";
import { LongForkWorkload } from "./workloads/long-fork.ts";
import { OnCallWorkload } from "./workloads/on-call.ts";
import type { OutcomeCounts } from "./workloads/recorder.ts";
import { RegisterWorkload } from "./workloads/register.ts";
import { SerialIdsWorkload } from "./workloads/serial-ids.ts";
import { UniqueSetWorkload } from "./workloads/unique-set.ts";
import type { Workload } from "./workloads/workload.ts";

/**
 * Few entries a snapshot, so that truncation and catching up by snapshot happen all the time; twice
 * the usual time to an election, because five nodes and their clients share few cores.
 */
const NODE_SETTINGS = {
  "snapshot-entries": 100,
  "write-timeout-ms": 4_000,
  "heartbeat-ms": 100,
  "election-timeout-ms": 600,
};
const NODE_FLAGS = Object.entries(NODE_SETTINGS).flatMap(([name, value]) => [
  `--${name}`,
  String(value),
]);
const LINE_MS = 5_000;
/** Of the seed: apart from those of the nemesis and the clients. */
const PROXY_STREAM = 500;

export interface StormResult {
  readonly verdicts: ReadonlyMap<string, { counts: OutcomeCounts; verdict: Verdict }>;
  readonly faults: ReadonlyMap<string, number>;
  /** Faults that this machine cannot have, with what is missing. */
  readonly skipped: ReadonlyMap<string, string>;
  readonly failures: readonly string[];
  readonly notes: readonly string[];
  readonly unexpected: ReadonlyMap<string, number>;
  readonly directory: string;
}

type Say = (line: string) => void;

export async function storm(options: ChaosOptions, say: Say): Promise<StormResult> {
  const cleanup = new Cleanup();
  try {
    return await runStorm(options, say, cleanup);
  } finally {
    await cleanup.run();
  }
}

async function runStorm(options: ChaosOptions, say: Say, cleanup: Cleanup): Promise<StormResult> {
  const directory = mkdtempSync(join(tmpdir(), "synod-chaos-"));
  if (!options.keep) {
    cleanup.add(directory, () => rmSync(directory, { recursive: true, force: true }));
  }
  const machine = probeMachine();
  const network = await openNetwork(options, machine, say);
  cleanup.add("the network", () => network.close());
  const disk = smallDisk(options, machine, directory);
  if (disk !== null) cleanup.add(disk.path, () => disk.unmount());
  const cluster = new ChaosCluster({
    directory,
    network,
    smallDisk: disk?.path ?? null,
    flags: NODE_FLAGS,
  });
  cleanup.add("the nodes", () => cluster.end());
  say(`directory ${directory}, seed ${options.seed}, ${options.nodes} nodes, ${network.kind}`);
  await cluster.found(options.nodes);
  const workloads = makeWorkloads(directory);
  await createTables(cluster, workloads);
  const lanes = chooseFaults(options.only, [
    [...processFaults, ...diskFaults(machine, disk), ...fileFaults, ...memberFaults, oldCopy],
    networkFaults(network.fine),
  ]);
  const skipped = sayMissing(lanes.flat(), say);
  const { seed, clientsPerWorkload } = options;
  const clients = new Clients({ cluster, workloads, clientsPerWorkload, seed });
  const quietly: Say = options.verbose ? say : () => undefined;
  const nemesis = new Nemesis({ cluster, seed, lanes, say: quietly, alarm: say });
  clients.start();
  nemesis.start();
  await waitWithLines(options.seconds, () => line(clients.counts, nemesis), say);
  await nemesis.stop();
  const { verdicts, failures } = await finish({ cluster, clients, workloads, say });
  return {
    verdicts,
    faults: nemesis.counts,
    skipped,
    failures: [...nemesis.failures, ...cluster.unexpectedEnds, ...failures],
    notes: nemesis.notes,
    unexpected: clients.unexpected,
    directory,
  };
}

function openNetwork(
  { network, seed }: ChaosOptions,
  machine: MachineAbilities,
  say: Say,
): Promise<ChaosNetwork> {
  if (network === "namespaces" && machine.namespaces === null) return NamespacesNetwork.open();
  if (network === "namespaces") {
    say(`SKIPPED: network namespaces, this machine lacks ${machine.namespaces}; the proxy instead`);
  }
  return ProxiedNetwork.open(new SeededRandom(seed, PROXY_STREAM));
}

/** For the fault that needs it; null if it is not asked for or not to be had. */
function smallDisk(
  { only }: ChaosOptions,
  { loopDisk }: MachineAbilities,
  directory: string,
): LoopDisk | null {
  if (loopDisk !== null || (only.length > 0 && !only.includes("full-disk"))) return null;
  return LoopDisk.make(directory);
}

function makeWorkloads(directory: string): readonly Workload[] {
  const histories = join(directory, "histories");
  mkdirSync(histories);
  return [
    new RegisterWorkload(join(histories, "register.jsonl")),
    new ListAppendWorkload(join(histories, "list-append.jsonl")),
    new BankWorkload(join(histories, "bank.jsonl")),
    new UniqueSetWorkload(join(histories, "set.jsonl")),
    new LedgerWorkload(join(histories, "ledger.jsonl")),
    new LongForkWorkload(join(histories, "long-fork.jsonl")),
    new OnCallWorkload(join(histories, "on-call.jsonl")),
    new SerialIdsWorkload(join(histories, "serial-ids.jsonl")),
  ];
}

async function createTables(cluster: ChaosCluster, workloads: readonly Workload[]): Promise<void> {
  const leader = await cluster.untilLeader();
  await withNode(leader, async (client) => {
    for (const statement of workloads.flatMap(({ schema }) => schema))
      await client.query(statement);
  });
}

function chooseFaults(
  only: readonly string[],
  lanes: readonly (readonly Fault[])[],
): readonly (readonly Fault[])[] {
  const known = new Set(lanes.flat().map(({ kind }) => kind));
  const unknown = only.find((kind) => !known.has(kind));
  if (unknown !== undefined) {
    throw new Error(`--only ${unknown}: there is ${[...known].join(", ")}`);
  }
  if (only.length === 0) return lanes;
  return lanes.map((faults) => faults.filter(({ kind }) => only.includes(kind)));
}

function sayMissing(faults: readonly Fault[], say: Say): ReadonlyMap<string, string> {
  const skipped = new Map<string, string>();
  for (const { kind, missing } of faults) {
    if (missing === null) continue;
    skipped.set(kind, missing);
    say(`SKIPPED: ${kind}, this machine lacks ${missing}`);
  }
  return skipped;
}

async function waitWithLines(seconds: number, text: () => string, say: Say): Promise<void> {
  const startedMs = performance.now();
  const endMs = startedMs + seconds * 1_000;
  for (let nowMs = startedMs; nowMs < endMs; nowMs = performance.now()) {
    await setTimeout(Math.min(LINE_MS, endMs - nowMs));
    const elapsed = ((performance.now() - startedMs) / 1_000).toFixed(0).padStart(5);
    say(`${elapsed} s  ${text()}`);
  }
}

function line({ ok, failed, unknown }: OutcomeCounts, nemesis: Nemesis): string {
  const problems = nemesis.failures.length;
  const tail = problems === 0 ? "" : `, ${problems} PROBLEMS`;
  return `${nemesis.total} faults, operations: ${ok} ok, ${failed} failed, ${unknown} unknown${tail}`;
}
