/**
 * One running node: the loop around the core, and the only place where core, disk, network and
 * state machine meet.
 *
 * Inputs gather (messages, durable records, proposals, reads, ticks) and are stepped through the
 * core in one turn; then the turn's effects are carried out in the order of effects.ts: records to
 * the journal, messages to the transport, chosen entries to the applier, answers to who waits. What
 * arrives meanwhile makes the next turn: batches form by themselves, no timer delays a lone one.
 */

import type { Clock, Timer } from "../base/clock.ts";
import type { ApplyReport, StateMachine } from "../machine/state-machine.ts";
import type { Ballot } from "../paxos/ballot.ts";
import type { Effects, PersistRecord, TraceFact } from "../paxos/effects.ts";
import type { Input } from "../paxos/inputs.ts";
import { memberOf, votersOf } from "../paxos/membership.ts";
import type { Replica } from "../paxos/replica.ts";
import type { ReplicaStatus } from "../paxos/replica-status.ts";
import type { Entry, Membership, NodeId, Slot } from "../paxos/types.ts";
import { slot } from "../paxos/types.ts";
import type { Transport } from "../transport/transport.ts";
import { Applier } from "./applier.ts";
import { ChosenMessages } from "./chosen-messages.ts";
import type { Journal } from "./journal.ts";
import { LockClients } from "./lock-clients.ts";
import { Proposals } from "./proposals.ts";
import { Reads } from "./reads.ts";

export interface NodeObserver {
  /** After every apply. */
  applied(report: ApplyReport): void;
  /** A peer says that what this node lacks is gone from its log. */
  snapshotNeeded(from: NodeId): void;
  membershipChangeAnswered(answer: Effects["membershipAnswers"][number]): void;
  membershipsChanged(membership: Membership): void;
  traced(fact: TraceFact): void;
  /** Milliseconds from submission to outcome of one command of this node's clients. */
  committed(durationMs: number): void;
  /** One slot goes to the state machine: its commands and bytes. */
  batched(commands: number, bytes: number): void;
  /** The node cannot go on as it should: `what` failed. */
  failed(what: string, error: unknown): void;
}

export interface NodeTimes {
  readonly tickMs: number;
  readonly writeTimeoutMs: number;
  readonly readTimeoutMs: number;
  /** A command or question of which nothing was heard is sent again after this. */
  readonly retryMs: number;
}

export interface NodeParts {
  readonly self: NodeId;
  readonly nonce: string;
  /** Where the numbers of read questions begin: random. */
  readonly firstReadId: number;
  readonly clock: Clock;
  /** Runs an action after what is under way: the start of a turn. */
  readonly defer: (action: () => void) => void;
  readonly replica: Replica;
  readonly journal: Journal;
  readonly machine: StateMachine;
  readonly appliedIndex: number;
  /** Chosen entries right above the applied index that the log has and the machine lacks. */
  readonly replay: readonly Entry[];
  readonly transport: Transport;
  readonly times: NodeTimes;
  readonly observer: NodeObserver;
}

export class Node {
  readonly self: NodeId;
  readonly applier: Applier;
  readonly proposals: Proposals;
  readonly reads: Reads;
  readonly lockClients = new LockClients();
  readonly #parts: NodeParts;
  readonly #chosenMessages: ChosenMessages;
  #inputs: Input[] = [];
  #turnDue = false;
  #tickTimer: Timer | null = null;
  #leader: NodeId | null = null;
  #stopped = false;

