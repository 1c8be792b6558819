/**
 * Collects what leaves the core during a turn and holds back what claims durability.
 *
 * Every record that is handed out to be persisted gets the next number of `#sequence`. A held
 * message names the number that must be durable before it may leave. Messages to this node itself
 * go the same way, so that its own vote counts after its own sync only (faults rule 2).
 */
import { assert } from "../base/assert.ts";
import { formatBallot, sameBallot } from "./ballot.ts";
import type {
  Effects,
  MembershipAnswer,
  Outgoing,
  PersistRecord,
  ReadIndexAnswer,
  TraceFact,
} from "./effects.ts";
import type { Message } from "./messages.ts";
import type { Entry, NodeId } from "./types.ts";

interface Held {
  readonly after: number;
  readonly to: NodeId;
  readonly message: Message;
}

export class Outbox {
  readonly #self: NodeId;
  #sequence = 0;
  #durableSequence = 0;
  /** By what they say: a repeated question does not add to what waits. */
  #held = new Map<string, Held>();
  #toSelf: Message[] = [];

  #persist: PersistRecord[] = [];
  #send: Outgoing[] = [];
  #chosen: Entry[] = [];
  #readIndexes: ReadIndexAnswer[] = [];
  #membershipAnswers: MembershipAnswer[] = [];
  #trace: TraceFact[] = [];
  #needSnapshotFrom: NodeId | null = null;
  #membershipsChanged = false;

  constructor(self: NodeId) {
    this.#self = self;
  }

  persist(record: PersistRecord): void {
    this.#persist.push(record);
    // Nothing ever claims that a chosen mark is durable, so it counts for nothing here.
    if (record.kind !== "chosen") this.#sequence += 1;
  }

  /** Whether something that was handed out to be persisted is not durable yet. */
  get waitsForDisk(): boolean {
    return this.#durableSequence < this.#sequence;
  }

  get durableSequence(): number {
    return this.#durableSequence;
  }

  /** Leaves at once. */
  send(to: NodeId, message: Message): void {
    this.broadcast([to], message);
  }

  broadcast(to: readonly NodeId[], message: Message): void {
    const others = to.filter((node) => node !== this.#self);
    if (others.length < to.length) this.#toSelf.push(message);
    if (others.length > 0) this.#send.push({ to: others, message });
  }

  /** Leaves when everything that was handed to the disk so far is durable. */
  sendWhenDurable(to: NodeId, message: Message): void {
    if (!this.waitsForDisk) return this.send(to, message);
    const key = heldKey(to, message);
    // A promise says more than the one before; anything else says the same again, and the earlier
    // one is due earlier.
    if (message.kind !== "promise" && this.#held.has(key)) return;
    this.#held.delete(key);
    this.#held.set(key, { after: this.#sequence, to, message });
  }

  /** Releases what waited for records up to `through`. */
  persisted(through: number): void {
    assert(through <= this.#sequence, `record ${through} was never handed out`);
    this.#durableSequence = Math.max(this.#durableSequence, through);
    const due: Held[] = [];
    for (const [key, held] of this.#held) {
      if (held.after > this.#durableSequence) break;
      due.push(held);
      this.#held.delete(key);
    }
    for (const held of coalesce(due)) this.send(held.to, held.message);
  }

  /** The next message of this node to itself, if there is one. */
  takeOwn(): Message | undefined {
    return this.#toSelf.shift();
  }

  chosen(entry: Entry): void {
    this.#chosen.push(entry);
  }

  answerRead(answer: ReadIndexAnswer): void {
    this.#readIndexes.push(answer);
  }

  answerMembership(answer: MembershipAnswer): void {
    this.#membershipAnswers.push(answer);
  }

  trace(fact: TraceFact): void {
    this.#trace.push(fact);
  }

  needSnapshot(from: NodeId): void {
    this.#needSnapshotFrom = from;
  }

  membershipsChanged(): void {
    this.#membershipsChanged = true;
  }

  /** Hands over what has gathered and starts anew. */
  drain(): Effects {
    const effects: Effects = {
      persist: this.#persist,
      persistSequence: this.#sequence,
      send: this.#send,
      chosen: this.#chosen,
      readIndexes: this.#readIndexes,
      membershipAnswers: this.#membershipAnswers,
      needSnapshotFrom: this.#needSnapshotFrom,
      membershipsChanged: this.#membershipsChanged,
      trace: this.#trace,
    };
    this.#persist = [];
    this.#send = [];
    this.#chosen = [];
    this.#readIndexes = [];
    this.#membershipAnswers = [];
    this.#trace = [];
    this.#needSnapshotFrom = null;
    this.#membershipsChanged = false;
    return effects;
  }
}

function heldKey(to: NodeId, message: Message): string {
  switch (message.kind) {
    case "accepted":
      return `accepted ${to} ${formatBallot(message.ballot)} ${message.slots.join()}`;
    case "rejected":
      return `rejected ${to} ${formatBallot(message.ballot)}`;
    case "promise":
      return `promise ${to} ${message.part}`;
    case "prepare":
      return `prepare ${to} ${formatBallot(message.ballot)}`;
    default:
      return `${message.kind} ${to}`;
  }
}

/** Joins neighbouring `accepted` messages to one proposer into one: a sync often covers several slots. */
function coalesce(held: readonly Held[]): Held[] {
  const joined: Held[] = [];
  for (const next of held) {
    const last = joined.at(-1);
    if (
      last !== undefined &&
      last.to === next.to &&
      last.message.kind === "accepted" &&
      next.message.kind === "accepted" &&
      sameBallot(last.message.ballot, next.message.ballot)
    ) {
      const slots = [...last.message.slots, ...next.message.slots];
      joined[joined.length - 1] = { ...next, message: { ...next.message, slots } };
    } else {
      joined.push(next);
    }
  }
  return joined;
}
