/**
 * Everything that leaves the core. The shell carries out one Effects in this order:
 *
 * 1. `send` leaves now. Its messages claim nothing that is not durable yet.
 * 2. `persist` is handed to the disk, in order. Nothing waits for it here: messages that claim
 *    durability are held back by the core itself until the input `persisted` says so
 *    (faults rules 1 and 2).
 * 3. `chosen` goes to the state machine, in slot order without gaps; if a membership is among
 *    it, only when `persist` is durable.
 * 4. the answers.
 */
import type { Ballot } from "./ballot.ts";
import type { Message } from "./messages.ts";
import type { Entry, GoverningMembership, NodeId, Slot } from "./types.ts";

export type PersistRecord =
  /** This entry was accepted; raises the promise to its ballot as well (faults rule 3). */
  | { readonly kind: "accepted"; readonly entry: Entry }
  | { readonly kind: "promised"; readonly ballot: Ballot }
  /**
   * The entries here from `above` + 1 to `index` are the chosen ones: saves work after a restart;
   * needs no sync of its own. Where the durable floor is below `above`, a snapshot's floor was lost:
   * what stands in between may have lost against the value that the snapshot covered, and the mark
   * says nothing.
   */
  | { readonly kind: "chosen"; readonly index: Slot; readonly above: Slot }
  /**
   * A membership was chosen. The entry behind it must not be applied before this is durable: after
   * a crash the state machine would be past it, and this node would count quorums by an old one.
   */
  | { readonly kind: "memberships"; readonly memberships: readonly GoverningMembership[] }
  /** The log forgets everything up to here; must be durable before the first byte is removed. */
  | {
      readonly kind: "truncated";
      readonly floor: Slot;
      readonly memberships: readonly GoverningMembership[];
    }
  /** What the log lost without a trace matters no longer (acceptor.ts, noteRepaired). */
  | { readonly kind: "repaired" };

export interface Outgoing {
  readonly to: readonly NodeId[];
  readonly message: Message;
}

export interface ReadIndexAnswer {
  readonly id: number;
  /** Null: there is no leader that could confirm it now; ask again. */
  readonly index: Slot | null;
}

export type MembershipAnswer =
  | { readonly id: number; readonly kind: "chosen"; readonly slot: Slot }
  | { readonly id: number; readonly kind: "refused"; readonly reason: string };

export interface Effects {
  readonly persist: readonly PersistRecord[];
  /** The sequence of the last record in `persist`, to be named in the input `persisted`. */
  readonly persistSequence: number;
  readonly send: readonly Outgoing[];
  readonly chosen: readonly Entry[];
  readonly readIndexes: readonly ReadIndexAnswer[];
  readonly membershipAnswers: readonly MembershipAnswer[];
  /** A peer said that what this node lacks is truncated there: fetch a snapshot from it. */
  readonly needSnapshotFrom: NodeId | null;
  /** The memberships in force or to come have changed. */
  readonly membershipsChanged: boolean;
  /** Facts for the log and the metrics, in order. */
  readonly trace: readonly TraceFact[];
}

/** What happened, for people. The core does not log. */
export type TraceFact =
  | { readonly kind: "campaigning"; readonly ballot: Ballot }
  | { readonly kind: "elected"; readonly ballot: Ballot; readonly openSlots: number }
  | { readonly kind: "steppedDown"; readonly ballot: Ballot; readonly reason: string }
  | { readonly kind: "following"; readonly ballot: Ballot }
  | { readonly kind: "leaderLost"; readonly ballot: Ballot };
