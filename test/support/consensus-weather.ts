/** Which faults one seed brings, and how strong: whole classes are off in some seeds and extreme in others. */
import type { Random } from "../../src/base/random.ts";
import type { NodeId } from "../../src/paxos/types.ts";
import type { NetworkFaults } from "./simulation/network.ts";

export interface Weather {
  readonly voters: number;
  readonly stormTicks: number;
  readonly network: NetworkFaults;
  /** In 100,000 effect boundaries. */
  readonly crashPerStep: number;
  readonly downTicks: number;
  /** Units between two occurrences on average; 0: never. */
  readonly proposeEvery: number;
  readonly readEvery: number;
  readonly changeEvery: number;
  readonly partitionEvery: number;
  readonly crashEvery: number;
  readonly crashAllEvery: number;
  readonly resignEvery: number;
  readonly snapshotPercent: number;
  readonly applyDelay: number;
  readonly strictAdmission: boolean;
  readonly syncDelay: (random: Random) => number;
  readonly tickUnits: (random: Random) => number;
  /** Microseconds by which a node's wall clock is off at a time. */
  readonly clockSkew: (node: NodeId, now: number) => number;
}

export function drawWeather(random: Random): Weather {
  const pick = <Value>(...values: readonly Value[]): Value => {
    const value = values[random.below(values.length)];
    if (value === undefined) throw new Error("nothing to pick from");
    return value;
  };
  const slowDisk = pick(2, 2, 10, 40, 200);
  const stallPercent = pick(0, 0, 5);
  const skew = pick(0, 0, 100_000, -3_000);
  const rates = pick([10], [10], [8, 10, 13], [5, 20]);
  return {
    voters: pick(3, 3, 3, 4, 5, 1, 2),
    stormTicks: pick(200, 400, 800),
    network: {
      lossPermille: pick(0, 0, 10, 100, 300),
      duplicatePermille: pick(0, 0, 50, 300),
      delayMin: 1,
      delayMax: pick(2, 10, 10, 40, 100),
      stragglerPermille: pick(0, 0, 10, 100),
    },
    crashPerStep: pick(0, 0, 20, 200),
    downTicks: pick(5, 40),
    proposeEvery: pick(5, 20, 50),
    readEvery: pick(20, 50, 200),
    changeEvery: pick(0, 0, 200, 600),
    partitionEvery: pick(0, 300, 300, 1000),
    crashEvery: pick(0, 0, 300, 1000),
    crashAllEvery: pick(0, 0, 2500),
    resignEvery: pick(0, 0, 1000),
    snapshotPercent: pick(0, 5, 30),
    applyDelay: pick(1, 20, 200),
    strictAdmission: pick(true, false),
    syncDelay: (drawn) => (drawn.below(100) < stallPercent ? 1000 : slowDisk),
    tickUnits: (drawn) => rates[drawn.below(rates.length)] ?? 10,
    // Nodes disagree, and every clock jumps now and then.
    clockSkew: (node, now) => skew * (node % 3) * (Math.floor(now / 1500) % 3),
  };
}
