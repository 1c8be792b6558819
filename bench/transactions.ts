/**
 * `npm run bench:transactions [-- --seconds N --clients 1,16,64 --scales 1,10]`: interactive
 * transactions, each statement a message of its own, prepared.
 *
 * 1. pgbench's TPC-B script (tpcb-like), beside PostgreSQL with two quorum-synchronous standbys where
 *    its server is installed, one after the other on the same machine. Each runs unmeasured first, as a
 *    server that has been up for a while. Afterwards the sums of all balances and of the history must be
 *    the same, on every node.
 * 2. Clients that read one row and then change it, of 1 and of 100 rows: how many get through.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { initialize, type Measurement, measure, oneRow, runSql } from "./pgbench.ts";
import { postgresBinaries, startPostgres } from "./postgres-cluster.ts";
import { startSynod } from "./synod-cluster.ts";
import type { Contender, Target } from "./target.ts";

interface Row {
  readonly contender: string;
  readonly workload: string;
  readonly clients: number;
  readonly measured: Measurement;
}

const SUMS = `SELECT (SELECT sum(bbalance) FROM pgbench_branches), (SELECT sum(tbalance) FROM pgbench_tellers),
  (SELECT sum(abalance) FROM pgbench_accounts), (SELECT coalesce(sum(delta), 0) FROM pgbench_history)`;

const READ_THEN_CHANGE = `\\set k random(1, :rows)
BEGIN;
SELECT v FROM hot WHERE k = :k \\gset
\\set changed :v + 1
UPDATE hot SET v = :changed WHERE k = :k;
END;
`;

/** Caches are filled and programs compiled by then. */
const WARM_UP_SECONDS = 5;
const WARM_UP_CLIENTS = 16;

const say = (line: string): void => void process.stdout.write(`${line}\n`);

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "10" },
    clients: { type: "string", default: "1,16,64" },
    scales: { type: "string", default: "1,10" },
  },
});
const seconds = Number(values.seconds);
const clientCounts = values.clients.split(",").map(Number);
const scales = values.scales.split(",").map(Number);

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
  const [target] = contender.targets;
  try {
    if (target === undefined) return;
    for (const scale of scales) await measureTpcb(name, contender, target, scale);
    await measureContention(name, target);
  } finally {
    await contender.stop();
  }
}

async function measureTpcb(
  name: string,
  contender: Contender,
  target: Target,
  scale: number,
): Promise<void> {
  await initialize(target, scale);
  const script = ["--builtin=tpcb-like", "--max-tries=10", `--scale=${scale}`];
  await measure(target, { script, clients: WARM_UP_CLIENTS, seconds: WARM_UP_SECONDS });
  for (const clients of clientCounts) {
    const measured = await measure(target, { script, clients, seconds });
    record({ contender: name, workload: `TPC-B, scale ${scale}`, clients, measured });
  }
  for (const node of contender.nodes) {
    const sums = (await oneRow(node, SUMS)).split("|");
    if (new Set(sums).size !== 1) throw new Error(`${node.name}: the sums differ: ${sums.join()}`);
    say(`  ${node.name}: all sums are ${sums[0]}`);
  }
}

async function measureContention(name: string, target: Target): Promise<void> {
  await runSql(
    target,
    "CREATE TABLE hot (k int PRIMARY KEY, v int NOT NULL); INSERT INTO hot SELECT g, 0 FROM generate_series(1, 100) AS g",
  );
  // Under PostgreSQL's own default updates would be lost, and nobody would have to try again.
  process.env["PGOPTIONS"] = "-c default_transaction_isolation=serializable";
  const path = join(scripts, "read-then-change.sql");
  writeFileSync(path, READ_THEN_CHANGE);
  for (const count of [1, 100]) {
    const script = [`--file=${path}`, `--define=rows=${count}`, "--max-tries=1000"];
    for (const clients of clientCounts) {
      const measured = await measure(target, { script, clients, seconds });
      record({ contender: name, workload: `read, then change, ${count} rows`, clients, measured });
    }
  }
  delete process.env["PGOPTIONS"];
}

function record(row: Row): void {
  rows.push(row);
  const { transactionsPerSecond, latencyMs, failed, retries } = row.measured;
  const rest = `${latencyMs.toFixed(2)} ms, ${retries} retries, ${failed} failed`;
  say(
    `  ${row.contender}, ${row.workload}, ${row.clients} clients: ${Math.round(transactionsPerSecond)}/s, ${rest}`,
  );
}

function printTable(): void {
  say(`\n${cpus().length} cores, ${seconds} s each, pgbench -M prepared\n`);
  say("| workload | clients | Synod/s | retries | PostgreSQL/s | ratio |");
  say("| --- | --- | --- | --- | --- | --- |");
  for (const { workload, clients, measured } of rows.filter((row) => row.contender === "Synod")) {
    const other = rows.find(
      (row) =>
        row.contender === "PostgreSQL" && row.workload === workload && row.clients === clients,
    )?.measured.transactionsPerSecond;
    const ours = measured.transactionsPerSecond;
    const cells = [workload, clients, Math.round(ours), measured.retries];
    const theirs =
      other === undefined ? ["-", "-"] : [Math.round(other), (ours / other).toFixed(2)];
    say(`| ${[...cells, ...theirs].join(" | ")} |`);
  }
}
