/**
 * When a node that does not lead tries to.
 *
 *   following --no leader heard for a timeout--> probing --quorum grants--> campaign (proposer.ts)
 *       ^                                          |
 *       +----------- a leader is heard, refused ---+
 *
 * The probe (a pre-prepare) changes nothing at its receivers, so a node that cannot win disturbs
 * nobody: voters that hear a live leader refuse. A leader that hears no quorum stops (proposer.ts)
 * and so is no longer heard; then any node that reaches a quorum can win. If its log is behind, the
 * voters that grant bring it up to date first, and it probes again as soon as it is: with a whole
 * timeout in between, a cluster whose only connected node has an old log would need five. Nobody passes on what it heard of other nodes' leaders as if it heard them itself.
 *
 * Source for the partial partitions that this must survive: Ng et al., "Omni-Paxos" (EuroSys '23),
 * section 2; faults rules 9, 11, 12.
 */
import { type Ballot, higherBallot, sameBallot } from "./ballot.ts";
import type { ReplicaConfig } from "./config.ts";
import type { Learner } from "./learner.ts";
import type { Log } from "./log.ts";
import { votersOf } from "./membership.ts";
import type { Probe, ProbeReply } from "./messages.ts";
import type { Outbox } from "./outbox.ts";
import { isQuorumOfAll, isVoter } from "./quorum.ts";
import type { NodeId } from "./types.ts";

interface Probing {
  readonly ballot: Ballot;
  readonly granted: Set<NodeId>;
  /** The highest chosen index among those that granted. */
  ahead: number;
}

export class Election {
  readonly #config: ReplicaConfig;
  readonly #log: Log;
  readonly #learner: Learner;
  readonly #outbox: Outbox;
  /** The ballot whose leader is heard, or null. */
  #leader: Ballot | null = null;
  /** Whom this node has promised to follow, for a timeout or until it is heard to lead; or null. */
  #courted: NodeId | null = null;
  /** Ticks since the leader was heard, or since this node began to wait for one. */
  #silentTicks = 0;
  #timeoutTicks: number;
  #probing: Probing | null = null;
  /** A quorum granted, but knows everything up to here to be chosen; null: nothing is caught up with. */
  #catchingUpTo: number | null = null;
  /** The highest ballot that was seen anywhere: the next campaign goes above it. */
  #highest: Ballot;

  constructor(config: ReplicaConfig, promised: Ballot, parts: ElectionParts) {
    this.#config = config;
    this.#log = parts.log;
    this.#learner = parts.learner;
    this.#outbox = parts.outbox;
    this.#highest = promised;
    this.#timeoutTicks = this.#drawTimeout();
  }

  /** The leader that this node hears, or null. */
  get leader(): Ballot | null {
    return this.#leader;
  }

  /** A ballot above all that were seen. */
  nextBallot(): Ballot {
    return { round: this.#highest.round + 1, node: this.#config.self };
  }

  see(ballot: Ballot): void {
    this.#highest = higherBallot(this.#highest, ballot);
  }

  /** `ballot`'s leader was heard. */
  follow(ballot: Ballot): void {
    this.see(ballot);
    if (this.#leader === null || !sameBallot(this.#leader, ballot)) {
      this.#outbox.trace({ kind: "following", ballot });
    }
    this.#leader = ballot;
    this.restart();
  }

  /** Waits a fresh timeout before the next attempt. */
  restart(): void {
    this.#silentTicks = 0;
    this.#probing = null;
    this.#catchingUpTo = null;
    this.#courted = null;
    this.#timeoutTicks = this.#drawTimeout();
  }

  /**
   * `candidate` was granted a quorum of probes and has this node's promise: it gets a whole timeout
   * to win, in which this node neither tries itself nor grants another's probe.
   */
  court(candidate: NodeId): void {
    this.forgetLeader();
    this.restart();
    this.#courted = candidate;
  }

  /** There is no leader any more (this node stepped down, or a higher ballot was promised). */
  forgetLeader(): void {
    this.#leader = null;
  }

  /** One tick of a node that does not lead; true: probe now (if this node may). */
  tick(): boolean {
    this.#silentTicks += 1;
    if (this.#leader !== null && this.#silentTicks >= this.#config.electionTicks) {
      this.#outbox.trace({ kind: "leaderLost", ballot: this.#leader });
      this.#leader = null;
    }
    if (this.#silentTicks >= this.#config.electionTicks) this.#courted = null;
    if (this.#silentTicks < this.#timeoutTicks && !this.#hasCaughtUp()) return false;
    this.restart();
    return true;
  }

  /** Asks all voters whether they would promise; true if this node alone is a quorum. */
  probe(): boolean {
    const active = this.#log.active();
    // A voter only of a membership to come may not lead yet.
    if (!this.#mayLead()) return false;
    const ballot = this.nextBallot();
    this.#probing = { ballot, granted: new Set([this.#config.self]), ahead: 0 };
    const voters = new Set(active.flatMap(votersOf));
    voters.delete(this.#config.self);
    this.#outbox.broadcast([...voters], { kind: "probe", ballot });
    return isQuorumOfAll(active, this.#probing.granted);
  }

  /** Answers a probe without changing anything here. `leading`: this node leads. */
  answer(from: NodeId, message: Probe, state: { leading: boolean; promised: Ballot }): void {
    const leader = state.leading ? this.#config.self : (this.#leader?.node ?? null);
    const preferred = leader ?? this.#courted;
    this.#outbox.send(from, {
      kind: "probeReply",
      ballot: message.ballot,
      granted: !state.leading && (preferred === null || preferred === from),
      promised: state.promised,
      chosenIndex: this.#log.chosenIndex,
      leader,
    });
  }

  /** True: a quorum grants, so campaign now. */
  reply(from: NodeId, message: ProbeReply): boolean {
    this.#learner.claim(from, message.chosenIndex);
    if (this.#probing === null || !sameBallot(this.#probing.ballot, message.ballot)) return false;
    this.see(message.promised);
    if (!message.granted) return false;
    this.#probing.granted.add(from);
    this.#probing.ahead = Math.max(this.#probing.ahead, message.chosenIndex);
    if (!isQuorumOfAll(this.#log.active(), this.#probing.granted)) return false;
    const { ahead } = this.#probing;
    this.#probing = null;
    if (ahead <= this.#log.chosenIndex) return true;
    // It could not lead before it has caught up, and would only keep the others from it.
    this.#catchingUpTo = ahead;
    this.#learner.fetchUnlessAsked(from);
    return false;
  }

  #hasCaughtUp(): boolean {
    return this.#catchingUpTo !== null && this.#log.chosenIndex >= this.#catchingUpTo;
  }

  #mayLead(): boolean {
    const [governing] = this.#log.active();
    return governing !== undefined && isVoter(governing, this.#config.self);
  }

  #drawTimeout(): number {
    return this.#config.electionTicks + this.#config.random(this.#config.electionTicks);
  }
}

interface ElectionParts {
  readonly log: Log;
  readonly learner: Learner;
  readonly outbox: Outbox;
}
