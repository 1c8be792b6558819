import { assert } from "../base/assert.ts";
import type { NodeId } from "./types.ts";

/** Settings of one replica. Times are in ticks; the shell decides how long a tick is. */
export interface ReplicaConfig {
  readonly self: NodeId;
  /** Timeouts are drawn from [electionTicks, 2 * electionTicks). */
  readonly electionTicks: number;
  readonly heartbeatTicks: number;
  /** An unanswered accept, prepare, probe or fetch is sent again after this. */
  readonly retryTicks: number;
  /** A leader whose disk has not finished a sync for this long hands over (faults rule 13). */
  readonly diskStallTicks: number;
  /** A leader asks this often whether a voter lost records, which it then lets lead (healing.ts). */
  readonly healTicks: number;
  /**
   * α: slots that may be open beyond the chosen index; a membership chosen at slot i governs from
   * i + α. Part of what the cluster agreed on at its formation: the same on every node, for ever.
   */
  readonly window: number;
  /** Slots that the leader keeps in flight with fresh commands, at most `window`. */
  readonly pipelineSlots: number;
  readonly batchCommandsMax: number;
  readonly batchBytesMax: number;
  /** Commands waiting at the leader; beyond it they are dropped and their gateways retry. */
  readonly queueBytesMax: number;
  /** Entries in one promise part or one answer to a fetch. */
  readonly transferBytesMax: number;
  /** Uniform integer in [0, bound): election timeouts. */
  readonly random: (bound: number) => number;
}

/** Asserts the relations between the settings. */
export function checkConfig(config: ReplicaConfig): void {
  assert(config.heartbeatTicks >= 1, "a heartbeat takes at least a tick");
  assert(config.electionTicks > 2 * config.heartbeatTicks, "two heartbeats fit into an election");
  assert(config.healTicks > config.electionTicks, "voters answer before they are asked again");
  assert(config.window >= 1, "the window has room for a slot");
  assert(config.pipelineSlots >= 1, "the pipeline has room for a slot");
  assert(config.pipelineSlots <= config.window, "the pipeline fits into the window");
  assert(config.batchCommandsMax >= 1, "a batch has room for a command");
}
