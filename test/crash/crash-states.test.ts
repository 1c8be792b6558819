/**
 * Goal: whatever a power loss leaves of any step of the log, metadata and snapshot protocols, what
 * was acknowledged is there, nothing else was invented, and two openings read the same.
 * Method: `npm run crash-states` goes through every subset of what was not synced at every stop;
 * here are some stops and subsets of each piece of work (docs/storage-proofs.md).
 */
import { describe, expect, it } from "vitest";
import { allScenarios } from "./states/all-scenarios.ts";
import { enumerate } from "./states/enumerate.ts";

const BOUNDS = { subsets: 32, recoveryEvery: 60, recoverySubsets: 16, stopEvery: 1 };

describe("crash states, a part of each protocol step", () => {
  it("acknowledged is kept, the rest is whole or gone, and opening again changes nothing", async () => {
    const violations: string[] = [];
    let states = 0;
    let recoveryStates = 0;
    for (const scenario of await allScenarios()) {
      const result = await enumerate(scenario, BOUNDS);
      violations.push(...result.violations.map((violation) => `${scenario.name}, ${violation}`));
      states += result.states;
      recoveryStates += result.recoveryStates;
    }
    expect(violations).toEqual([]);
    expect(states).toBeGreaterThan(2000);
    expect(recoveryStates).toBeGreaterThan(20);
  });
});
