/**
 * Goal: a short run of `npm run chaos` is clean, and its checkers can fail. Method: one seed with
 * kills, pauses and partitions, all workloads at once; then a copy of the built program with one
 * planted mistake, of which the same run must find the consequence.
 */
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, onTestFinished, test } from "vitest";
import { type Finished, runProgram } from "../support/cluster/program.ts";

const DIST = fileURLToPath(new URL("../../dist", import.meta.url));
const RUN_MS_MAX = 240_000;
const KINDS =
  "kill-leader,kill-any,kill-all,pause-leader,pause-some,partition-halves,isolate-leader,one-way-from-leader,chain,cut-frames";

function chaos(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const program = join(DIST, "test/chaos/main.js");
  return runProgram(process.execPath, ["--enable-source-maps", program, ...args], {
    env,
    deadlineMs: RUN_MS_MAX,
  });
}

/** A copy of the built program in which `before` was replaced; removed when the test has ended. */
function mutant(name: string, file: string, before: string, after: string): string {
  const copy = join(DIST, "mutants", `${name}-${process.pid}`);
  onTestFinished(() => rmSync(copy, { recursive: true, force: true }));
  mkdirSync(copy, { recursive: true });
  for (const part of ["src", "wal", "snapshots"]) {
    cpSync(join(DIST, part), join(copy, part), { recursive: true });
  }
  const path = join(copy, file);
  const parts = readFileSync(path, "utf8").split(before);
  expect(parts, `${before} is once in ${file}`).toHaveLength(2);
  writeFileSync(path, parts.join(after));
  return join(copy, "src/main.js");
}

function expectExit(run: Finished, code: number): void {
  expect(run.code, `${run.stdout}\n${run.stderr}`).toBe(code);
}

describe("chaos over real processes", () => {
  test(
    "kills, pauses and partitions under all workloads: every checker says valid",
    async () => {
      const args = ["--seconds", "25", "--seed", "7", "--nodes", "3", "--only", KINDS];
      const run = await chaos(args);
      expectExit(run, 0);
      expect(run.stdout).toContain("all held");
      for (const workload of ["register", "list-append", "bank", "set", "ledger"]) {
        expect(run.stdout).toMatch(new RegExp(`^${workload} +[1-9]\\d* +\\d+ +\\d+ +valid$`, "m"));
      }
    },
    RUN_MS_MAX,
  );

  test(
    "a build whose reads ask no quorum: a checker finds the stale read",
    async () => {
      const main = mutant(
        "stale-reads",
        "src/node/gateway.js",
        "if (!consistency.stale)",
        "if (false)",
      );
      const args = ["--seconds", "10", "--seed", "7", "--nodes", "3", "--only", "delay"];
      const run = await chaos(args, { SYNOD_MAIN: main });
      expectExit(run, 1);
      expect(run.stdout).toMatch(/^(register|list-append|set) .*INVALID/m);
    },
    RUN_MS_MAX,
  );
});
