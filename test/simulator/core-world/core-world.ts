/**
 * A seeded cluster of pure cores under every fault of faults.md section 2 that a core can meet.
 *
 * Goal: break agreement, or find a cluster that stays stuck. Method: each seed draws a mix of
 * faults (some at zero, some extreme: "swarm"), runs a stormy phase in which the oracles look at
 * every step (storm.ts), then heals a random part that holds every quorum and demands that it goes
 * on (calm.ts). Everything is drawn from the seed, and time is virtual.
 */
import { Violation } from "../../support/violation.ts";
import type { World, WorldOptions, WorldResult } from "../world.ts";
import { Calm } from "./calm.ts";
import { Cluster } from "./cluster.ts";
import { type Ending, endPartitioned } from "./endings.ts";
import { TICK } from "./settings.ts";
import { storm } from "./storm.ts";
import { isSufficient } from "./sufficiency.ts";
import { Unrecoverable } from "./watch/recoverability.ts";

export interface CoreResult extends WorldResult {
  readonly chosen: number;
  /** From healing to the first leader of the core, in election timeouts; null: it came not so far. */
  readonly timeoutsToLeader: number | null;
  readonly ending: Ending | null;
}

/** The world of pure cores. */
export const coreWorld: World = (seed, options) => Promise.resolve(simulateCore(seed, options));

/** Runs one seed to its end or to the first violation. */
export function simulateCore(seed: number, options: WorldOptions = {}): CoreResult {
  const cluster = new Cluster(seed, options);
  let calm: Calm | null = null;
  let ending: Ending | null = null;
  let violation: Violation | null = null;
  try {
    storm(cluster);
    calm = new Calm(cluster);
    // Operators went too far: nobody can bring back a quorum whose disks are gone.
    if (isSufficient(cluster, calm.core)) {
      calm.await();
      ending = endPartitioned(calm);
    } else cluster.faults.reached("no quorum left");
  } catch (error) {
    if (error instanceof Unrecoverable) cluster.faults.reached("unrecoverable");
    else violation = asViolation(error);
  }
  return {
    seed,
    violation,
    traceHash: cluster.trace.hash,
    events: cluster.trace.count,
    lastEvents: cluster.trace.last(),
    // One tick of a core stands for 100 ms in production.
    virtualMs: (cluster.scheduler.now / TICK) * 100,
    counts: cluster.faults.counts,
    faults: cluster.faults.faults,
    chosen: cluster.oracles.chosenIndex,
    ending,
    timeoutsToLeader: calm?.timeoutsToLeader ?? null,
  };
}

function asViolation(error: unknown): Violation {
  if (error instanceof Violation) return error;
  const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return new Violation("a node never fails on what it is sent", "an exception", message);
}
