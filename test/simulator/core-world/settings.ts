/** How every core is set: tiny limits, so that rare paths run in every seed. */
import type { Random } from "../../../src/base/random.ts";
import type { ReplicaConfig } from "../../../src/paxos/config.ts";
import type { NodeId } from "../../../src/paxos/types.ts";

/** Units of virtual time in one tick of a node that runs at the nominal rate. */
export const TICK = 10;
export const ELECTION_TICKS = 10;
export const WINDOW = 4;

export function configOf(id: NodeId, random: Random): ReplicaConfig {
  return {
    self: id,
    electionTicks: ELECTION_TICKS,
    heartbeatTicks: 2,
    retryTicks: 4,
    diskStallTicks: 30,
    healTicks: 25,
    window: WINDOW,
    pipelineSlots: 3,
    batchCommandsMax: 2,
    batchBytesMax: 64,
    queueBytesMax: 1024,
    transferBytesMax: 200,
    random: (bound) => random.below(bound),
  };
}
