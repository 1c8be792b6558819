/** The nouns of the core. All values are immutable once handed over. */
import type { Ballot } from "./ballot.ts";

declare const brand: unique symbol;
type Branded<Base, Name extends string> = Base & { readonly [brand]: Name };

/**
 * A member's number: given once by the log (or at cluster formation) and never reused, so a node
 * whose disk was wiped comes back as another NodeId. From 1 to 2^32 - 1.
 */
export type NodeId = Branded<number, "NodeId">;

/** A position in the log. The first entry has slot 1; 0 stands for "before the log". */
export type Slot = Branded<number, "Slot">;

export function nodeId(value: number): NodeId {
  return value as NodeId;
}

export function slot(value: number): Slot {
  return value as Slot;
}

export const SLOT_ZERO: Slot = slot(0);

/** What a slot holds. A no-op's payload is empty; a membership's payload is a MembershipEntry. */
export interface Value {
  readonly kind: "noop" | "batch" | "membership";
  /** Encoded once by the proposer; the same bytes go to every disk and every peer. */
  readonly payload: Uint8Array;
}

export const NOOP: Value = { kind: "noop", payload: new Uint8Array(0) };

/** A value in a slot with the ballot under which it was accepted. */
export interface Entry {
  readonly slot: Slot;
  readonly ballot: Ballot;
  readonly value: Value;
}

/** One node of the cluster as the log knows it. */
export interface Member {
  readonly id: NodeId;
  /** The operator's name for it (n1, n2, …); unique among current members. */
  readonly name: string;
  /** Drawn when the data directory was made; tells a wiped node from the one that voted. */
  readonly incarnation: string;
  /** Addresses as host:port. */
  readonly peer: string;
  readonly sql: string;
  /** Voters count in quorums; the others only learn. */
  readonly voter: boolean;
}

export interface Membership {
  readonly members: readonly Member[];
  /** The number that the next new member gets. */
  readonly nextId: number;
}

/** A membership and the first slot that it governs. */
export interface GoverningMembership {
  readonly fromSlot: Slot;
  readonly membership: Membership;
}
