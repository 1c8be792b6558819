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
 * Once proposed, a command has as much more time as its bytes take on their way through the log and
 * SQLite: COPY makes commands of many megabytes. And as it takes to run, where that is known.
 *
 * The gateway's session is opened through the log when the process starts; a session of an earlier
 * process of this node is closed by that, so its stray commands can never run later. A leader that
 * has not heard this node for long closes it as well; then another one is opened.
 */
import type { Clock } from "../base/clock.ts";
import {
  PENDING_COMMAND_BYTES_MAX,
  PROPOSED_BYTES_MAX,
  PROPOSED_COMMANDS_MAX,
} from "../base/limits.ts";
import {
  type Command,
  type CommandIdentity,
  encodeCommand,
  type OpenSessionCommand,
} from "../machine/command.ts";
import type { CommandReport, Outcome } from "../machine/state-machine.ts";
import { SqlError } from "../sql/errors.ts";
import { locksReleased, neverProposed, outcomeUnknown, stopping } from "./failures.ts";

/** A command without its identity: that is given when it is sent. */
export type Unsent = (identity: CommandIdentity) => Exclude<Command, OpenSessionCommand>;

interface Pending {
  readonly session: number;
  readonly sequence: number;
  readonly bytes: Uint8Array;
  readonly deadlineMs: number;
  readonly startedMs: number;
  readonly runsMs: number;
  /** How often it was handed to the leader that is known now. */
  sent: number;
  /** When it is to be handed over again. */
  dueMs: number;
  proposed: boolean;
  /** Its outcome may have been decided without being told to this node. */
  mayBeMissed: boolean;
  /** As if it was submitted now. */
  readonly start: (session: number) => void;
  readonly resolve: (outcome: Outcome) => void;
  readonly reject: (error: Error) => void;
}

/** Submitted before the session was open. */
interface Early {
  readonly start: (session: number) => void;
  readonly deadlineMs: number;
  readonly reject: (error: Error) => void;
}

export interface ProposalsParts {
  readonly clock: Clock;
  /** This node's number and a nonce of this process. */
  readonly node: number;
  readonly nonce: string;
  readonly timeoutMs: number;
  /** Nothing heard for this long: send again, the next time after twice as long, and so on. */
  readonly retryMs: number;
  /** Of commands that wait; beyond it new ones are refused. PENDING_COMMAND_BYTES_MAX if left out. */
  readonly pendingBytesMax?: number;
  /** Hands commands to the core. */
  readonly propose: (commands: readonly Uint8Array[]) => void;
  /** Whether a leader is known to whom commands can go now. */
  readonly hasLeader: () => boolean;
  /** What is missing for progress, in a sentence. */
  readonly whatIsMissing: () => string;
  readonly onLatency: (durationMs: number) => void;
  /** The log has closed the session that commands had so far. */
  readonly onSessionLost: () => void;
}

/**
 * What is sent again while it only waits makes the wait longer, so the pauses between grow. Losses
 * are rare and mostly come with a new leader, to which everything is sent at once.
 */
const RETRY_DOUBLINGS_MAX = 3;

/** A megabyte of a COPY takes a second or two on each of three nodes that share two processors. */
const ALLOWANCE_MS_PER_MIB = 4_000;

/** What has run once runs again when it is decided, and all nodes may share a few processors. */
const RUNS_ALLOWED = 3;

const MIB = 1024 * 1024;

/** How much longer a command may take than a small one. */
function allowanceMs({ bytes, runsMs }: Pending): number {
  return Math.floor((bytes.length / MIB) * ALLOWANCE_MS_PER_MIB) + runsMs * RUNS_ALLOWED;
}

const SILENT = "the cluster had not heard of this node for too long and closed its session";

export class Proposals {
  readonly #parts: ProposalsParts;
  /** By sequence, which rises: the first one is the oldest. */
  readonly #pending = new Map<number, Pending>();
  #pendingBytes = 0;
  /** Those of the pending that go to the leader in the next turn. */
  #fresh: Pending[] = [];
  /** When the first of the others is due. */
  #nextDueMs = Number.POSITIVE_INFINITY;
  #early: Early[] = [];
  #session: number | null = null;
  /** The one that was open last. */
  #lastSession: number | null = null;
  #openSentMs = Number.NEGATIVE_INFINITY;
  #nextSequence = 1;
  #stopped = false;

  constructor(parts: ProposalsParts) {
    this.#parts = parts;
  }

  /** The gateway's session in the log; null while none is open. */
  get session(): number | null {
    return this.#session;
  }

