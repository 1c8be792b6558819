/** A seed that broke something, as plain data, and how it is told. */
import type { WorldResult } from "./world.ts";
import type { WorldName } from "./worlds.ts";

export interface Failure {
  readonly seed: number;
  readonly world: WorldName;
  readonly invariant: string;
  readonly facts: readonly [string, string];
  readonly lastEvents: readonly string[];
  readonly faults: number;
}

/** What kind of failure it is: an exception by its first line, without the numbers in it. */
export function kindOf({ invariant, facts }: Failure): string {
  if (facts[0] !== "an exception") return invariant;
  const [first = ""] = facts[1].split("\n");
  return `${invariant}: ${first.replaceAll(/\d+/g, "#")}`;
}

/** Null: the run held every invariant. */
export function failureOf(world: WorldName, result: WorldResult): Failure | null {
  const { violation, seed, lastEvents, faults } = result;
  if (violation === null) return null;
  return {
    seed,
    world,
    invariant: violation.invariant,
    facts: violation.facts,
    lastEvents,
    faults,
  };
}

/** Two runs of one seed went apart. */
export function differing(world: WorldName, first: WorldResult, second: WorldResult): Failure {
  const about = (result: WorldResult): string => `${result.events} events, ${result.traceHash}`;
  const { seed, lastEvents, faults } = first;
  const facts = [`first run: ${about(first)}`, `second run: ${about(second)}`] as const;
  const invariant = "two runs of a seed give the same trace";
  return { seed, world, invariant, facts, lastEvents, faults };
}

/** Seed and how to repeat it, the invariant, the two facts, the last events. */
export function describeFailure(failure: Failure, options = ""): string {
  const { seed, world, invariant, facts, lastEvents, faults } = failure;
  return [
    `seed ${seed} of world "${world}" broke: ${invariant}`,
    `  ${facts[0]}`,
    `  ${facts[1]}`,
    `the last ${lastEvents.length} events (time, node, event, about):`,
    ...lastEvents.map((line) => `  ${line}`),
    `repeat: npm run sim -- --world ${world} --seed ${seed}${options}`,
    `reduce: npm run sim -- --world ${world} --seed ${seed} --shrink   (${faults} faults struck)`,
  ].join("\n");
}
