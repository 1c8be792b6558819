/** The simulated worlds by name, and which one a seed of the default mix belongs to. */
import { CORE_MARKS } from "./core-world/core-marks.ts";
import { coreWorld } from "./core-world/core-world.ts";
import type { Mark } from "./marks.ts";
import { NODE_MARKS } from "./node-world/node-marks.ts";
import { simulateNodes, simulateSqlite } from "./node-world/node-world.ts";
import type { World } from "./world.ts";

export const WORLD_NAMES = ["core", "nodes", "sqlite"] as const;

export type WorldName = (typeof WORLD_NAMES)[number];

export interface KnownWorld {
  readonly simulate: World;
  /** What the world must meet, that its runs count as tests. */
  readonly marks: readonly Mark[];
}

export const WORLDS: Readonly<Record<WorldName, KnownWorld>> = {
  core: { simulate: coreWorld, marks: CORE_MARKS },
  nodes: { simulate: simulateNodes, marks: NODE_MARKS },
  sqlite: { simulate: simulateSqlite, marks: [] },
};

/**
 * The default mix: one seed in eight is a run of whole nodes, one in fifty one with SQLite in it. A
 * run of whole nodes takes several times as long, so about half of the time goes to each.
 */
export function worldOfSeed(seed: number): WorldName {
  if (seed % 50 === 0) return "sqlite";
  return seed % 8 === 1 ? "nodes" : "core";
}
