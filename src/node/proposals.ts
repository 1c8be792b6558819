/**
 * Commands of this node's clients, from the moment they are sent until their outcome is known.
 *
 * Each command has an identity (session, sequence) and keeps it over every retry, so the state
 * machine runs it at most once however often it is sent. It is sent again when a new leader is
 * known and when nothing was heard for a while; its outcome comes from this node's own apply.
 *
 * | state    | what the client is told if the time is up                        |
 * | waiting  | 57P03: it was never handed to a leader, nothing happened          |
 * | proposed | 40003: it may be in the log, or may get there without us          |
 *
 * The gateway's session is opened through the log when the process starts; a session of an earlier
 * process of this node is closed by that, so its stray commands can never run later.
 */
import type { Clock } from "../base/clock.ts";
import {
  type Command,
  type CommandIdentity,
  encodeCommand,
  type OpenSessionCommand,
} from "../machine/command.ts";
import type { CommandReport, Outcome } from "../machine/state-machine.ts";
import { neverProposed, outcomeUnknown, stopping } from "./failures.ts";

/** A command without its identity: that is given when it is sent. */
export type Unsent = (identity: CommandIdentity) => Exclude<Command, OpenSessionCommand>;

interface Pending {
  readonly session: number;
  readonly sequence: number;
  readonly bytes: Uint8Array;
  readonly deadlineMs: number;
  readonly startedMs: number;
  proposed: boolean;
  sentMs: number;
  readonly resolve: (outcome: Outcome) => void;
  readonly reject: (error: Error) => void;
}

export interface ProposalsParts {
  readonly clock: Clock;
  /** This node's number and a nonce of this process. */
  readonly node: number;
  readonly nonce: string;
  readonly timeoutMs: number;
  /** Nothing heard for this long: send again. */
  readonly retryMs: number;
  /** Hands commands to the core. */
  readonly propose: (commands: readonly Uint8Array[]) => void;
  /** Whether a leader is known to whom commands can go now. */
  readonly hasLeader: () => boolean;
  /** What is missing for progress, in a sentence. */
  readonly whatIsMissing: () => string;
  readonly onLatency: (durationMs: number) => void;
}

export class Proposals {
  readonly #parts: ProposalsParts;
  readonly #pending = new Map<number, Pending>();
  /** Submitted before the session was open. */
  #early: {
    readonly start: (session: number) => void;
    readonly giveUp: (at: number) => boolean;
  }[] = [];
  #session: number | null = null;
  #openSentMs = Number.NEGATIVE_INFINITY;
  #nextSequence = 1;
  #outgoing: Uint8Array[] = [];
  #stopped = false;

  constructor(parts: ProposalsParts) {
    this.#parts = parts;
  }

  /** Whether commands are under way. */
  get isIdle(): boolean {
    return this.#pending.size === 0 && this.#early.length === 0;
  }

  get count(): number {
    return this.#pending.size + this.#early.length;
  }

  /** Sends a command and waits for its outcome. Rejects with 57P03, 40003 or 57P01. */
  submit(unsent: Unsent): Promise<Outcome> {
    if (this.#stopped) return Promise.reject(stopping());
    return new Promise((resolve, reject) => {
      const startedMs = this.#parts.clock.monotonicMs();
      const deadlineMs = startedMs + this.#parts.timeoutMs;
      const start = (session: number): void => {
        const sequence = this.#nextSequence;
        this.#nextSequence += 1;
        const bytes = encodeCommand(
          unsent({ session, sequence, settledBelow: this.#settledBelow(sequence) }),
        );
        const times = { deadlineMs, startedMs, sentMs: Number.NEGATIVE_INFINITY };
        this.#pending.set(sequence, {
          session,
          sequence,
          bytes,
          ...times,
          proposed: false,
          resolve,
          reject,
        });
      };
      if (this.#session !== null) {
        start(this.#session);
        return;
      }
      const giveUp = (nowMs: number): boolean => {
        if (nowMs < deadlineMs) return false;
        reject(neverProposed(this.#parts.whatIsMissing()));
        return true;
      };
      this.#early.push({ start, giveUp });
    });
  }

  /** An outcome came from this node's own apply. */
  settle(report: CommandReport): void {
    if (report.outcome.kind === "sessionOpened") {
      if (report.nonce === this.#parts.nonce) this.#opened(report.outcome.session);
      return;
    }
    const pending = this.#pending.get(report.sequence);
    if (pending === undefined || report.session !== pending.session) return;
    this.#pending.delete(report.sequence);
    this.#parts.onLatency(this.#parts.clock.monotonicMs() - pending.startedMs);
    if (report.outcome.kind === "unknown") {
      // A stray openSession of an earlier process of this node may have closed the session. Asking
      // again gives the same one if it is still open.
      this.#session = null;
      pending.reject(outcomeUnknown("it was settled before, or this node's session was closed"));
    } else {
      pending.resolve(report.outcome);
    }
  }

  /** Hands over what is due: new commands at once, old ones when it is time. Called every turn. */
  flush(): void {
    if (this.#stopped || !this.#parts.hasLeader()) return;
    const nowMs = this.#parts.clock.monotonicMs();
    if (this.#session === null) this.#openSession(nowMs);
    for (const pending of this.#pending.values()) {
      if (nowMs - pending.sentMs < this.#parts.retryMs) continue;
      pending.sentMs = nowMs;
      pending.proposed = true;
      this.#outgoing.push(pending.bytes);
    }
    if (this.#outgoing.length > 0) this.#parts.propose(this.#outgoing);
    this.#outgoing = [];
  }

  /** There is a new leader: what an old one had may be lost, so everything is sent again. */
  leaderChanged(): void {
    this.#openSentMs = Number.NEGATIVE_INFINITY;
    for (const pending of this.#pending.values()) pending.sentMs = Number.NEGATIVE_INFINITY;
  }

  /** Gives up what is past its deadline. Called every tick. */
  expire(): void {
    const nowMs = this.#parts.clock.monotonicMs();
    this.#early = this.#early.filter(({ giveUp }) => !giveUp(nowMs));
    for (const pending of this.#pending.values()) {
      if (nowMs < pending.deadlineMs) continue;
      this.#pending.delete(pending.sequence);
      pending.reject(
        pending.proposed
          ? outcomeUnknown(this.#parts.whatIsMissing())
          : neverProposed(this.#parts.whatIsMissing()),
      );
    }
  }

  /** The node stops: whoever waits is told what is known. */
  stop(): void {
    this.#stopped = true;
    for (const { giveUp } of this.#early.splice(0)) giveUp(Number.POSITIVE_INFINITY);
    for (const pending of this.#pending.values()) {
      pending.reject(pending.proposed ? outcomeUnknown("this node is stopping") : stopping());
    }
    this.#pending.clear();
  }

  #openSession(nowMs: number): void {
    if (nowMs - this.#openSentMs < this.#parts.retryMs) return;
    this.#openSentMs = nowMs;
    const { node, nonce } = this.#parts;
    this.#outgoing.push(encodeCommand({ kind: "openSession", node, nonce }));
  }

  #opened(session: number): void {
    if (this.#session !== null) return;
    this.#session = session;
    for (const { start } of this.#early.splice(0)) start(session);
  }

  /** The lowest sequence that is still open here. */
  #settledBelow(sequence: number): number {
    const first = this.#pending.keys().next();
    return first.done === true ? sequence : first.value;
  }
}
