/** The worlds that mutants are hunted in. Loaded by name, so that a planted build loads only what it needs. */
import type { World } from "../simulator/world.ts";
import type { WorldName } from "./mutant.ts";

const WORLDS: Readonly<Record<WorldName, () => Promise<World>>> = {
  core: async () => (await import("../simulator/core-world/core-world.ts")).coreWorld,
  nodes: async () => (await import("../simulator/node-world/node-world.ts")).simulateNodes,
  sqlite: async () => (await import("../simulator/node-world/node-world.ts")).simulateSqlite,
  disks: async () => (await import("./damaged-disks.ts")).damagedDisks,
};

export function loadWorld(name: WorldName): Promise<World> {
  return WORLDS[name]();
}
