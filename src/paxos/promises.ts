/**
 * What a proposer gathers in phase 1 under one ballot: who promised, and per slot the accepted
 * entry with the highest ballot, which it must propose again (the tutorial's repair).
 *
 * Source: Lamport, "Paxos Made Simple", sections 2.2 and 3; for damaged records the clean quorum of
 * Alagappan et al., "Protocol-Aware Recovery for Consensus-Based Storage" (FAST '18), derived for
 * Paxos: faults rule 27. Not a quorum need be clean here, but a node of each (quorum.ts).
 */
import { type Ballot, compareBallots } from "./ballot.ts";
import type { PromiseMessage } from "./messages.ts";
import { isQuorum, meetsEveryQuorum } from "./quorum.ts";
import { type Entry, type Membership, type NodeId, SLOT_ZERO, type Slot } from "./types.ts";

interface Parts {
  readonly attempt: number;
  readonly seen: Set<number>;
  last: number | null;
}

export class Promises {
  readonly ballot: Ballot;
  readonly #parts = new Map<NodeId, Parts>();
  readonly #complete = new Set<NodeId>();
  readonly #best = new Map<Slot, Entry>();
  /** By promiser: its damaged slots. */
  readonly #faulty = new Map<NodeId, ReadonlyMap<Slot, Ballot | null>>();
  readonly #faultyAnywhere = new Set<NodeId>();
  #through: Slot = SLOT_ZERO;
  #chosenIndex: Slot = SLOT_ZERO;
  #mostAdvanced: NodeId | null = null;

  constructor(ballot: Ballot) {
    this.ballot = ballot;
  }

  /** The highest slot that a promise said anything about. */
  get through(): Slot {
    return this.#through;
  }

  /** The highest chosen index among the promisers: up to here nothing may be proposed, only fetched. */
  get chosenIndex(): Slot {
    return this.#chosenIndex;
  }

  /** Who reported `chosenIndex`. */
  get mostAdvanced(): NodeId | null {
    return this.#mostAdvanced;
  }

  has(node: NodeId): boolean {
    return this.#complete.has(node);
  }

  /** Whether no promiser reported damaged records. */
  get isIntact(): boolean {
    return this.#faulty.size === 0 && this.#faultyAnywhere.size === 0;
  }

  /**
   * Takes one part; true if `from` has now promised in full for the first time. What it says of
   * slots up to `settled` is passed over: a quorum has spoken for them.
   */
  add(from: NodeId, message: PromiseMessage, settled: Slot): boolean {
    if (this.#complete.has(from)) return false;
    const parts = this.#partsOf(from, message.attempt);
    if (parts.attempt !== message.attempt) return false;
    parts.seen.add(message.part);
    if (message.last) parts.last = message.part;
    for (const entry of message.accepted) if (entry.slot > settled) this.#consider(entry);
    if (parts.last === null || parts.seen.size <= parts.last) return false;
    this.#finish(from, message);
    return true;
  }

  /** Whether a quorum of `membership` promised. */
  covers(membership: Membership): boolean {
    return isQuorum(membership, this.#complete);
  }

  /** The value that must be proposed in `at`, if a promiser had accepted one. */
  entryFor(at: Slot): Entry | undefined {
    return this.#best.get(at);
  }

  /**
   * Whether what is known of slot `at` suffices to choose a value for it, once `membership` is covered:
   * none of its quorums can have accepted anything there without a promiser whose records are intact.
   */
  isClean(at: Slot, membership: Membership): boolean {
    if (this.isIntact) return true;
    const clean = [...this.#complete].filter((node) => this.#speaksFor(node, at));
    return meetsEveryQuorum(membership, new Set(clean));
  }

  /** The same of every slot that `membership` decides, but for those of which a promiser said anything. */
  vouchesFor(membership: Membership): boolean {
    if (this.#faultyAnywhere.size === 0) return true;
    const clean = [...this.#complete].filter((node) => !this.#faultyAnywhere.has(node));
    return meetsEveryQuorum(membership, new Set(clean));
  }

  /** The parts gathered of the newest attempt; an older attempt's are forgotten. */
  #partsOf(from: NodeId, attempt: number): Parts {
    const held = this.#parts.get(from);
    if (held !== undefined && held.attempt >= attempt) return held;
    const parts: Parts = { attempt, seen: new Set(), last: null };
    this.#parts.set(from, parts);
    return parts;
  }

  #speaksFor(node: NodeId, at: Slot): boolean {
    if (this.#faultyAnywhere.has(node)) return false;
    const lost = this.#faulty.get(node)?.get(at);
    if (lost === undefined) return true;
    const best = this.#best.get(at);
    return lost !== null && best !== undefined && compareBallots(best.ballot, lost) >= 0;
  }

  #consider(entry: Entry): void {
    const best = this.#best.get(entry.slot);
    if (best === undefined || compareBallots(entry.ballot, best.ballot) > 0) {
      this.#best.set(entry.slot, entry);
    }
    this.#reach(entry.slot);
  }

  #finish(from: NodeId, message: PromiseMessage): void {
    this.#complete.add(from);
    if (message.faulty.length > 0) {
      this.#faulty.set(from, new Map(message.faulty.map((fault) => [fault.slot, fault.ballot])));
      for (const fault of message.faulty) this.#reach(fault.slot);
    }
    if (message.faultyAnywhere) this.#faultyAnywhere.add(from);
    if (message.chosenIndex > this.#chosenIndex) {
      this.#chosenIndex = message.chosenIndex;
      this.#mostAdvanced = from;
    }
  }

  #reach(at: Slot): void {
    if (at > this.#through) this.#through = at;
  }
}
