import type { WorldResult } from "../world.ts";

/** What to print of a failed run: seed, invariant, the two facts, the last events. */
export function reportOf(result: WorldResult): string {
  const { violation } = result;
  if (violation === null) return `seed ${result.seed}: no violation`;
  return [
    `seed ${result.seed} (repeat: SIM_SEED=${result.seed} npx vitest run --project sim consensus)`,
    `broken: ${violation.invariant}`,
    `  ${violation.facts[0]}`,
    `  ${violation.facts[1]}`,
    "last events (time, node, event, about):",
    ...result.lastEvents,
  ].join("\n");
}
