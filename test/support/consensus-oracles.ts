/**
 * What must hold in every run, checked against everything that any node ever wrote, sent or took
 * as chosen (faults.md section 2: A agreement, B ballots, C membership, M promises, P prefixes,
 * L reads, and timestamps, rule 17).
 */
import {
  BALLOT_ZERO,
  type Ballot,
  compareBallots,
  formatBallot,
  sameBallot,
} from "../../src/paxos/ballot.ts";
import { decodeBatch, timestampOf } from "../../src/paxos/batch.ts";
import type { PersistRecord } from "../../src/paxos/effects.ts";
import type { InitialState } from "../../src/paxos/log.ts";
import { decodeMembershipEntry, memberOf } from "../../src/paxos/membership.ts";
import type { Message } from "../../src/paxos/messages.ts";
import type { Entry, GoverningMembership, Membership, NodeId } from "../../src/paxos/types.ts";
import type { PaxosNode } from "./paxos-node.ts";
import { Violation } from "./violation.ts";

/** Durable acceptances of one ballot in one slot. */
interface Votes {
  readonly value: string;
  readonly ballot: Ballot;
  readonly nodes: Set<NodeId>;
}

interface NodeFacts {
  /** The highest ballot that this node has told anybody to be promised. */
  promised: Ballot;
  /** The last slot that its current life took as chosen. */
  chosenIndex: number;
}

export class ConsensusOracles {
  readonly #window: number;
  readonly #chosen: { value: string; entry: Entry; by: NodeId }[] = [];
  /** By slot, by ballot. */
  readonly #votes = new Map<number, Map<string, Votes>>();
  readonly #commands = new Set<string>();
  readonly #proposed = new Map<string, string>();
  readonly #nodes = new Map<NodeId, NodeFacts>();
  readonly #reads = new Map<number, { readonly least: number; readonly at: string }>();
  #memberships: GoverningMembership[];
  /** By slot and value: the ballot under which it was proposed first. */
  readonly #stampedBy = new Map<string, Ballot>();
  readonly #stamps: { readonly slot: number; readonly stamped: number; readonly by: Ballot }[] = [];
  #answeredReads = 0;

  constructor(genesis: Membership, window: number) {
    this.#window = window;
    this.#memberships = [{ fromSlot: 1 as GoverningMembership["fromSlot"], membership: genesis }];
  }

  /** Every slot up to here was taken as chosen by some node. */
  get chosenIndex(): number {
    return this.#chosen.length;
  }

  get answeredReads(): number {
    return this.#answeredReads;
  }

  get newestMembership(): Membership {
    return this.governing(Number.MAX_SAFE_INTEGER);
  }

  /** How many memberships there were, the first included. */
  get membershipCount(): number {
    return this.#memberships.length;
  }

  governing(at: number): Membership {
    const found = this.#memberships.findLast(({ fromSlot }) => fromSlot <= at);
    if (found === undefined) throw new Error("some membership governs every slot");
    return found.membership;
  }

  /** Memberships that decide a slot above `index`. */
  membershipsAbove(index: number): Membership[] {
    const first = this.#memberships.findLastIndex(({ fromSlot }) => fromSlot <= index + 1);
    return this.#memberships.slice(first).map(({ membership }) => membership);
  }

  /** Whether some chosen batch holds this command. */
  isChosen(command: string): boolean {
    return this.#commands.has(command);
  }

  durable(node: PaxosNode, records: readonly PersistRecord[]): void {
    for (const record of records) if (record.kind === "accepted") this.#vote(node.id, record.entry);
  }

