/** The node's settings as the core takes them. */
import { BATCH_COMMANDS_MAX } from "../base/limits.ts";
import type { Random } from "../base/random.ts";
import type { ReplicaConfig } from "../paxos/config.ts";
import type { NodeSettings } from "./config.ts";
import type { MemberIdentity } from "./identity.ts";

/** How long one tick of the core is. */
export const TICK_MS = 10;

const MIB = 1024 * 1024;
/** Fresh batches in flight: enough to keep disks and network busy, few enough for batches to form. */
const PIPELINE_SLOTS = 4;
const BATCH_BYTES_MAX = 4 * MIB;
const QUEUE_BYTES_MAX = 64 * MIB;
const TRANSFER_BYTES_MAX = 4 * MIB;
const RETRY_MS = 200;
const DISK_STALL_MS = 2_000;
/** How many election timeouts a leader leads before it lets a voter that lost records lead. */
const HEAL_TIMEOUTS = 10;

export function replicaConfig(
  config: NodeSettings,
  identity: MemberIdentity,
  random: Random,
): ReplicaConfig {
  return {
    self: identity.nodeId,
    electionTicks: ticks(config.electionTimeoutMs),
    heartbeatTicks: ticks(config.heartbeatMs),
    retryTicks: ticks(RETRY_MS),
    diskStallTicks: ticks(DISK_STALL_MS),
    healTicks: ticks(HEAL_TIMEOUTS * config.electionTimeoutMs),
    window: identity.window,
    pipelineSlots: Math.min(PIPELINE_SLOTS, identity.window),
    batchCommandsMax: BATCH_COMMANDS_MAX,
    batchBytesMax: BATCH_BYTES_MAX,
    queueBytesMax: QUEUE_BYTES_MAX,
    transferBytesMax: TRANSFER_BYTES_MAX,
    random: (bound) => random.below(bound),
  };
}

function ticks(milliseconds: number): number {
  return Math.max(1, Math.ceil(milliseconds / TICK_MS));
}