  /** Whether the log is known to have closed that session of this gateway. */
  isLost(session: number): boolean {
    return session !== this.#lastSession;
  }

  /** Whether commands are under way. */
  get isIdle(): boolean {
    return this.#pending.size === 0 && this.#early.length === 0;
  }

  /**
   * Sends a command and waits for its outcome. Rejects with 57P03, 40003, 57P01 or 53200. `under`: the only
   * session under which it may run, whose end took from the client what it relies on; null: any. `runsMs`: how
   * long it took to run when it was tried.
   */
  submit(unsent: Unsent, under: number | null = null, runsMs = 0): Promise<Outcome> {
    if (this.#stopped) return Promise.reject(stopping());
    const { pendingBytesMax = PENDING_COMMAND_BYTES_MAX } = this.#parts;
    if (this.#pendingBytes > pendingBytesMax) return Promise.reject(tooMuchWaits());
    return new Promise((resolve, reject) => {
      const startedMs = this.#parts.clock.monotonicMs();
      const deadlineMs = startedMs + this.#parts.timeoutMs;
      const start = (session: number): void => {
        if (under !== null && under !== session) return reject(locksReleased());
        try {
          this.#start(session, unsent, { startedMs, deadlineMs, runsMs, start, resolve, reject });
        } catch (error) {
          // It cannot be written down: too many statements, say.
          reject(error instanceof Error ? error : new Error(String(error)));
        }
      };
      if (this.#session === null) this.#early.push({ start, deadlineMs, reject });
      else start(this.#session);
    });
  }

  /** An outcome came from this node's own apply. */
  settle(report: CommandReport): void {
    if (report.outcome.kind === "sessionOpened") {
      if (report.nonce === this.#parts.nonce) this.#opened(report.outcome.session);
      return;
    }
    if (report.outcome.kind === "sessionClosed") {
      const { node, upTo } = report.outcome;
      if (node === this.#parts.node) this.#closed(upTo);
      return;
    }
    const pending = this.#pending.get(report.sequence);
    if (pending === undefined || report.session !== pending.session) return;
    this.#forget(pending);
    this.#parts.onLatency(this.#parts.clock.monotonicMs() - pending.startedMs);
    if (report.outcome.kind === "unknown") {
      // A stray openSession of an earlier process of this node may have closed the session. Asking
      // again gives the same one if it is still open.
      if (pending.session === this.#session) this.#session = null;
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
    if (nowMs >= this.#nextDueMs) this.#gatherDue(nowMs);
    if (this.#fresh.length === 0) return;
    const fresh = this.#fresh.filter((pending) => this.#isPending(pending));
    this.#fresh = [];
    for (const pending of fresh) {
      pending.proposed = true;
      pending.dueMs =
        nowMs +
        this.#parts.retryMs * 2 ** Math.min(pending.sent, RETRY_DOUBLINGS_MAX) +
        allowanceMs(pending);
      pending.sent += 1;
      this.#nextDueMs = Math.min(this.#nextDueMs, pending.dueMs);
    }
    for (const part of inParts(fresh)) this.#parts.propose(part);
  }

  /** There is a new leader: what an old one had may be lost, so everything is sent again. */
  leaderChanged(): void {
    this.#openSentMs = Number.NEGATIVE_INFINITY;
    this.#fresh = [...this.#pending.values()];
    for (const pending of this.#fresh) pending.sent = 0;
    this.#nextDueMs = Number.POSITIVE_INFINITY;
  }

  /** The state machine was replaced by a snapshot: commands decided in the part that was skipped are asked for again. */
  snapshotInstalled(): void {
    for (const pending of this.#pending.values()) pending.mayBeMissed ||= pending.proposed;
    this.leaderChanged();
  }

  /** Gives up what is past its deadline. Called every tick. */
  expire(): void {
    const nowMs = this.#parts.clock.monotonicMs();
    this.#early = this.#early.filter(({ deadlineMs, reject }) => {
      if (nowMs < deadlineMs) return true;
      reject(neverProposed(this.#parts.whatIsMissing()));
      return false;
    });
    let expired = 0;
    let missing: string | null = null;
    for (const pending of this.#pending.values()) {
      const moreMs = pending.proposed ? allowanceMs(pending) : 0;
      if (nowMs < pending.deadlineMs + moreMs) {
        // Sequences are given in the order of the deadlines, to which bytes only add.
        if (nowMs < pending.deadlineMs) break;
        continue;
      }
      this.#forget(pending);
      expired += 1;
      missing ??= this.#parts.whatIsMissing();
      pending.reject(pending.proposed ? outcomeUnknown(missing) : neverProposed(missing));
    }
    if (expired > 0) this.#fresh = this.#fresh.filter((pending) => this.#isPending(pending));
  }

  /** The node stops: whoever waits is told what is known. */
  stop(): void {
    this.#stopped = true;
    for (const { reject } of this.#early.splice(0)) reject(stopping());
    for (const pending of this.#pending.values()) {
      pending.reject(pending.proposed ? outcomeUnknown("this node is stopping") : stopping());
    }
    this.#pending.clear();
    this.#fresh = [];
  }

  #start(
    session: number,
    unsent: Unsent,
    waiter: Pick<Pending, "startedMs" | "deadlineMs" | "runsMs" | "start" | "resolve" | "reject">,
  ): void {
    const sequence = this.#nextSequence;
    const settledBelow = this.#settledBelow(sequence);
    const bytes = encodeCommand(unsent({ session, sequence, settledBelow }));
    this.#nextSequence += 1;
    const { startedMs, deadlineMs, runsMs, start, resolve, reject } = waiter;
    const pending: Pending = {
      session,
      sequence,
      bytes,
      startedMs,
      deadlineMs,
      runsMs,
      start,
      resolve,
      reject,
      sent: 0,
      dueMs: Number.NEGATIVE_INFINITY,
      proposed: false,
      mayBeMissed: false,
    };
    this.#pending.set(sequence, pending);
    this.#pendingBytes += bytes.length;
    this.#fresh.push(pending);
  }

  #forget(pending: Pending): void {
    this.#pending.delete(pending.sequence);
    this.#pendingBytes -= pending.bytes.length;
  }

  #isPending(pending: Pending): boolean {
    return this.#pending.get(pending.sequence) === pending;
  }

  #gatherDue(nowMs: number): void {
    this.#nextDueMs = Number.POSITIVE_INFINITY;
    for (const pending of this.#pending.values()) {
      if (pending.sent === 0) continue;
      if (nowMs >= pending.dueMs) this.#fresh.push(pending);
      else this.#nextDueMs = Math.min(this.#nextDueMs, pending.dueMs);
    }
  }

  #openSession(nowMs: number): void {
    if (nowMs - this.#openSentMs < this.#parts.retryMs) return;
    this.#openSentMs = nowMs;
    const { node, nonce } = this.#parts;
    this.#parts.propose([encodeCommand({ kind: "openSession", node, nonce })]);
  }

  #opened(session: number): void {
    if (this.#session !== null) return;
    this.#session = session;
    if (this.#lastSession !== null && this.#lastSession !== session) this.#parts.onSessionLost();
    this.#lastSession = session;
    for (const { start } of this.#early.splice(0)) start(session);
  }

  /**
   * The commands of the session that have run are settled by now, and the others will never run: they
   * go under the next session. What a snapshot went over is neither known nor to be asked for.
   */
  #closed(upTo: number): void {
    if (this.#lastSession === null || this.#lastSession > upTo) return;
    this.#session = null;
    this.#lastSession = null;
    this.#openSentMs = Number.NEGATIVE_INFINITY;
    for (const pending of this.#pending.values()) {
      if (pending.session > upTo) continue;
      this.#forget(pending);
      if (pending.mayBeMissed) pending.reject(outcomeUnknown(SILENT));
      else this.#early.push(pending);
    }
    this.#fresh = this.#fresh.filter((pending) => this.#isPending(pending));
    this.#parts.onSessionLost();
  }

  /** The lowest sequence that is still open here. */
  #settledBelow(sequence: number): number {
    const first = this.#pending.keys().next();
    return first.done === true ? sequence : first.value;
  }
}

/** Each part fits one message to the leader. */
function inParts(pending: readonly Pending[]): Uint8Array[][] {
  const parts: Uint8Array[][] = [];
  let bytes = Number.POSITIVE_INFINITY;
  for (const command of pending) {
    const size = command.bytes.length;
    const isFull = parts.at(-1)?.length === PROPOSED_COMMANDS_MAX;
    if (isFull || bytes + size > PROPOSED_BYTES_MAX) {
      parts.push([]);
      bytes = 0;
    }
    parts.at(-1)?.push(command.bytes);
    bytes += size;
  }
  return parts;
}

function tooMuchWaits(): SqlError {
  return new SqlError("53200", "too many bytes of statements wait for the log on this node", {
    hint: "Nothing was changed. Try again, or connect to another node.",
  });
}
