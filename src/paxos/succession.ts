/** Whom a leader turns to: the heir when it leaves, the learner-only node that is ready for a vote. */
import type { ReplicaConfig } from "./config.ts";
import type { Confirmations } from "./confirmations.ts";
import type { Log } from "./log.ts";
import { type NodeId, slot } from "./types.ts";

/** The reachable voter that knows most to be chosen, or null. */
export function heirOf(self: NodeId, log: Log, confirmations: Confirmations): NodeId | null {
  const reachable = confirmations.reachable();
  const { members } = log.governing(slot(log.chosenIndex + 1));
  const heirs = members
    .filter(({ id, voter }) => voter && id !== self && reachable.has(id))
    .map(({ id }) => ({ id, index: confirmations.progressOf(id)?.chosenIndex ?? slot(0) }))
    .toSorted((left, right) => right.index - left.index);
  return heirs[0]?.id ?? null;
}

/** A learner-only node that was heard just now and is within a window of the leader, or null. */
export function readyLearner(
  config: ReplicaConfig,
  log: Log,
  confirmations: Confirmations,
): NodeId | null {
  const ready = log.newest.membership.members.find(({ id, voter }) => {
    const progress = confirmations.progressOf(id);
    if (voter || progress === undefined) return false;
    if (progress.ticksSinceHeard > config.heartbeatTicks) return false;
    const behind = log.chosenIndex - progress.appliedIndex;
    return progress.appliedIndex > 0 && behind <= config.window;
  });
  return ready?.id ?? null;
}
