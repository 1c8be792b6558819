/** Which faults one seed brings to whole nodes, and how strong: classes are off in some seeds and extreme in others. */
import type { Random } from "../../../src/base/random.ts";
import type { NetworkFaults } from "../../support/simulation/network.ts";
import type { Story } from "./clients/clients.ts";

export interface NodeWeather {
  readonly founders: number;
  readonly stormMs: number;
  readonly network: NetworkFaults;
  /** Out of 1000 messages: one bit of it is flipped on the way. */
  readonly corruptPermille: number;
  /** Milliseconds between two occurrences on average; 0: never. */
  readonly crashEveryMs: number;
  readonly stopEveryMs: number;
  readonly powerLossEveryMs: number;
  readonly powerLossAllEveryMs: number;
  readonly partitionEveryMs: number;
  readonly pauseEveryMs: number;
  readonly diskFaultEveryMs: number;
  readonly memberEveryMs: number;
  readonly replayEveryMs: number;
  /** Only while the node that it strikes is down, and only ever on that one. */
  readonly rotEveryMs: number;
  readonly downMs: number;
  readonly pauseMs: number;
  readonly snapshotEntries: number;
  readonly writeTimeoutMs: number;
  readonly electionTimeoutMs: number;
  readonly segmentBytes: number;
  readonly clientsPerNode: number;
  readonly thinkMs: number;
  readonly keys: number;
  /** Each node draws from these. */
  readonly syncMs: readonly number[];
  readonly applyMs: readonly number[];
  readonly clockRates: readonly number[];
  readonly skewMs: number;
  readonly story: Story;
}

export function drawNodeWeather(random: Random): NodeWeather {
  const pick = <Value>(...values: readonly Value[]): Value => {
    const value = values[random.below(values.length)];
    if (value === undefined) throw new Error("nothing to pick from");
    return value;
  };
  return {
    founders: pick(3, 3, 3, 5, 4),
    stormMs: pick(400, 800, 800, 1500),
    network: {
      lossPermille: pick(0, 0, 10, 50, 200),
      duplicatePermille: pick(0, 0, 50, 200),
      delayMin: 1,
      delayMax: pick(2, 10, 10, 40),
      stragglerPermille: pick(0, 0, 20),
    },
    corruptPermille: pick(0, 0, 10),
    crashEveryMs: pick(0, 300, 1000),
    stopEveryMs: pick(0, 0, 500),
    powerLossEveryMs: pick(0, 300, 1000),
    powerLossAllEveryMs: pick(0, 0, 1500),
    partitionEveryMs: pick(0, 200, 600),
    pauseEveryMs: pick(0, 0, 400),
    diskFaultEveryMs: pick(0, 0, 600),
    memberEveryMs: pick(0, 0, 300),
    replayEveryMs: pick(0, 0, 100),
    rotEveryMs: pick(0, 0, 0, 150),
    downMs: pick(20, 200, 500),
    pauseMs: pick(50, 400),
    snapshotEntries: pick(8, 20, 60),
    writeTimeoutMs: pick(400, 1500),
    electionTimeoutMs: pick(100, 200),
    segmentBytes: pick(8, 16, 64) * 1024,
    clientsPerNode: pick(1, 2, 3),
    thinkMs: pick(10, 40, 100),
    keys: pick(1, 3),
    syncMs: pick([0], [0, 5], [30], [0, 120]),
    applyMs: pick([0], [0, 20], [0, 0, 200]),
    clockRates: pick([1], [1], [0.8, 1, 1.25]),
    skewMs: pick(0, 0, 5_000, 3_600_000),
    story: pick<Story>("bank", "on-call", "long-fork"),
  };
}
