/**
 * Goal: nothing that happens to whole nodes loses, doubles or reorders what clients were told.
 * Method: test/simulator/node-world/: seeds that once failed; a fixed range, run twice, over the
 * small state machine and over SQLite; and as many fresh ones as fit into the time. SIM_SECONDS=n
 * searches longer; `npm run sim` repeats single seeds.
 */
import { expect, test } from "vitest";
import { systemRandom } from "../../src/base/random.ts";
import { describeFailure, failureOf } from "../simulator/failure.ts";
import { missingMarks, tally, undeclared } from "../simulator/marks.ts";
import { NODE_MARKS } from "../simulator/node-world/node-marks.ts";
import { WORLDS, type WorldName } from "../simulator/worlds.ts";

const SMALL_SEEDS = 40;
const SQLITE_SEEDS = 8;
const FRESH_SECONDS = Number(process.env["SIM_SECONDS"] ?? 10);

/**
 * Seeds that once broke an invariant: each stays. 38: a freed segment took the name of the one that
 * was being made, and the log was written to a file without a name; 1447809043: two members of which
 * one lost records.
 */
const REGRESSIONS = [38, 1_447_809_043];

async function check(world: WorldName, seed: number, counts: Map<string, number>): Promise<string> {
  const result = await WORLDS[world].simulate(seed);
  const failure = failureOf(world, result);
  if (failure !== null) throw new Error(describeFailure(failure));
  tally(counts, result.counts);
  return result.traceHash;
}

async function checkTwice(world: WorldName, seeds: number): Promise<ReadonlyMap<string, number>> {
  const counts = new Map<string, number>();
  const hashes = new Set<string>();
  for (let seed = 1; seed <= seeds; seed += 1) {
    const hash = await check(world, seed, counts);
    hashes.add(hash);
    expect(await check(world, seed, new Map()), `seed ${seed} runs the same twice`).toBe(hash);
  }
  expect(hashes.size).toBe(seeds);
  return counts;
}

test("seeds that once failed hold every invariant", async () => {
  const counts = new Map<string, number>();
  for (const seed of REGRESSIONS) await check("nodes", seed, counts);
  expect(counts.get("operation ok")).toBe(REGRESSIONS.length);
});

test("the fixed seeds hold every invariant, meet what they should, and run the same twice", async () => {
  const counts = await checkTwice("nodes", SMALL_SEEDS);
  expect(missingMarks(NODE_MARKS, counts, SMALL_SEEDS)).toEqual([]);
  expect(undeclared(NODE_MARKS, counts)).toEqual([]);
});

test("the same with SQLite in it", async () => {
  const counts = await checkTwice("sqlite", SQLITE_SEEDS);
  expect(counts.get("operation ok")).toBe(SQLITE_SEEDS);
});

test(
  "fresh seeds hold every invariant",
  async () => {
    const until = performance.now() + FRESH_SECONDS * 1000;
    const counts = new Map<string, number>();
    let seeds = 0;
    while (performance.now() < until) {
      const seed = systemRandom.below(2 ** 31);
      const hash = await check("nodes", seed, counts);
      expect(await check("nodes", seed, new Map()), `seed ${seed} runs the same twice`).toBe(hash);
      seeds += 1;
    }
    expect(seeds).toBeGreaterThan(0);
    expect(missingMarks(NODE_MARKS, counts, seeds)).toEqual([]);
  },
  Math.max(120_000, 3000 * FRESH_SECONDS),
);
