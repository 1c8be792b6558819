/**
 * One node's part in the replicated log: the only dispatch of the core. A pure state machine:
 * `step` takes one input and changes the state, `drain` hands over everything that must leave
 * (effects.ts). No clock, no disk, no socket, no randomness of its own.
 */
import { unreachable } from "../base/assert.ts";
import { Acceptor } from "./acceptor.ts";
import { type Ballot, compareBallots, sameBallot } from "./ballot.ts";
import { checkConfig, type ReplicaConfig } from "./config.ts";
import { Confirmations } from "./confirmations.ts";
import { DiskWatch } from "./disk-watch.ts";
import type { Effects } from "./effects.ts";
import { Election } from "./election.ts";
import { Healing } from "./healing.ts";
import type { Input } from "./inputs.ts";
import { Learner } from "./learner.ts";
import { type InitialState, Log } from "./log.ts";
import { type Leadership, MembershipChanges } from "./membership-changes.ts";
import type {
  Accept,
  Chosen,
  Fetched,
  HandOver,
  Heartbeat,
  HeartbeatAck,
  LeadershipMessage,
  Message,
  Prepare,
  Rejected,
} from "./messages.ts";
import { Outbox } from "./outbox.ts";
import { Proposer } from "./proposer.ts";
import { CommandQueue } from "./queue.ts";
import { isVoter } from "./quorum.ts";
import { type ReplicaStatus, roleOf } from "./replica-status.ts";
import { heirOf } from "./succession.ts";
import { type GoverningMembership, type NodeId, type Slot, slot } from "./types.ts";

export class Replica {
  readonly #config: ReplicaConfig;
  readonly #outbox: Outbox;
  readonly #log: Log;
  readonly #acceptor: Acceptor;
  readonly #learner: Learner;
  readonly #election: Election;
  readonly #queue: CommandQueue;
  readonly #disk: DiskWatch;
  readonly #changes: MembershipChanges;
  readonly #healing: Healing;
  #proposer: Proposer | null = null;
  #confirmations: Confirmations | null = null;
  #appliedIndex: Slot;
  #wallMicros = 0;
  #persistedMark: Slot;

