/** Everything that may enter the core. Nothing else does: no clock, no disk, no socket. */
import type { Message } from "./messages.ts";
import type { GoverningMembership, Member, NodeId, Slot } from "./types.ts";

/** A change that an operator, or a node that joins, asks for. One at a time. */
export type MembershipChange =
  | {
      readonly kind: "addLearner";
      readonly member: Pick<Member, "name" | "incarnation" | "peer" | "sql">;
    }
  | { readonly kind: "promote"; readonly id: NodeId }
  | { readonly kind: "remove"; readonly id: NodeId }
  | {
      readonly kind: "setAddresses";
      readonly id: NodeId;
      readonly addresses: Pick<Member, "peer" | "sql">;
    };

export type Input =
  | { readonly kind: "message"; readonly from: NodeId; readonly message: Message }
  /** One unit of time (config.ts) has passed. */
  | { readonly kind: "tick" }
  /** Every record up to and including this sequence (Effects.persistSequence) is durable. */
  | { readonly kind: "persisted"; readonly through: number }
  /** The wall clock at the start of a turn, microseconds since 1970: stamps batches, nothing else. */
  | { readonly kind: "clock"; readonly wallMicros: number }
  /** Commands of local clients. Dropped unless this node leads or knows the leader: the caller retries. */
  | { readonly kind: "propose"; readonly commands: readonly Uint8Array[] }
  /** A read wants to know which slot it must wait for; answered in Effects.readIndexes. */
  | { readonly kind: "read"; readonly id: number }
  /** Answered in Effects.membershipAnswers: at once if refused, else when it is chosen. */
  | { readonly kind: "changeMembership"; readonly id: number; readonly change: MembershipChange }
  /** The state machine has everything up to here. */
  | { readonly kind: "applied"; readonly index: Slot }
  /** A durable snapshot covers everything up to `floor`: the log may forget it. */
  | { readonly kind: "truncate"; readonly floor: Slot }
  /** The state machine was replaced by a snapshot that covers everything up to `index`. */
  | {
      readonly kind: "snapshotInstalled";
      readonly index: Slot;
      readonly memberships: readonly GoverningMembership[];
      /** The timestamp of the last batch that the snapshot covers; without it a leader's clock alone counts. */
      readonly lastTimestampMicros?: number;
    }
  /** The node is going to stop: hand leadership over if it leads. */
  | { readonly kind: "resign" };
