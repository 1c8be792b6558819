/**
 * The corruption matrix (test/crash/corruption) as a world: a seed is one damaged cluster out of all
 * groups, started on what is left of its disks.
 */
import { SeededRandom } from "../../src/base/random.ts";
import { allGroups } from "../crash/corruption/all-groups.ts";
import { type Group, runGroup } from "../crash/corruption/groups.ts";
import type { World } from "../simulator/world.ts";
import { Violation } from "../support/violation.ts";

/** What the groups are made of takes a while to make. */
let groups: Promise<readonly Group[]> | null = null;

export const damagedDisks: World = async (seed) => {
  groups ??= allGroups();
  const all = await groups;
  const random = new SeededRandom(seed);
  const group = all[random.below(all.length)];
  if (group === undefined) throw new Error("there are groups");
  const index = random.below(group.states);
  const one = { ...group, states: 1, caseOf: () => group.caseOf(index) };
  const { violations } = await runGroup(one, 1, () => undefined);
  const [first] = violations;
  const facts = `${group.name}, case ${index}`;
  return {
    seed,
    violation:
      first === undefined ? null : new Violation("D Q: damage is mended or refused", facts, first),
    traceHash: `${group.name} ${index} ${violations.length}`,
    events: 1,
    lastEvents: violations,
    virtualMs: 0,
    counts: new Map([[group.name, 1]]),
    faults: 1,
  };
};
