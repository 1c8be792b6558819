import { mustRun, runToEnd } from "./child.ts";
import type { Target } from "./target.ts";

/** pgbench's own tables, filled as plain `pgbench -i` does, but for VACUUM. */
export async function initialize(target: Target, scale: number): Promise<void> {
  const steps = "--init-steps=dtgp";
  await mustRun("pgbench", [
    ...connection(target),
    "--initialize",
    steps,
    `--scale=${scale}`,
    "--quiet",
    target.database,
  ]);
}

/** The one row of a query, its values separated by bars. */
export async function oneRow(target: Target, sql: string): Promise<string> {
  const output = await mustRun("psql", [...connection(target), "-d", target.database, "-Atc", sql]);
  return output.trim();
}

export interface Measurement {
  readonly transactionsPerSecond: number;
  readonly latencyMs: number;
  /** Transactions that did not commit, after all tries. */
  readonly failed: number;
  /** Tries beyond the first. */
  readonly retries: number;
}

export interface Load {
  /** pgbench's options that say what to run: a script's file, or a script of its own. */
  readonly script: readonly string[];
  readonly clients: number;
  readonly seconds: number;
}

function connection({ host, port, user }: Target): string[] {
  return ["-h", host, "-p", `${port}`, "-U", user];
}

/** Runs SQL through psql; throws with its output if it fails. */
export async function runSql(target: Target, sql: string): Promise<void> {
  const options = ["-d", target.database, "-v", "ON_ERROR_STOP=1", "-q", "-c", sql];
  await mustRun("psql", [...connection(target), ...options]);
}

/** One pgbench run with prepared statements. */
export async function measure(target: Target, load: Load): Promise<Measurement> {
  const threads = Math.min(2, load.clients);
  const { code, output } = await runToEnd("pgbench", [
    ...connection(target),
    "--no-vacuum",
    "--protocol=prepared",
    ...load.script,
    `--time=${load.seconds}`,
    `--client=${load.clients}`,
    `--jobs=${threads}`,
    target.database,
  ]);
  if (code !== 0) throw new Error(`pgbench failed:\n${output}`);
  return {
    transactionsPerSecond: numberIn(output, /tps = ([\d.]+) \(without/),
    latencyMs: numberIn(output, /latency average = ([\d.]+) ms/),
    failed: numberIn(output, /number of failed transactions: (\d+)/),
    retries: Number(/total number of retries: (\d+)/.exec(output)?.[1] ?? 0),
  };
}

function numberIn(output: string, pattern: RegExp): number {
  const match = pattern.exec(output);
  if (match?.[1] === undefined) throw new Error(`pgbench printed no ${pattern.source}:\n${output}`);
  return Number(match[1]);
}
