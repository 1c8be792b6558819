/** What many runs came to, by world; can be sent between processes and added up. */
import { tally } from "./marks.ts";
import type { WorldResult } from "./world.ts";
import { WORLD_NAMES, type WorldName } from "./worlds.ts";

export interface WorldTally {
  seeds: number;
  events: number;
  virtualMs: number;
  faults: number;
  /** In how many runs each fault struck or branch was taken. */
  readonly met: Map<string, number>;
}

export type Tally = Readonly<Record<WorldName, WorldTally>>;

export function emptyTally(): Tally {
  return { core: emptyWorld(), nodes: emptyWorld(), sqlite: emptyWorld() };
}

export function addResult(into: Tally, world: WorldName, result: WorldResult): void {
  const entry = into[world];
  entry.seeds += 1;
  entry.events += result.events;
  entry.virtualMs += result.virtualMs;
  entry.faults += result.faults;
  tally(entry.met, result.counts);
}

export function addTally(into: Tally, other: Tally): void {
  for (const name of WORLD_NAMES) {
    const [entry, added] = [into[name], other[name]];
    entry.seeds += added.seeds;
    entry.events += added.events;
    entry.virtualMs += added.virtualMs;
    entry.faults += added.faults;
    for (const [what, count] of added.met) entry.met.set(what, (entry.met.get(what) ?? 0) + count);
  }
}

export function totalOf(all: Tally, field: "seeds" | "events" | "virtualMs" | "faults"): number {
  return WORLD_NAMES.reduce((sum, name) => sum + all[name][field], 0);
}

function emptyWorld(): WorldTally {
  return { seeds: 0, events: 0, virtualMs: 0, faults: 0, met: new Map() };
}