  constructor(config: ReplicaConfig, initial: InitialState) {
    checkConfig(config);
    this.#config = config;
    this.#outbox = new Outbox(config.self);
    this.#log = new Log(initial, config.window, this.#outbox);
    this.#acceptor = new Acceptor(initial, this.#log, this.#outbox, config.transferBytesMax);
    this.#learner = new Learner(config, this.#log, this.#outbox);
    const parts = { log: this.#log, learner: this.#learner, outbox: this.#outbox };
    this.#election = new Election(config, initial.promised, parts);
    this.#queue = new CommandQueue(config);
    this.#changes = new MembershipChanges(config, this.#log, this.#outbox);
    this.#healing = new Healing(config, this.#log);
    this.#disk = new DiskWatch(this.#outbox, config.diskStallTicks);
    this.#appliedIndex = initial.chosenIndex;
    this.#persistedMark = initial.chosenIndex;
  }

  /** Takes one input. What it causes is handed over by the next `drain`. */
  step(input: Input): void {
    this.#dispatch(input);
    // The time alone makes nothing possible.
    if (input.kind === "clock") return;
    this.#settle();
    for (let own = this.#outbox.takeOwn(); own !== undefined; own = this.#outbox.takeOwn()) {
      this.#message(this.#config.self, own);
      this.#settle();
    }
  }

  /** Hands over the effects of all steps since the last drain. */
  drain(): Effects {
    this.#proposer?.announce();
    if (this.#proposer !== null) this.#confirmations?.startRound(this.#proposer.isReadable);
    if (this.#proposer?.isReadable === true) this.#acceptor.noteRepaired();
    if (this.#log.chosenIndex > this.#persistedMark) {
      this.#persistedMark = this.#log.chosenIndex;
      const { chosenIndex: index, truncationFloor: above } = this.#log;
      this.#outbox.persist({ kind: "chosen", index, above });
    }
    return this.#outbox.drain();
  }

  /** The leader that this node is or hears. */
  get leader(): NodeId | null {
    return this.#leaderId();
  }

  /** The ballot under which this node leads; null if it does not. */
  get leads(): Ballot | null {
    return this.#isLeading() ? this.#acceptor.promised : null;
  }

  /** The last slot of the gapless chosen prefix. */
  get chosenIndex(): Slot {
    return this.#log.chosenIndex;
  }

  status(): ReplicaStatus {
    return {
      role: roleOf(this.#proposer, isVoter(this.#log.newest.membership, this.#config.self)),
      leader: this.#leaderId(),
      ballot: this.#acceptor.promised,
      chosenIndex: this.#log.chosenIndex,
      knownChosen: this.#log.knownChosen,
      truncationFloor: this.#log.truncationFloor,
      memberships: this.#log.memberships,
      progress: this.#confirmations?.progressOfPeers() ?? new Map(),
    };
  }

  /** The memberships that a snapshot at `index` must carry: in force at index + 1, and later ones. */
  membershipsFrom(index: Slot): readonly GoverningMembership[] {
    return this.#log.membershipsFrom(index);
  }

  #dispatch(input: Input): void {
    switch (input.kind) {
      case "message":
        return this.#message(input.from, input.message);
      case "tick":
        return this.#tick();
      case "persisted":
        return this.#outbox.persisted(input.through);
      case "clock":
        this.#wallMicros = input.wallMicros;
        this.#proposer?.setWallClock(input.wallMicros);
        return;
      case "propose":
        return this.#propose(input.commands);
      case "read":
        return this.#read(input.id);
      case "changeMembership":
        return this.#changes.propose(this.#leadership(), input.id, input.change);
      case "applied":
        this.#appliedIndex = input.index;
        return;
      case "truncate":
        return this.#log.truncate(input.floor);
      case "snapshotInstalled":
        return this.#snapshotInstalled(input);
      case "resign":
        return this.#resign("this node is stopping");
      default:
        return unreachable(input);
    }
  }

  #message(from: NodeId, message: Message): void {
    switch (message.kind) {
      case "prepare":
        return this.#prepare(from, message);
      case "promise":
        this.#healing.promise(from, message);
        if (this.#proposer?.promise(from, message) === true) this.#elected();
        return;
      case "accept":
        return this.#accept(from, message);
      case "accepted":
        return this.#proposer?.accepted(from, message);
      case "rejected":
        return this.#rejected(message);
      case "chosen":
        return this.#hearLeader(from, message);
      case "propose":
        return this.#queueIfLeading(message.commands);
      case "fetch":
        return this.#learner.answer(from, message);
      case "fetched":
        return this.#fetched(from, message);
      default:
        return this.#leadershipMessage(from, message);
    }
  }

  /** Messages about who leads and whether it still does. */
  #leadershipMessage(from: NodeId, message: LeadershipMessage): void {
    switch (message.kind) {
      case "probe":
        return this.#election.answer(from, message, {
          leading: this.#isLeading(),
          promised: this.#acceptor.promised,
        });
      case "probeReply":
        if (!this.#isLeading() && this.#election.reply(from, message)) this.#campaign();
        return;
      case "heartbeat":
        return this.#heartbeat(from, message);
      case "heartbeatAck":
        return this.#heartbeatAck(from, message);
      case "readIndex":
        return this.#readFor(from, message.id);
      case "readIndexReply":
        return this.#outbox.answerRead({ id: message.id, index: message.index });
      case "handOver":
        return this.#handedOver(message);
      default:
        return unreachable(message);
    }
  }

  #tick(): void {
    this.#learner.tick();
    this.#disk.tick();
    this.#proposer?.tick();
    if (this.#isLeading()) return this.#tickLeading();
    if (!this.#election.tick() || this.#disk.stalls) return;
    this.#giveUp("nobody was elected in time");
    const governing = this.#log.governing(slot(this.#log.chosenIndex + 1));
    if (!isVoter(governing, this.#config.self)) this.#learner.askAround();
    if (this.#election.probe()) this.#campaign();
  }

  #tickLeading(): void {
    if (this.#confirmations?.tick() === false) return this.#giveUp("no quorum is heard");
    if (this.#disk.stalls) return this.#resign("the disk stalls");
    this.#changes.promoteReady(this.#leadership());
    const heir = this.#healing.tick(this.#leadership());
    if (heir !== null) this.#resign("a voter that lost records has to lead once", heir);
  }

  #campaign(): void {
    this.#giveUp("a new campaign begins");
    const ballot = this.#election.nextBallot();
    this.#election.see(ballot);
    this.#election.restart();
    this.#election.forgetLeader();
    const parts = { log: this.#log, acceptor: this.#acceptor, learner: this.#learner };
    this.#proposer = new Proposer(this.#config, ballot, {
      ...parts,
      outbox: this.#outbox,
      queue: this.#queue,
    });
    this.#proposer.setWallClock(this.#wallMicros);
    this.#proposer.campaign();
  }

  #elected(): void {
    if (this.#proposer === null) return;
    const { ballot } = this.#proposer;
    this.#confirmations = new Confirmations(this.#config, ballot, this.#log, this.#outbox);
    this.#confirmations.beat();
    this.#healing.begin();
  }

  /** A higher ballot than the own one is about to be promised: the own one is over. */
  #yieldTo(ballot: Ballot): void {
    if (this.#proposer === null || compareBallots(ballot, this.#proposer.ballot) <= 0) return;
    this.#election.see(ballot);
    this.#giveUp(`ballot ${ballot.round}.${ballot.node} is higher`);
    this.#election.restart();
  }

  #prepare(from: NodeId, message: Prepare): void {
    this.#yieldTo(message.ballot);
    if (compareBallots(message.ballot, this.#acceptor.promised) > 0) {
      this.#election.see(message.ballot);
      if (from !== this.#config.self) this.#election.court(from);
    }
    this.#acceptor.prepare(from, message);
  }

  #accept(from: NodeId, message: Accept): void {
    this.#yieldTo(message.ballot);
    if (compareBallots(message.ballot, this.#acceptor.promised) >= 0) {
      this.#noteLeader(from, message.ballot);
    }
    this.#acceptor.accept(from, message);
    if (from !== this.#config.self)
      this.#learner.chosenThrough(from, message.ballot, message.chosenIndex);
  }

  #heartbeat(from: NodeId, message: Heartbeat): void {
    this.#yieldTo(message.ballot);
    if (this.#acceptor.refuses(from, message.ballot)) return;
    this.#noteLeader(from, message.ballot);
    this.#learner.chosenThrough(from, message.ballot, message.chosenIndex);
    this.#outbox.send(from, {
      kind: "heartbeatAck",
      ballot: message.ballot,
      sequence: message.sequence,
      chosenIndex: this.#log.chosenIndex,
      appliedIndex: this.#appliedIndex,
    });
  }

  #heartbeatAck(from: NodeId, message: HeartbeatAck): void {
    if (this.#proposer === null || !sameBallot(message.ballot, this.#proposer.ballot)) return;
    // It may know a choice that phase 1 could not show: what damage left in doubt here.
    this.#learner.claim(from, message.chosenIndex);
    this.#confirmations?.acknowledged(from, message);
  }

  /**
   * An entry chosen above the own ballot may differ from what this node proposed there: as a leader
   * it would speak for both under one ballot.
   */
  #fetched(from: NodeId, message: Fetched): void {
    for (const entry of message.entries) this.#yieldTo(entry.ballot);
    this.#learner.fetched(from, message);
  }

  #hearLeader(from: NodeId, message: Chosen): void {
    this.#yieldTo(message.ballot);
    if (compareBallots(message.ballot, this.#acceptor.promised) >= 0) {
      this.#noteLeader(from, message.ballot);
    }
    this.#learner.chosenThrough(from, message.ballot, message.chosenIndex);
  }

  #noteLeader(from: NodeId, ballot: Ballot): void {
    if (from !== this.#config.self) this.#election.follow(ballot);
  }

  #rejected(message: Rejected): void {
    this.#election.see(message.promised);
    if (this.#proposer === null || !sameBallot(message.ballot, this.#proposer.ballot)) return;
    this.#giveUp(
      `ballot ${message.promised.round}.${message.promised.node} was promised elsewhere`,
    );
    this.#election.restart();
  }

  #handedOver(message: HandOver): void {
    if (compareBallots(message.ballot, this.#acceptor.promised) < 0 || this.#isLeading()) return;
    const membership = this.#log.governing(slot(this.#log.chosenIndex + 1));
    if (isVoter(membership, this.#config.self)) this.#campaign();
  }

  #propose(commands: readonly Uint8Array[]): void {
    const leader = this.#leaderId();
    if (leader === this.#config.self) this.#queueIfLeading(commands);
    else if (leader !== null) this.#outbox.send(leader, { kind: "propose", commands });
  }

  /** Forwarded commands are not forwarded again: two nodes could send them to and fro for ever. */
  #queueIfLeading(commands: readonly Uint8Array[]): void {
    if (this.#isLeading()) this.#queue.add(commands);
  }

  #read(id: number): void {
    const leader = this.#leaderId();
    if (leader === this.#config.self) this.#readFor(leader, id);
    else if (leader === null) this.#outbox.answerRead({ id, index: null });
    else this.#outbox.send(leader, { kind: "readIndex", id });
  }

  #readFor(node: NodeId, id: number): void {
    if (this.#confirmations !== null) this.#confirmations.read({ node, id });
    else this.#outbox.send(node, { kind: "readIndexReply", id, index: null });
  }

  /** Stops proposing. What is in flight may still be chosen by a later leader. */
  #giveUp(reason: string): void {
    if (this.#proposer === null) return;
    this.#outbox.trace({ kind: "steppedDown", ballot: this.#proposer.ballot, reason });
    this.#proposer.abandon(
      `the leader stepped down (${reason}): look at the members and try again`,
    );
    this.#confirmations?.abandon();
    this.#proposer = null;
    this.#confirmations = null;
    this.#queue.clear();
    this.#election.forgetLeader();
  }

  /** Leads no longer and tells `named`, or else the best voter, to campaign at once. */
  #resign(reason: string, named: NodeId | null = null): void {
    if (this.#proposer === null || this.#confirmations === null) return;
    const { ballot } = this.#proposer;
    const heir = named ?? heirOf(this.#config.self, this.#log, this.#confirmations);
    this.#giveUp(reason);
    this.#election.restart();
    if (heir !== null) this.#outbox.send(heir, { kind: "handOver", ballot });
  }

  /** What may have become possible, or due, by the last message. */
  #settle(): void {
    if (this.#proposer === null) return;
    if (this.#proposer.progress()) this.#elected();
    const governing = this.#log.governing(slot(this.#log.chosenIndex + 1));
    if (isVoter(governing, this.#config.self)) return;
    const reason = "removed from the voters";
    this.#proposer.announce();
    if (this.#isLeading()) this.#resign(reason);
    else this.#giveUp(reason);
  }

  /**
   * A leader is over by it: what the snapshot covers was chosen without it, perhaps otherwise than
   * it proposed, and it must not say "chosen" of such a slot under its own ballot.
   */
  #snapshotInstalled(input: Extract<Input, { kind: "snapshotInstalled" }>): void {
    this.#appliedIndex = input.index;
    if (input.index <= this.#log.chosenIndex) return;
    if (this.#isLeading()) this.#giveUp("a snapshot overtook this leader");
    this.#log.installSnapshot(input.index, input.memberships, input.lastTimestampMicros ?? 0);
    this.#learner.restart();
  }

  #leadership(): Leadership {
    return { proposer: this.#proposer, confirmations: this.#confirmations };
  }

  #isLeading(): boolean {
    return this.#proposer?.isLeading ?? false;
  }

  #leaderId(): NodeId | null {
    if (this.#isLeading()) return this.#config.self;
    return this.#election.leader?.node ?? null;
  }
}
