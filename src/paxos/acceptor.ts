/**
 * The acceptor: one promised ballot, and the rule that nothing below it is accepted. What it says
 * (promise, accepted) leaves when it is durable; see outbox.ts.
 *
 * Source: Lamport, "Paxos Made Simple", section 2.2 (P1a, phase 2b), for all slots at once as in
 * section 3.
 */
import { type Ballot, compareBallots } from "./ballot.ts";
import type { Log } from "./log.ts";
import type { Accept, Prepare } from "./messages.ts";
import type { Outbox } from "./outbox.ts";
import { type Entry, type NodeId, slot } from "./types.ts";

export class Acceptor {
  readonly #log: Log;
  readonly #outbox: Outbox;
  readonly #transferBytesMax: number;
  /** Never goes down; durable before any message that depends on it leaves. */
  #promised: Ballot;
  /** Records without a readable slot were lost: see `noteRepaired`. */
  #faultyAnywhere: boolean;

  constructor(
    initial: { readonly promised: Ballot; readonly faultyAnywhere: boolean },
    log: Log,
    outbox: Outbox,
    transferBytesMax: number,
  ) {
    this.#promised = initial.promised;
    this.#faultyAnywhere = initial.faultyAnywhere;
    this.#log = log;
    this.#outbox = outbox;
    this.#transferBytesMax = transferBytesMax;
  }

  get promised(): Ballot {
    return this.#promised;
  }

  /** Phase 1b. A repeated prepare is answered again. */
  prepare(from: NodeId, message: Prepare): void {
    if (this.refuses(from, message.ballot)) return;
    if (compareBallots(message.ballot, this.#promised) > 0) {
      this.#promised = message.ballot;
      this.#outbox.persist({ kind: "promised", ballot: message.ballot });
    }
    this.#promise(from, message);
  }

  /** Phase 2b. Learner-only nodes come here too; the leader does not count their answer. */
  accept(from: NodeId, message: Accept): void {
    if (this.refuses(from, message.ballot)) return;
    const raises = compareBallots(message.ballot, this.#promised) > 0;
    if (raises) this.#promised = message.ballot;
    // The record of an accepted entry carries the ballot: it makes a raised promise durable as well.
    const recorded =
      message.slot > this.#log.chosenIndex &&
      this.#log.accept({ slot: message.slot, ballot: message.ballot, value: message.value });
    if (raises && !recorded) this.#outbox.persist({ kind: "promised", ballot: message.ballot });
    this.#outbox.sendWhenDurable(from, {
      kind: "accepted",
      ballot: message.ballot,
      slots: [message.slot],
    });
  }

  /** Answers `rejected` and returns true if a higher ballot was promised. */
  refuses(from: NodeId, ballot: Ballot): boolean {
    if (compareBallots(ballot, this.#promised) >= 0) return false;
    this.#outbox.sendWhenDurable(from, { kind: "rejected", ballot, promised: this.#promised });
    return true;
  }

  /**
   * This node leads and everything that its phase 1 found is chosen. The ballot was made after the
   * damage, and of every quorum that may choose something a voter with an intact log promised it, so
   * what was lost here without a trace is either chosen by now or can never be. Leaderships of others
   * prove nothing: they may be older.
   */
  noteRepaired(): void {
    if (!this.#faultyAnywhere) return;
    this.#faultyAnywhere = false;
    this.#outbox.persist({ kind: "repaired" });
  }

  #promise(to: NodeId, message: Prepare): void {
    const accepted = this.#log.openEntriesAbove(slot(message.from - 1));
    const parts = cut(accepted, this.#transferBytesMax);
    const common = {
      kind: "promise",
      ballot: message.ballot,
      attempt: message.attempt,
      chosenIndex: this.#log.chosenIndex,
      faulty: this.#log.openFaultySlots(),
      faultyAnywhere: this.#faultyAnywhere,
    } as const;
    parts.forEach((entries, part) => {
      const last = part === parts.length - 1;
      this.#outbox.sendWhenDurable(to, { ...common, part, last, accepted: entries });
    });
  }
}

/** Cuts entries into parts of about `bytesMax` bytes; at least one part, which may be empty. */
function cut(entries: readonly Entry[], bytesMax: number): Entry[][] {
  const parts: Entry[][] = [[]];
  let bytes = 0;
  for (const entry of entries) {
    if (bytes > 0 && bytes + entry.value.payload.length > bytesMax) {
      parts.push([]);
      bytes = 0;
    }
    bytes += entry.value.payload.length + 1;
    parts.at(-1)?.push(entry);
  }
  return parts;
}
