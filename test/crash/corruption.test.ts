/**
 * Goal: a cluster recovers from every corruption that leaves one good copy of each item, and waits
 * in all others, without ever inventing, changing or skipping a value.
 * Method: every so many of the states that `npm run corruption` goes through, of each group, on the
 * real log, metadata and snapshots under the real core (docs/storage-proofs.md).
 */
import { describe, expect, it } from "vitest";
import { allGroups } from "./corruption/all-groups.ts";
import { runGroup } from "./corruption/groups.ts";

/** Prime, so that all bits of the enumerated combinations take part. */
const STRIDE = 67;

describe("corruption matrix, a part of each group", () => {
  it("recovers what can be recovered, refuses the rest, and never tells a wrong value", async () => {
    const violations: string[] = [];
    const counts = { states: 0, recovered: 0, refused: 0 };
    for (const group of await allGroups()) {
      const result = await runGroup(group, STRIDE, () => undefined);
      violations.push(...result.violations.map((violation) => `${group.name}: ${violation}`));
      counts.states += result.states;
      counts.recovered += result.recovered;
      counts.refused += result.refused;
    }
    expect(violations).toEqual([]);
    expect(counts.states).toBeGreaterThan(600);
    // Neither answer to everything would pass.
    expect(counts.recovered).toBeGreaterThan(200);
    expect(counts.refused).toBeGreaterThan(150);
  });
});
