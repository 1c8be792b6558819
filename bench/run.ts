/**
 * `npm run bench [-- --seconds N --clients 1,16,64]`: pgbench with prepared statements against a
 * three-node cluster and, where its server is installed, PostgreSQL with two quorum-synchronous
 * standbys, one after the other on the same machine. Absolute figures move from machine to machine
 * and hour to hour; the ratio in one run is what counts.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { type Measurement, measure, runSql } from "./pgbench.ts";
import { postgresBinaries, startPostgres } from "./postgres-cluster.ts";
import { startSynod } from "./synod-cluster.ts";
import type { Contender, Target } from "./target.ts";
import { SET_UP, workloads } from "./workloads.ts";

interface Row {
  readonly target: string;
  readonly workload: string;
  readonly clients: number;
  readonly measured: Measurement;
}

const say = (line: string): void => void process.stdout.write(`${line}\n`);

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "10" },
    clients: { type: "string", default: "1,16,64" },
  },
});
const seconds = Number(values.seconds);
const clientCounts = values.clients.split(",").map(Number);

const scripts = mkdtempSync(join(tmpdir(), "synod-bench-scripts-"));
const rows: Row[] = [];
try {
  await measureContender("Synod", startSynod);
  const binaries = postgresBinaries();
  if (binaries === null) say("PostgreSQL's server is not installed: measured without it.");
  else await measureContender("PostgreSQL", () => startPostgres(binaries));
} finally {
  rmSync(scripts, { recursive: true, force: true });
}
printTable();

async function measureContender(name: string, start: () => Promise<Contender>): Promise<void> {
  say(`Starting ${name} …`);
  const contender = await start();
  try {
    const [first] = contender.targets;
    if (first !== undefined) await runSql(first, SET_UP);
    for (const target of contender.targets) await measureTarget(target);
  } finally {
    await contender.stop();
  }
}

async function measureTarget(target: Target): Promise<void> {
  for (const { name, script } of workloads) {
    const path = join(scripts, "script.sql");
    writeFileSync(path, script);
    for (const clients of clientCounts) {
      const measured = await measure(target, { script: [`--file=${path}`], clients, seconds });
      rows.push({ target: target.name, workload: name, clients, measured });
      say(`  ${target.name}, ${name}, ${clients} clients: ${format(measured)}`);
    }
  }
}

function format({ transactionsPerSecond, latencyMs, failed }: Measurement): string {
  const failures = failed === 0 ? "" : `, ${failed} FAILED`;
  return `${Math.round(transactionsPerSecond)}/s, ${latencyMs.toFixed(2)} ms${failures}`;
}

function printTable(): void {
  say(`\n${cpus().length} cores, ${seconds} s each, pgbench -M prepared\n`);
  say("| workload | clients | target | per second | latency ms | ratio to PostgreSQL |");
  say("| --- | --- | --- | --- | --- | --- |");
  for (const { workload, clients, target, measured } of rows) {
    const { transactionsPerSecond, latencyMs } = measured;
    const cells = [workload, clients, target, Math.round(transactionsPerSecond)];
    say(`| ${[...cells, latencyMs.toFixed(2), ratio(workload, clients, measured)].join(" | ")} |`);
  }
}

function ratio(workload: string, clients: number, measured: Measurement): string {
  const base = rows.find(
    (row) =>
      row.workload === workload && row.clients === clients && row.target.startsWith("PostgreSQL"),
  );
  if (base === undefined) return "-";
  return (measured.transactionsPerSecond / base.measured.transactionsPerSecond).toFixed(2);
}
