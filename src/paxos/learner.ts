/**
 * The learner: finds out what is chosen and catches up on what it missed.
 *
 * A follower's own entry is the chosen one only if it was accepted under the ballot that the
 * leader speaks for; otherwise the chosen value is fetched (faults rule 8).
 */
import { type Ballot, compareBallots, sameBallot } from "./ballot.ts";
import type { ReplicaConfig } from "./config.ts";
import type { Log } from "./log.ts";
import type { Fetch, Fetched } from "./messages.ts";
import type { Outbox } from "./outbox.ts";
import { type Entry, type NodeId, type Slot, slot } from "./types.ts";

/** How many retry periods a snapshot transfer is given before the log is asked again. */
const SNAPSHOT_PATIENCE = 20;

export class Learner {
  readonly #config: ReplicaConfig;
  readonly #log: Log;
  readonly #outbox: Outbox;
  /** The highest chosen index that each peer claimed. */
  readonly #claims = new Map<NodeId, Slot>();
  #asked: NodeId | null = null;
  /** Whom `askAround` asked last: it goes on from there, whatever else was asked since. */
  #askedAround: NodeId | null = null;
  /** Ticks until the question is given up, or until the first one while nothing was asked. */
  #patience = 1;

  constructor(config: ReplicaConfig, log: Log, outbox: Outbox) {
    this.#config = config;
    this.#log = log;
    this.#outbox = outbox;
  }

  /** `from` speaks for `ballot` and says that everything up to `index` is chosen. */
  chosenThrough(from: NodeId, ballot: Ballot, index: Slot): void {
    this.claim(from, index);
    while (this.#log.chosenIndex < index) {
      const entry = this.#log.entry(slot(this.#log.chosenIndex + 1));
      if (entry === undefined || !sameBallot(entry.ballot, ballot)) break;
      this.advance(entry);
    }
  }

  /** `from` knows that everything up to `index` is chosen. */
  claim(from: NodeId, index: Slot): void {
    if (index > (this.#claims.get(from) ?? 0)) this.#claims.set(from, index);
    this.#log.noteKnownChosen(index);
  }

  /** The next slot's entry is chosen. */
  advance(entry: Entry): void {
    this.#log.advance(entry);
  }

  /** A gap that outlives a tick is fetched; a question without an answer goes to another peer. */
  tick(): void {
    if (this.#log.knownChosen <= this.#log.chosenIndex) {
      this.restart();
      return;
    }
    this.#patience -= 1;
    if (this.#patience <= 0) this.fetch(this.#nextSource(this.#asked));
  }

  /** Asks `from` for what comes after the chosen index. */
  fetch(from: NodeId | null): void {
    this.#patience = this.#config.retryTicks;
    this.#asked = from;
    if (from === null) return;
    this.#outbox.send(from, { kind: "fetch", from: slot(this.#log.chosenIndex + 1) });
  }

  /** Asks `from` unless a question is open: then its answer, or the tick, leads on. */
  fetchUnlessAsked(from: NodeId | null): void {
    if (this.#asked === null) this.fetch(from);
  }

  /** The log has jumped: what it lacks now is asked for with the next tick. */
  restart(): void {
    this.#asked = null;
    this.#patience = 1;
  }

  answer(from: NodeId, message: Fetch): void {
    // Who asks for what comes next has everything before it.
    this.claim(from, slot(message.from - 1));
    this.#outbox.send(from, {
      kind: "fetched",
      from: message.from,
      entries: this.#log.chosenFrom(message.from, this.#config.transferBytesMax),
      chosenIndex: this.#log.chosenIndex,
      truncationFloor: this.#log.unservableBelow(message.from),
    });
  }

  fetched(from: NodeId, message: Fetched): void {
    this.claim(from, message.chosenIndex);
    const before = this.#log.chosenIndex;
    for (const entry of message.entries) {
      if (entry.slot === this.#log.chosenIndex + 1) this.#take(entry);
    }
    if (this.#asked !== from) return;
    const next = this.#log.chosenIndex + 1;
    if (message.truncationFloor >= next && message.chosenIndex >= next) {
      this.#outbox.needSnapshot(from);
      this.#patience = this.#config.retryTicks * SNAPSHOT_PATIENCE;
    } else if (message.chosenIndex >= next && this.#log.chosenIndex > before) {
      this.fetch(from);
    } else {
      this.#patience = 1;
    }
  }

  #take(entry: Entry): void {
    const held = this.#log.entry(entry.slot);
    // An entry accepted here under a higher ballot has the same value: it was proposed after this
    // one was chosen.
    if (held === undefined || compareBallots(entry.ballot, held.ballot) > 0)
      this.#log.accept(entry);
    this.advance(this.#log.entry(entry.slot) ?? entry);
  }

  /** No leader is heard, and no probe of this node will tell how far the others are: ask one of them. */
  askAround(): void {
    this.#askedAround = this.#nextSource(this.#askedAround);
    this.fetch(this.#askedAround);
  }

  /**
   * The peers take turns, one that claims to know more first. Claims are not enough: their author
   * may be out of reach, or a member of which this node has yet to learn.
   */
  #nextSource(asked: NodeId | null): NodeId | null {
    const able = [...this.#claims]
      .filter(([, index]) => index > this.#log.chosenIndex)
      .map(([node]) => node)
      .toSorted((left, right) => left - right);
    if (asked === null && able[0] !== undefined) return able[0];
    const members = this.#log.newest.membership.members.map(({ id }) => id);
    const all = [...new Set([...able, ...members])]
      .filter((node) => node !== this.#config.self)
      .toSorted((left, right) => left - right);
    return all.find((node) => asked !== null && node > asked) ?? all[0] ?? null;
  }
}
