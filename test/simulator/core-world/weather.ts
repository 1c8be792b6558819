/** Which faults one seed brings, and how strong: whole classes are off in some seeds and extreme in others. */
import type { Random } from "../../../src/base/random.ts";
import type { NodeId } from "../../../src/paxos/types.ts";

export interface NetworkWeather {
  /** Out of 1000 messages. */
  readonly lossPermille: number;
  readonly duplicatePermille: number;
  readonly replayPermille: number;
  /** Units that a message takes at most. */
  readonly delayMax: number;
  /** Out of 1000 messages, so many take up to twenty times as long. */
  readonly stragglerPermille: number;
}

export interface Weather {
  readonly voters: number;
  readonly stormTicks: number;
  readonly network: NetworkWeather;
  /** In 100,000 effect boundaries. */
  readonly crashPerStep: number;
  readonly downTicks: number;
  /** Units between two occurrences on average; 0: never. */
  readonly proposeEvery: number;
  readonly readEvery: number;
  readonly changeEvery: number;
  readonly partitionEvery: number;
  readonly flapEvery: number;
  readonly crashEvery: number;
  readonly crashLoopEvery: number;
  readonly crashAllEvery: number;
  readonly pauseEvery: number;
  readonly resignEvery: number;
  readonly wipeEvery: number;
  readonly snapshotPercent: number;
  readonly applyDelay: number;
  readonly strictAdmission: boolean;
  /** Of 1000 restarts, so many find a damaged record. */
  readonly rotPermille: number;
  /** Of 100 damaged records, so many do not even say what they were. */
  readonly namelessPercent: number;
  /** What a loss of power everywhere does to the disks besides. */
  readonly rotOfAll: "none" | "helix" | "everywhere";
  /** Of 10,000 syncs. */
  readonly syncErrors: number;
  /** Units that a sync takes at most on a slow disk; 0: no disk is slow. */
  readonly slowDisk: number;
  /** Of 100 syncs, so many stall for long. */
  readonly stallPercent: number;
  /** Units of one tick, drawn for each node. */
  readonly tickUnits: readonly number[];
  /** Microseconds by which a node's wall clock is off at a time. */
  readonly clockSkew: (node: NodeId, now: number) => number;
}

export function drawWeather(random: Random): Weather {
  const pick = <Value>(...values: readonly Value[]): Value => {
    const value = values[random.below(values.length)];
    if (value === undefined) throw new Error("nothing to pick from");
    return value;
  };
  const skew = pick(0, 0, 100_000, -3_000);
  return {
    voters: pick(3, 3, 3, 4, 5, 5, 1, 2),
    stormTicks: pick(200, 200, 400, 800),
    network: {
      lossPermille: pick(0, 0, 10, 100, 300),
      duplicatePermille: pick(0, 0, 50, 300),
      replayPermille: pick(0, 0, 0, 10, 100),
      delayMax: pick(2, 10, 10, 40, 100),
      stragglerPermille: pick(0, 0, 10, 100),
    },
    crashPerStep: pick(0, 0, 20, 200),
    downTicks: pick(5, 40),
    proposeEvery: pick(5, 20, 50),
    readEvery: pick(20, 50, 200),
    changeEvery: pick(0, 0, 200, 600),
    partitionEvery: pick(0, 300, 300, 1000),
    flapEvery: pick(0, 0, 0, 100, 500),
    crashEvery: pick(0, 0, 300, 1000),
    crashLoopEvery: pick(0, 0, 0, 2000),
    crashAllEvery: pick(0, 0, 2500),
    pauseEvery: pick(0, 0, 500, 1500),
    resignEvery: pick(0, 0, 1000),
    wipeEvery: pick(0, 0, 0, 1500),
    snapshotPercent: pick(0, 5, 30),
    applyDelay: pick(1, 20, 200),
    strictAdmission: pick(true, false),
    rotPermille: pick(0, 0, 0, 0, 30, 300),
    namelessPercent: pick(10, 10, 70),
    rotOfAll: pick("none", "none", "none", "helix", "helix", "everywhere"),
    syncErrors: pick(0, 0, 0, 5, 50),
    slowDisk: pick(0, 0, 10, 40, 200),
    stallPercent: pick(0, 0, 5),
    tickUnits: pick([10], [10], [8, 10, 13], [5, 20], [10, 30]),
    // Nodes disagree, and every clock jumps now and then.
    clockSkew: (node, now) => skew * (node % 3) * (Math.floor(now / 1500) % 3),
  };
}
