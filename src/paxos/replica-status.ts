import type { Ballot } from "./ballot.ts";
import type { PeerProgress } from "./confirmations.ts";
import type { Proposer } from "./proposer.ts";
import type { GoverningMembership, NodeId, Slot } from "./types.ts";

export type Role = "leader" | "candidate" | "follower" | "learner";

/** What a replica says of itself, for status and for the shell's decisions. */
export interface ReplicaStatus {
  readonly role: Role;
  /** The leader that this node is or hears. */
  readonly leader: NodeId | null;
  /** The highest ballot promised here. */
  readonly ballot: Ballot;
  readonly chosenIndex: Slot;
  readonly knownChosen: Slot;
  readonly truncationFloor: Slot;
  readonly memberships: readonly GoverningMembership[];
  /** What the leader knows of each peer; empty elsewhere. */
  readonly progress: ReadonlyMap<NodeId, PeerProgress>;
}

/** `isVoter`: by the newest membership. */
export function roleOf(proposer: Pick<Proposer, "isLeading"> | null, isVoter: boolean): Role {
  if (proposer !== null) return proposer.isLeading ? "leader" : "candidate";
  return isVoter ? "follower" : "learner";
}
