/**
 * Goal: no seed breaks an invariant of the consensus core, whatever the network, the disks, crashes
 * and membership changes do. Method: test/simulator/core-world/; seeds that once failed, a fixed
 * range of seeds, run twice, and as many fresh ones as fit into the time. SIM_SEED=n repeats one
 * seed, SIM_SECONDS=n searches longer.
 */
import { expect, test } from "vitest";
import { systemRandom } from "../../src/base/random.ts";
import { CORE_MARKS } from "../simulator/core-world/core-marks.ts";
import { simulateCore } from "../simulator/core-world/core-world.ts";
import { reportOf } from "../simulator/core-world/report.ts";
import { missingMarks, tally, undeclared } from "../simulator/marks.ts";

const FIXED_SEEDS = 90;
const FRESH_SECONDS = Number(process.env["SIM_SECONDS"] ?? 8);
const SEED_WITH_LOSS = 3;
const ONE_SEED = process.env["SIM_SEED"];

/**
 * Seeds that once broke an invariant: each stays. 54, 153, 184 and 307: what is lost for good; 304:
 * N7 within four timeouts; 52 and 200704: one leader change in a chain; 200599: a leader that dies
 * of a membership change; 302347: a leader that has repaired what it lost;
 * 509282: a learner that asks one node only; 603206: what only
 * a removed node has; 710022: two members of which one lost records. (What earlier worlds found has its tests in test/unit/paxos.)
 */
const REGRESSIONS = [
  52, 54, 153, 184, 304, 307, 200_599, 200_704, 302_347, 509_282, 603_206, 710_022, 685_639_010,
  30_011_142, 40_001_160,
];

function check(seed: number, counts: Map<string, number>): string {
  const result = simulateCore(seed);
  if (result.violation !== null) throw new Error(reportOf(result));
  tally(counts, result.counts);
  return result.traceHash;
}

test.runIf(ONE_SEED !== undefined)("one seed, as asked", () => {
  expect(reportOf(simulateCore(Number(ONE_SEED)))).toBe(`seed ${ONE_SEED}: no violation`);
});

test.runIf(ONE_SEED === undefined)("seeds that once failed hold every invariant", () => {
  const counts = new Map<string, number>();
  for (const seed of REGRESSIONS) check(seed, counts);
  expect(counts.get("elected")).toBe(REGRESSIONS.length);
});

test.runIf(ONE_SEED === undefined)(
  "the fixed seeds hold every invariant, meet what they should, and run the same twice",
  () => {
    const counts = new Map<string, number>();
    const hashes = new Set<string>();
    for (let seed = 1; seed <= FIXED_SEEDS; seed += 1) {
      const hash = check(seed, counts);
      hashes.add(hash);
      expect(check(seed, new Map())).toBe(hash);
    }
    expect(hashes.size).toBe(FIXED_SEEDS);
    expect(missingMarks(CORE_MARKS, counts, FIXED_SEEDS)).toEqual([]);
    expect(undeclared(CORE_MARKS, counts)).toEqual([]);
  },
);

test.runIf(ONE_SEED === undefined)("faults are left out by their class or their number", () => {
  const whole = simulateCore(SEED_WITH_LOSS);
  const calmer = simulateCore(SEED_WITH_LOSS, { without: new Set(["loss"]) });
  expect(whole.counts.get("loss")).toBeGreaterThan(0);
  expect(calmer.counts.has("loss")).toBe(false);
  const lines: string[] = [];
  const skip = new Set([1]);
  simulateCore(SEED_WITH_LOSS, { skip, onEvent: (line) => lines.push(line) });
  const faults = lines.filter((line) => line.includes(" fault "));
  expect(faults[0]).toMatch(/ 2$/);
  expect(simulateCore(SEED_WITH_LOSS, { skip }).traceHash).not.toBe(whole.traceHash);
});

test.runIf(ONE_SEED === undefined)(
  "fresh seeds hold every invariant",
  () => {
    const until = performance.now() + FRESH_SECONDS * 1000;
    const counts = new Map<string, number>();
    let seeds = 0;
    while (performance.now() < until) {
      const seed = systemRandom.u32();
      const hash = check(seed, counts);
      expect(check(seed, new Map()), `seed ${seed} runs the same twice`).toBe(hash);
      seeds += 1;
    }
    expect(seeds).toBeGreaterThan(0);
    expect(missingMarks(CORE_MARKS, counts, seeds)).toEqual([]);
  },
  Math.max(120_000, 3000 * FRESH_SECONDS),
);
