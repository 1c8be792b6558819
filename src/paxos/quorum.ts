/** Majorities, as pure functions over a membership. */
import { memberOf, votersOf } from "./membership.ts";
import type { Membership, NodeId } from "./types.ts";

/** How many voters make a quorum: any two quorums of one membership share a voter. */
function quorumSize(membership: Membership): number {
  return Math.floor(votersOf(membership).length / 2) + 1;
}

/** Whether `nodes` hold a quorum; nodes that do not vote in `membership` count for nothing. */
export function isQuorum(membership: Membership, nodes: ReadonlySet<NodeId>): boolean {
  const votes = votersOf(membership).filter((voter) => nodes.has(voter)).length;
  return votes >= quorumSize(membership);
}

/**
 * Whether every quorum of `membership` holds one of `nodes`, so that nothing was chosen without one of
 * them: a majority does it, and of an even number of voters half is enough.
 */
export function meetsEveryQuorum(membership: Membership, nodes: ReadonlySet<NodeId>): boolean {
  const others = votersOf(membership).filter((voter) => !nodes.has(voter)).length;
  return others < quorumSize(membership);
}

/** Whether `nodes` hold a quorum of each membership. */
export function isQuorumOfAll(
  memberships: readonly Membership[],
  nodes: ReadonlySet<NodeId>,
): boolean {
  return memberships.every((membership) => isQuorum(membership, nodes));
}

export function isVoter(membership: Membership, id: NodeId): boolean {
  return memberOf(membership, id)?.voter ?? false;
}
