/**
 * Everything that was ever durably accepted: by slot, by ballot, by whom. One ballot has one value
 * a slot; a value is chosen when a quorum of the slot's membership accepted it under one ballot.
 */
import { type Ballot, compareBallots, formatBallot } from "../../../../src/paxos/ballot.ts";
import { timestampOf } from "../../../../src/paxos/batch.ts";
import { decodeMembershipEntry } from "../../../../src/paxos/membership.ts";
import type { Membership, NodeId, Value } from "../../../../src/paxos/types.ts";
import { Violation } from "../../../support/violation.ts";

/** What is known of one ballot in one slot. */
export interface Votes {
  readonly value: string;
  readonly ballot: Ballot;
  /** Who has it on its disk: bit n for node n. */
  nodes: number;
}

export class VoteLedger {
  readonly #slots = new Map<number, Map<number, Votes>>();
  /** By slot and value: the lowest ballot under which it was proposed, so the first. */
  readonly #stampedBy = new Map<number, Map<string, Ballot>>();
  readonly #texts = new WeakMap<Uint8Array, string>();

  /** `node` proposes or holds `value`. Throws if the ballot stands for another one there. */
  propose(at: number, ballot: Ballot, value: string, node: NodeId): Votes {
    const ofSlot = this.#slots.get(at) ?? new Map<number, Votes>();
    this.#slots.set(at, ofSlot);
    const key = keyOf(ballot);
    const known = ofSlot.get(key);
    if (known === undefined) {
      const votes = { value, ballot, nodes: 0 };
      ofSlot.set(key, votes);
      this.#noteStamp(at, ballot, value);
      return votes;
    }
    if (known.value === value) return known;
    throw new Violation(
      "B: one value a ballot and slot",
      `slot ${at} has ${known.value} under ${formatBallot(ballot)}`,
      `n${node} has ${value}`,
    );
  }

  of(at: number): Votes[] {
    return [...(this.#slots.get(at)?.values() ?? [])];
  }

  /** Whether `node` once had this on its disk. */
  holds(node: NodeId, at: number, ballot: Ballot): boolean {
    return ((this.#slots.get(at)?.get(keyOf(ballot))?.nodes ?? 0) & (1 << node)) !== 0;
  }

  /** Under which ballot the value was proposed there first. */
  stampedBy(at: number, value: string): Ballot | undefined {
    return this.#stampedBy.get(at)?.get(value);
  }

  /** A value as text: equal exactly if the values are. */
  textOf(value: Value): string {
    if (value.kind === "noop") return "noop";
    const known = this.#texts.get(value.payload);
    if (known !== undefined) return known;
    const text = describeValue(value);
    this.#texts.set(value.payload, text);
    return text;
  }

  #noteStamp(at: number, ballot: Ballot, value: string): void {
    const ofSlot = this.#stampedBy.get(at) ?? new Map<string, Ballot>();
    this.#stampedBy.set(at, ofSlot);
    const first = ofSlot.get(value);
    if (first === undefined || compareBallots(ballot, first) < 0) ofSlot.set(value, ballot);
  }
}

/** A majority of the voters; counted here once more, so that a mistake in the core stays visible. */
export function isQuorum(membership: Membership, nodes: number): boolean {
  let voters = 0;
  let votes = 0;
  for (const { id, voter } of membership.members) {
    if (!voter) continue;
    voters += 1;
    if ((nodes & (1 << id)) !== 0) votes += 1;
  }
  return 2 * votes > voters;
}

/** Whether no majority does without all of `nodes`: the other voters are none. */
export function meetsEveryQuorum(membership: Membership, nodes: number): boolean {
  return !isQuorum(membership, ~nodes);
}

export function keyOf(ballot: Ballot): number {
  return ballot.round * 64 + ballot.node;
}

export function describeVotes(votes: Votes): string {
  const nodes = Array.from({ length: 32 }, (_, id) => id).filter((id) => votes.nodes & (1 << id));
  return `${votes.value} under ${formatBallot(votes.ballot)} at n${nodes.join("+")}`;
}

function describeValue(value: Value): string {
  if (value.kind === "membership") {
    const { basedOn, membership } = decodeMembershipEntry(value.payload);
    const members = membership.members.map(({ id, voter }) => `${id}${voter ? "v" : "l"}`);
    return `members[${members.join(" ")} after ${basedOn}]`;
  }
  return `batch[${Buffer.from(value.payload).toString("latin1", 8)}@${timestampOf(value.payload)}]`;
}