  constructor(parts: NodeParts) {
    this.#parts = parts;
    this.self = parts.self;
    const { clock, times, transport } = parts;
    this.#chosenMessages = new ChosenMessages(clock, (to, message) =>
      transport.broadcast(to, message),
    );
    this.applier = new Applier(parts.appliedIndex, {
      machine: parts.machine,
      onApplied: (report) => this.#applied(report),
      onBatch: (commands, bytes) => parts.observer.batched(commands, bytes),
      onFailure: (error) => parts.observer.failed("applying", error),
    });
    this.proposals = new Proposals({
      clock,
      node: parts.self,
      nonce: parts.nonce,
      timeoutMs: times.writeTimeoutMs,
      retryMs: times.retryMs,
      propose: (commands) => this.#inputs.push({ kind: "propose", commands }),
      hasLeader: () => this.#leader !== null,
      whatIsMissing: () => this.whatIsMissing(),
      onLatency: (durationMs) => parts.observer.committed(durationMs),
      onSessionLost: () => this.lockClients.lost(),
    });
    this.reads = new Reads({
      clock,
      firstId: parts.firstReadId,
      timeoutMs: times.readTimeoutMs,
      retryMs: times.retryMs,
      ask: (id) => this.#inputs.push({ kind: "read", id }),
      appliedIndex: () => this.applier.appliedIndex,
      whatIsMissing: () => this.whatIsMissing(),
    });
  }

  /** Begins to take part. Call once, after the transport has its peers and handler. */
  start(): void {
    // The core hands out only what it learns from now on to be chosen.
    this.applier.take(this.#parts.replay, 0);
    this.applier.run();
    this.input({ kind: "applied", index: slot(this.applier.appliedIndex) });
    this.#scheduleTick();
  }

  /** Queues an input for the next turn. */
  input(input: Input): void {
    if (input.kind === "message") this.#chosenMessages.received(input.message);
    this.#inputs.push(input);
    this.wake();
  }

  /** Steps an input through the core at once and waits until everything it led to is durable. */
  async inputDurably(input: Input): Promise<void> {
    this.#inputs.push(input);
    this.#turn();
    await this.#parts.journal.flushed();
  }

  /** Makes a turn happen soon: somebody submitted a command or a read. */
  wake(): void {
    if (this.#turnDue || this.#stopped) return;
    this.#turnDue = true;
    this.#parts.defer(() => this.#turn());
  }

  /** Everything handed to the disk up to `sequence` is durable. */
  durable(sequence: number): void {
    this.applier.durable(sequence);
    this.input({ kind: "persisted", through: sequence });
  }

  /** The state machine was replaced and stands at `index` now. */
  snapshotInstalled(index: Slot): void {
    this.input({ kind: "applied", index });
    this.reads.applied();
    this.proposals.snapshotInstalled();
    this.lockClients.ask();
  }

  /** See Replica. */
  get leads(): Ballot | null {
    return this.#parts.replica.leads;
  }

  /** See Replica. */
  get chosenIndex(): Slot {
    return this.#parts.replica.chosenIndex;
  }

  get status(): ReplicaStatus {
    return this.#parts.replica.status();
  }

  get leader(): NodeId | null {
    return this.#leader;
  }

  /** Why nothing can be written now, in a sentence; also right when all is well. */
  whatIsMissing(): string {
    const { status } = this;
    const membership = status.memberships.at(-1)?.membership;
    const voters = membership === undefined ? [] : votersOf(membership);
    const peers = this.#parts.transport.peers();
    const connected = new Set(peers.flatMap((peer) => (peer.connected ? [peer.id] : [])));
    const away = voters.filter((id) => id !== this.self && !connected.has(id));
    const names = away.map((id) => (membership && memberOf(membership, id)?.name) ?? `${id}`);
    const reachable = voters.length - away.length;
    const needed = Math.floor(voters.length / 2) + 1;
    if (reachable < needed) {
      const refusing = peers.find(({ refusal }) => refusal !== null);
      const why = refusing === undefined ? "" : `; ${refusing.name} says: ${refusing.refusal}`;
      return `only ${reachable} of ${voters.length} voting nodes are reachable from here and ${needed} are needed (not reachable: ${names.join(", ")}${why})`;
    }
    if (this.#leader === null) return "no leader is elected at the moment";
    return "the leader did not answer in time";
  }

  /** Takes no further input; hands leadership over if it leads. */
  stop(): void {
    this.input({ kind: "resign" });
    this.#turn();
    this.#stopped = true;
    this.#chosenMessages.stop();
    this.#tickTimer?.cancel();
    this.proposals.stop();
    this.reads.stop();
  }

  #turn(): void {
    this.#turnDue = false;
    if (this.#stopped) return;
    this.proposals.flush();
    this.reads.flush();
    const { replica, clock } = this.#parts;
    const inputs = this.#inputs;
    this.#inputs = [];
    replica.step({ kind: "clock", wallMicros: clock.wallMicros() });
    for (const input of inputs) replica.step(input);
    this.#carryOut(replica.drain());
    this.#noteLeader(replica.leader);
  }

  /** The effects of one turn, in their order (effects.ts). */
  #carryOut(effects: Effects): void {
    const { journal, observer } = this.#parts;
    // What is sent claims nothing of what is persisted in the same turn (Outbox), and others wait for it.
    for (const { to, message } of effects.send) this.#chosenMessages.send(to, message);
    if (effects.persist.length > 0) journal.persist(effects.persist, effects.persistSequence);
    if (effects.membershipsChanged) this.#membershipsChanged();
    if (effects.chosen.length > 0) {
      // Never apply past a membership that a crash could make this node forget.
      const gated = effects.chosen.some(({ value }) => value.kind === "membership");
      this.applier.take(effects.chosen, gated ? effects.persistSequence : 0);
      // A vote is on its way to the disk: it would have to wait until all of this is applied.
      if (effects.persist.some(isVote)) this.#parts.defer(() => this.applier.run());
      else this.applier.run();
    }
    for (const answer of effects.readIndexes) this.reads.answer(answer);
    for (const answer of effects.membershipAnswers) observer.membershipChangeAnswered(answer);
    if (effects.needSnapshotFrom !== null) observer.snapshotNeeded(effects.needSnapshotFrom);
    for (const fact of effects.trace) observer.traced(fact);
  }

  #membershipsChanged(): void {
    const newest = this.status.memberships.at(-1);
    if (newest !== undefined) this.#parts.observer.membershipsChanged(newest.membership);
  }

  #noteLeader(leader: NodeId | null): void {
    if (leader === this.#leader) return;
    this.#leader = leader;
    if (leader === null) return;
    this.proposals.leaderChanged();
    this.wake();
  }

  #applied(report: ApplyReport): void {
    // Whoever is answered may send the next statement at once: it must find the newest catalog.
    this.#parts.observer.applied(report);
    for (const outcome of report.reports) this.proposals.settle(outcome);
    this.lockClients.granted(report.grants ?? []);
    this.reads.applied();
    this.input({ kind: "applied", index: slot(report.appliedIndex) });
  }

  #scheduleTick(): void {
    this.#tickTimer = this.#parts.clock.after(this.#parts.times.tickMs, () => {
      if (this.#stopped) return;
      this.proposals.expire();
      this.reads.tick();
      this.input({ kind: "tick" });
      this.#scheduleTick();
    });
  }
}

function isVote({ kind }: PersistRecord): boolean {
  return kind === "accepted";
}
