/**
 * Goal: nothing that happens to whole nodes loses, doubles or reorders what clients were told.
 * Method: node-storm.ts: seeded storms over the code of production, from SQL text to SQLite files.
 * NODE_SEED=n runs one seed, NODE_SEEDS=n as many from there on.
 */
import { describe, expect, it } from "vitest";
import { storm } from "../support/node-storm.ts";

const FIRST = Number(process.env["NODE_SEED"] ?? 1);
const COUNT = Number(
  process.env["NODE_SEEDS"] ?? (process.env["NODE_SEED"] === undefined ? 15 : 1),
);

const seeds = Array.from({ length: COUNT }, (_, at) => FIRST + at);
const struck = new Map<string, number>();

describe("whole nodes in a storm", () => {
  it.each(seeds)(
    "seed %i: every acknowledged row is there once, and all nodes agree",
    async (seed) => {
      const { acknowledged, reads, counts } = await storm(seed);
      for (const [what, count] of counts) struck.set(what, (struck.get(what) ?? 0) + count);
      expect(acknowledged).toBeGreaterThan(0);
      expect(reads).toBeGreaterThan(0);
    },
  );

  it.skipIf(COUNT < 15)("all kinds of faults were there", () => {
    const kinds = ["process", "powerLoss", "isolated", "cut", "gave up", "joined", "restart"];
    expect(kinds.filter((kind) => !struck.has(kind))).toEqual([]);
  });
});
