/** Which membership changes a leader accepts, and what they make of the membership. */
import type { MembershipChange } from "./inputs.ts";
import {
  memberOf,
  votersOf,
  withAddresses,
  withLearner,
  without,
  withVoter,
} from "./membership.ts";
import { isQuorum } from "./quorum.ts";
import type { Membership, NodeId } from "./types.ts";

export type CheckedChange =
  | { readonly kind: "allowed"; readonly membership: Membership }
  | { readonly kind: "refused"; readonly reason: string };

/** `reachable`: the nodes that the leader hears, itself included. */
export function checkChange(
  membership: Membership,
  change: MembershipChange,
  reachable: ReadonlySet<NodeId>,
): CheckedChange {
  switch (change.kind) {
    case "addLearner":
      return checkLearner(membership, change.member);
    case "promote":
      return checkPromotion(membership, change.id, reachable);
    case "remove":
      return checkRemoval(membership, change.id, reachable);
    case "setAddresses":
      if (memberOf(membership, change.id) === undefined) return noMember(change.id);
      return allowed(withAddresses(membership, change.id, change.addresses));
  }
}

function checkLearner(
  membership: Membership,
  member: Parameters<typeof withLearner>[1],
): CheckedChange {
  const namesake = membership.members.find(({ name }) => name === member.name);
  if (namesake === undefined) return allowed(withLearner(membership, member));
  if (namesake.voter || namesake.incarnation === member.incarnation) {
    return refused(
      `the name ${member.name} is taken by a member at ${namesake.peer}: choose another --id, or remove that member first`,
    );
  }
  // A learner-only node has no vote to forget, so one that lost its directory may start anew.
  return allowed(withLearner(without(membership, namesake.id), member));
}

function checkPromotion(
  membership: Membership,
  id: NodeId,
  reachable: ReadonlySet<NodeId>,
): CheckedChange {
  const member = memberOf(membership, id);
  if (member === undefined) return noMember(id);
  if (member.voter) return refused(`${member.name} has a vote already`);
  const after = withVoter(membership, id);
  if (!isQuorum(after, reachable)) {
    return refused(
      `with a vote for ${member.name} too few of the voters are reachable for a quorum: bring them back first`,
    );
  }
  return allowed(after);
}

function checkRemoval(
  membership: Membership,
  id: NodeId,
  reachable: ReadonlySet<NodeId>,
): CheckedChange {
  const member = memberOf(membership, id);
  if (member === undefined) return noMember(id);
  const after = without(membership, id);
  if (!member.voter) return allowed(after);
  if (votersOf(after).length === 0) return refused(`${member.name} is the last voter`);
  if (!isQuorum(after, reachable)) {
    return refused(
      `without ${member.name} too few of the remaining voters are reachable for a quorum: bring them back first`,
    );
  }
  return allowed(after);
}

function allowed(membership: Membership): CheckedChange {
  return { kind: "allowed", membership };
}

function refused(reason: string): CheckedChange {
  return { kind: "refused", reason };
}

function noMember(id: NodeId): CheckedChange {
  return refused(`node ${id} is not a member`);
}
