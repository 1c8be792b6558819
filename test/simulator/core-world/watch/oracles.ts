/**
 * What must hold in every run, checked against everything that any node ever wrote, sent or took
 * as chosen (faults.md section 2: A agreement, B ballots, C membership, D durability, M promises,
 * P prefixes, L reads, and timestamps, rule 17). V, R and Q are judged by calm.ts and cluster.ts.
 */
import {
  BALLOT_ZERO,
  type Ballot,
  compareBallots,
  formatBallot,
} from "../../../../src/paxos/ballot.ts";
import { decodeBatch } from "../../../../src/paxos/batch.ts";
import type { PersistRecord } from "../../../../src/paxos/effects.ts";
import type { InitialState } from "../../../../src/paxos/log.ts";
import { decodeMembershipEntry, memberOf } from "../../../../src/paxos/membership.ts";
import type { Message } from "../../../../src/paxos/messages.ts";
import {
  type Entry,
  type GoverningMembership,
  type Membership,
  type NodeId,
  slot,
} from "../../../../src/paxos/types.ts";
import type { PaxosNode } from "../../../support/paxos-node.ts";
import { Violation } from "../../../support/violation.ts";
import { describeVotes, isQuorum, keyOf, VoteLedger } from "./votes.ts";

interface NodeFacts {
  /** The highest ballot that this node has told anybody to be promised. */
  promised: Ballot;
  /** The last slot that its current life took as chosen. */
  chosenIndex: number;
}

interface Chosen {
  readonly value: string;
  readonly entry: Entry;
  readonly by: NodeId;
}

export class Oracles {
  readonly #window: number;
  readonly #chosen: Chosen[] = [];
  readonly #votes = new VoteLedger();
  readonly #commands = new Set<string>();
  readonly #nodes = new Map<NodeId, NodeFacts>();
  readonly #reads = new Map<number, { readonly least: number; readonly at: string }>();
  readonly #memberships: GoverningMembership[];
  /** By the ballot that stamped: the highest stamp that was chosen, and where. */
  readonly #stamps = new Map<number, { readonly slot: number; readonly stamped: number }>();
  #answeredReads = 0;

  constructor(genesis: Membership, window: number) {
    this.#window = window;
    this.#memberships = [{ fromSlot: slot(1), membership: genesis }];
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
        this.#votes.propose(
          message.slot,
          message.ballot,
          this.#votes.textOf(message.value),
          node.id,
        );
        return;
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
    const value = this.#votes.textOf(entry.value);
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
    // A record that rotted without a trace may have been the only one to tell of a promise.
    if (initial.faultyAnywhere) facts.promised = initial.promised;
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
    const value = this.#votes.textOf(entry.value);
    const votes = this.#votes.propose(entry.slot, entry.ballot, value, node);
    votes.nodes |= 1 << node;
    const known = this.#chosen[entry.slot - 1];
    if (known === undefined || known.value === value) return;
    if (isQuorum(this.governing(entry.slot), votes.nodes))
      throw twoValues(entry.slot, known, votes);
  }

  #firstChosen(node: PaxosNode, entry: Entry, value: string): void {
    const membership = this.governing(entry.slot);
    const all = this.#votes.of(entry.slot);
    const winners = all.filter((votes) => isQuorum(membership, votes.nodes));
    if (!winners.some((votes) => votes.value === value)) {
      throw new Violation(
        "D: chosen means durable at a quorum",
        `n${node.id} took ${value} at slot ${entry.slot}`,
        `durable there: ${all.map(describeVotes).join("; ") || "nothing"}`,
      );
    }
    const chosen = { value, entry, by: node.id };
    const other = winners.find((votes) => votes.value !== value);
    if (other !== undefined) throw twoValues(entry.slot, chosen, other);
    this.#chosen.push(chosen);
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
    this.#checkNewcomers(entry.slot, before, after);
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

  /** A number is given once: what comes back after it lost its disk is somebody else. */
  #checkNewcomers(at: number, before: Membership, after: Membership): void {
    const newcomers = after.members.filter(({ id }) => memberOf(before, id) === undefined);
    if (newcomers.every(({ id }) => id >= before.nextId && id < after.nextId)) return;
    throw new Violation(
      "C: a member's number is never given again",
      `n${newcomers.map(({ id }) => id).join()} came with slot ${at}`,
      `the next number was ${before.nextId}`,
    );
  }

  /**
   * The stamps of one leader rise with its slots. Between leaders they may not: a later one may
   * have to bring back what an earlier one stamped, below or above what a third one stamped without
   * knowing of it. The state machine takes the maximum there (faults rule 17).
   */
  #checkTimestamp(entry: Entry, value: string): void {
    const { timestampMicros: stamped, commands } = decodeBatch(entry.value.payload);
    for (const command of commands) this.#commands.add(Buffer.from(command).toString("latin1"));
    const by = this.#votes.stampedBy(entry.slot, value) ?? entry.ballot;
    const last = this.#stamps.get(keyOf(by));
    if (last !== undefined && last.stamped >= stamped) {
      throw new Violation(
        "T: the stamps of one leader rise with its slots",
        `slot ${last.slot} has ${last.stamped} by ${formatBallot(by)}`,
        `slot ${entry.slot} has ${stamped}`,
      );
    }
    this.#stamps.set(keyOf(by), { slot: entry.slot, stamped });
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
      if (this.#votes.holds(node.id, at, ballot)) continue;
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

function twoValues(
  at: number,
  chosen: Chosen,
  votes: Parameters<typeof describeVotes>[0],
): Violation {
  return new Violation(
    "A: one value a slot",
    `n${chosen.by} took ${chosen.value} at slot ${at}`,
    `a quorum accepted ${describeVotes(votes)}`,
  );
}