  sent(node: PaxosNode, message: Message): void {
    switch (message.kind) {
      case "accept":
        return this.#oneValueABallot(
          message.ballot,
          message.slot,
          valueText(message.value),
          node.id,
        );
      case "prepare":
        return this.#promiseTold(node, message.ballot, "prepare");
      case "promise":
        return this.#promiseTold(node, message.ballot, "promise");
      case "rejected":
        return this.#promiseTold(node, message.promised, "rejected");
      case "accepted":
        return this.#acceptedTold(node, message.ballot, message.slots);
      default:
        return;
    }
  }

  chosen(node: PaxosNode, entry: Entry): void {
    const facts = this.#factsOf(node.id);
    if (entry.slot !== facts.chosenIndex + 1) {
      throw new Violation(
        "P: chosen slots leave in order without gaps",
        `n${node.id} stood at ${facts.chosenIndex}`,
        `then took slot ${entry.slot}`,
      );
    }
    facts.chosenIndex = entry.slot;
    const value = valueText(entry.value);
    const known = this.#chosen[entry.slot - 1];
    if (known === undefined) return this.#firstChosen(node, entry, value);
    if (known.value !== value) {
      throw new Violation(
        "A: one value a slot",
        `n${known.by} took ${known.value} at slot ${entry.slot}`,
        `n${node.id} took ${value} (${formatBallot(entry.ballot)})`,
      );
    }
  }

  /** The log of `node` jumped to `index`, by a snapshot. */
  installed(node: PaxosNode, index: number): void {
    this.#factsOf(node.id).chosenIndex = Math.max(this.#factsOf(node.id).chosenIndex, index);
  }

  restarted(node: PaxosNode, initial: InitialState): void {
    const facts = this.#factsOf(node.id);
    if (compareBallots(initial.promised, facts.promised) < 0) {
      throw new Violation(
        "M: a promise outlives a crash",
        `n${node.id} told of ${formatBallot(facts.promised)}`,
        `and starts with ${formatBallot(initial.promised)}`,
      );
    }
    // It may have learned of a choice and lost its power before it told anybody.
    facts.chosenIndex = initial.truncationFloor;
    const held = initial.entries.filter(({ slot: at }) => at <= initial.chosenIndex);
    for (const entry of held.sort((left, right) => left.slot - right.slot))
      this.chosen(node, entry);
  }

  readBegan(id: number, at: string): void {
    this.#reads.set(id, { least: this.chosenIndex, at });
  }

  readAnswered(id: number, index: number): void {
    const read = this.#reads.get(id);
    if (read === undefined) return;
    this.#reads.delete(id);
    this.#answeredReads += 1;
    if (index >= read.least) return;
    throw new Violation(
      "L: a read sees everything acknowledged before it began",
      `${read.least} was chosen when read ${id} began (${read.at})`,
      `it was answered with ${index}`,
    );
  }

  #vote(node: NodeId, entry: Entry): void {
    const value = valueText(entry.value);
    this.#oneValueABallot(entry.ballot, entry.slot, value, node);
    const ofSlot = this.#votes.get(entry.slot) ?? new Map<string, Votes>();
    this.#votes.set(entry.slot, ofSlot);
    const key = formatBallot(entry.ballot);
    const votes = ofSlot.get(key) ?? { value, ballot: entry.ballot, nodes: new Set<NodeId>() };
    ofSlot.set(key, votes);
    votes.nodes.add(node);
    const known = this.#chosen[entry.slot - 1];
    if (known !== undefined && known.value !== value)
      this.#checkOtherQuorum(entry, votes, known.value);
  }

  #checkOtherQuorum(entry: Entry, votes: Votes, known: string): void {
    if (!isQuorum(this.governing(entry.slot), votes.nodes)) return;
    throw new Violation(
      "A: one value a slot",
      `slot ${entry.slot} is ${known}`,
      `a quorum accepted ${votes.value} under ${formatBallot(entry.ballot)}`,
    );
  }

  #firstChosen(node: PaxosNode, entry: Entry, value: string): void {
    const membership = this.governing(entry.slot);
    const all = [...(this.#votes.get(entry.slot)?.values() ?? [])];
    const winners = all.filter((votes) => isQuorum(membership, votes.nodes));
    if (!winners.some((votes) => votes.value === value)) {
      throw new Violation(
        "D: chosen means durable at a quorum",
        `n${node.id} took ${value} at slot ${entry.slot}`,
        `durable there: ${all.map(describeVotes).join("; ") || "nothing"}`,
      );
    }
    const other = winners.find((votes) => votes.value !== value);
    if (other !== undefined) this.#checkOtherQuorum(entry, other, value);
    this.#chosen.push({ value, entry, by: node.id });
    if (entry.value.kind === "membership") this.#noteMembership(entry);
    if (entry.value.kind === "batch") this.#checkTimestamp(entry, value);
  }

  #noteMembership(entry: Entry): void {
    const before = this.newestMembership;
    const { basedOn, membership: after } = decodeMembershipEntry(entry.value.payload);
    const last = this.#memberships.at(-1)?.fromSlot ?? 0;
    if (basedOn !== last) return;
    if (last > entry.slot) {
      throw new Violation(
        "C: one membership change at a time",
        `a change comes into force at ${last}`,
        `another was chosen at ${entry.slot}`,
      );
    }
    const ids = new Set([...before.members, ...after.members].map(({ id }) => id));
    const changed = [...ids].filter(
      (id) => memberOf(before, id)?.voter !== memberOf(after, id)?.voter,
    );
    if (changed.length > 2) {
      throw new Violation(
        "C: a change moves one member",
        `slot ${entry.slot}`,
        `n${changed.join()}`,
      );
    }
    const fromSlot = (entry.slot + this.#window) as GoverningMembership["fromSlot"];
    this.#memberships.push({ fromSlot, membership: after });
  }

  /**
   * The stamps of one leader rise with its slots. Between leaders they may not: a later one may
   * have to bring back what an earlier one stamped, below or above what a third one stamped without
   * knowing of it. The state machine takes the maximum there (faults rule 17).
   */
  #checkTimestamp(entry: Entry, value: string): void {
    const { timestampMicros: stamped, commands } = decodeBatch(entry.value.payload);
    for (const command of commands) this.#commands.add(Buffer.from(command).toString("latin1"));
    const by = this.#stampedBy.get(`${entry.slot} ${value}`) ?? entry.ballot;
    const late = this.#stamps.find((other) => other.stamped >= stamped && sameBallot(other.by, by));
    this.#stamps.push({ slot: entry.slot, stamped, by });
    if (late === undefined) return;
    throw new Violation(
      "T: the stamps of one leader rise with its slots",
      `slot ${late.slot} has ${late.stamped} by ${formatBallot(late.by)}`,
      `slot ${entry.slot} has ${stamped} by ${formatBallot(by)}`,
    );
  }

  #oneValueABallot(ballot: Ballot, at: number, value: string, node: NodeId): void {
    const key = `${at} ${formatBallot(ballot)}`;
    const known = this.#proposed.get(key) ?? value;
    this.#proposed.set(key, known);
    const stampedBy = this.#stampedBy.get(`${at} ${value}`);
    if (stampedBy === undefined || compareBallots(ballot, stampedBy) < 0) {
      this.#stampedBy.set(`${at} ${value}`, ballot);
    }
    if (known === value) return;
    throw new Violation(
      "B: one value a ballot and slot",
      `slot ${at} has ${known} under ${formatBallot(ballot)}`,
      `n${node} has ${value}`,
    );
  }

  #promiseTold(node: PaxosNode, ballot: Ballot, what: string): void {
    if (compareBallots(node.disk.promised, ballot) < 0) {
      throw new Violation(
        "M: nothing is said before it is durable",
        `n${node.id} sends ${what} ${formatBallot(ballot)}`,
        `its disk has ${formatBallot(node.disk.promised)}`,
      );
    }
    const facts = this.#factsOf(node.id);
    if (compareBallots(ballot, facts.promised) > 0) facts.promised = ballot;
  }

  #acceptedTold(node: PaxosNode, ballot: Ballot, slots: readonly number[]): void {
    const facts = this.#factsOf(node.id);
    if (compareBallots(ballot, facts.promised) < 0) {
      throw new Violation(
        "M: nothing is accepted below a promise",
        `n${node.id} promised ${formatBallot(facts.promised)}`,
        `and accepts ${formatBallot(ballot)} in ${slots.join()}`,
      );
    }
    this.#promiseTold(node, ballot, "accepted");
    for (const at of slots) {
      const votes = this.#votes.get(at)?.get(formatBallot(ballot));
      if (votes?.nodes.has(node.id) === true) continue;
      // What is known to be chosen needs no vote, and is not stored again.
      if (at <= node.replica.status().chosenIndex) continue;
      throw new Violation(
        "M: nothing is said before it is durable",
        `n${node.id} sends accepted ${formatBallot(ballot)} for slot ${at}`,
        "that is not on its disk",
      );
    }
  }

  #factsOf(node: NodeId): NodeFacts {
    const facts = this.#nodes.get(node) ?? { promised: BALLOT_ZERO, chosenIndex: 0 };
    this.#nodes.set(node, facts);
    return facts;
  }
}

/** A majority of the voters; counted here once more, so that a mistake in the core stays visible. */
function isQuorum(membership: Membership, nodes: ReadonlySet<NodeId>): boolean {
  const voters = membership.members.filter(({ voter }) => voter);
  return 2 * voters.filter(({ id }) => nodes.has(id)).length > voters.length;
}

function describeVotes(votes: Votes): string {
  return `${votes.value} under ${formatBallot(votes.ballot)} at n${[...votes.nodes].join("+")}`;
}

/** A value as text: equal exactly if the values are. */
function valueText(value: Entry["value"]): string {
  if (value.kind === "noop") return "noop";
  if (value.kind === "membership") {
    const { members } = decodeMembershipEntry(value.payload).membership;
    return `members[${members.map(({ id, voter }) => `${id}${voter ? "v" : "l"}`).join(" ")}]`;
  }
  return `batch[${Buffer.from(value.payload).toString("latin1", 8)}@${timestampOf(value.payload)}]`;
}
