/**
 * How soon the other nodes hear that something is chosen. Where no client of theirs waits for it (for
 * its own command, or for the slot that its read must see), an accept that follows soon says it as well:
 * a message of its own would wake them for nothing, at the very moment at which this node has its client
 * to answer. A message that is late is one of the things that the core expects of any network.
 */
import type { Clock, Timer } from "../base/clock.ts";
import type { Message } from "../paxos/messages.ts";
import type { NodeId } from "../paxos/types.ts";

/** How long they may not hear of it. */
const DELAY_MS = 5;
/** So long after a node has sent commands, its clients count as waiting. */
const WAITING_MS = 1_000;

export type Broadcast = (to: readonly NodeId[], message: Message) => void;

interface Held {
  readonly to: readonly NodeId[];
  readonly message: Message;
}

export class ChosenMessages {
  readonly #clock: Clock;
  readonly #broadcast: Broadcast;
  #held: Held | null = null;
  #timer: Timer | null = null;
  #lastProposedMs = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock, broadcast: Broadcast) {
    this.#clock = clock;
    this.#broadcast = broadcast;
  }

  /** A message of another node has come. */
  received({ kind }: Message): void {
    if (kind === "propose") this.#lastProposedMs = this.#clock.monotonicMs();
  }

  /** Sends a message, or keeps it for a moment. */
  send(to: readonly NodeId[], message: Message): void {
    if (message.kind === "chosen" && !this.#areWaiting()) {
      this.#held = { to, message };
      this.#timer ??= this.#clock.after(DELAY_MS, () => this.#release());
      return;
    }
    if (message.kind === "accept" && this.#held?.to.every((node) => to.includes(node)) === true) {
      this.#held = null;
    }
    // A read of theirs waits until they know that this much is chosen.
    if (message.kind === "readIndexReply") this.#release();
    this.#broadcast(to, message);
  }

  /** Nothing is sent any more. */
  stop(): void {
    this.#timer?.cancel();
    this.#held = null;
  }

  #areWaiting(): boolean {
    return this.#clock.monotonicMs() - this.#lastProposedMs < WAITING_MS;
  }

  #release(): void {
    this.#timer?.cancel();
    this.#timer = null;
    const held = this.#held;
    this.#held = null;
    if (held !== null) this.#broadcast(held.to, held.message);
  }
}
