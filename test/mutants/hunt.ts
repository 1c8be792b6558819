/**
 * Runs one world's seeds until an oracle notices something. Started as a process of its own from a
 * planted build:
 *
 *     node hunt.js WORLD FIRST_SEED SEEDS_MAX
 *
 * Prints one line of JSON when the world is loaded, after each seed, and at the end (HuntLine).
 */
import type { WorldName } from "./mutant.ts";
import { loadWorld } from "./worlds.ts";

export type HuntLine =
  | { readonly kind: "loaded" }
  | { readonly kind: "passed"; readonly seed: number }
  | {
      readonly kind: "noticed";
      readonly seed: number;
      readonly invariant: string;
      readonly facts: readonly [string, string];
    }
  | { readonly kind: "exhausted" };

function say(line: HuntLine): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

async function hunt(name: WorldName, first: number, seedsMax: number): Promise<HuntLine> {
  const world = await loadWorld(name);
  say({ kind: "loaded" });
  for (let seed = first; seed < first + seedsMax; seed += 1) {
    const { violation } = await world(seed);
    if (violation !== null) {
      return { kind: "noticed", seed, invariant: violation.invariant, facts: violation.facts };
    }
    say({ kind: "passed", seed });
  }
  return { kind: "exhausted" };
}

const [name, first, seedsMax] = process.argv.slice(2);
say(await hunt(name as WorldName, Number(first), Number(seedsMax)));
