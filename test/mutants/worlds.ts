/** The worlds that mutants are hunted in. Loaded by name, so that a planted build loads only what it needs. */
import type { World } from "../simulator/world.ts";
import type { WorldName } from "./mutant.ts";

const WORLDS: Readonly<Record<WorldName, () => Promise<World>>> = {
  core: async () => {
    const { simulate } = await import("../support/consensus-sim.ts");
    return async (seed) => {
      const result = simulate(seed);
      return { ...result, virtualMs: result.ticks, faults: 0 };
    };
  },
};

export function loadWorld(name: WorldName): Promise<World> {
  return WORLDS[name]();
}
