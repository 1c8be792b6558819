/**
 * How a voter whose log lost records gets over it although nothing else happens: it has to lead once
 * (Acceptor.noteRepaired), and until then its answers vouch for no slot. If a second voter loses records
 * before that, the cluster may wait for ever.
 *
 *   leading for `healTicks` --asks all voters to promise its ballot again-->
 *     a voter says that it lost records, and those that did not meet every quorum --> it is the heir
 *
 * An heir that cannot win gives the lead back to somebody, so each attempt doubles the time to the next.
 */
import { type Ballot, sameBallot } from "./ballot.ts";
import type { ReplicaConfig } from "./config.ts";
import type { Confirmations } from "./confirmations.ts";
import type { Log } from "./log.ts";
import { votersOf } from "./membership.ts";
import type { Leadership } from "./membership-changes.ts";
import type { PromiseMessage } from "./messages.ts";
import type { Proposer } from "./proposer.ts";
import { isQuorum, meetsEveryQuorum } from "./quorum.ts";
import { type NodeId, slot } from "./types.ts";

/** How often the time between two attempts may double. */
const DOUBLINGS_MAX = 10;

/** What the voters answered to one round of questions. */
interface Survey {
  readonly ballot: Ballot;
  readonly attempt: number;
  /** Whether the node lost records. */
  readonly answers: Map<NodeId, boolean>;
}

export class Healing {
  readonly #config: ReplicaConfig;
  readonly #log: Log;
  #ticks = 0;
  #doublings = 0;
  #survey: Survey | null = null;

  constructor(config: ReplicaConfig, log: Log) {
    this.#config = config;
    this.#log = log;
  }

  /** This node was elected. */
  begin(): void {
    this.#ticks = 0;
    this.#survey = null;
  }

  /** One tick of a leader; returns the voter that should lead in its stead, or null. */
  tick({ proposer, confirmations }: Leadership): NodeId | null {
    this.#ticks += 1;
    if (proposer === null || confirmations === null) return null;
    if (!proposer.isReadable || proposer.isChanging) return null;
    if (this.#survey === null) {
      if (this.#ticks >= this.#config.healTicks * 2 ** this.#doublings) this.#ask(proposer);
      return null;
    }
    const heir = this.#heir(this.#survey, confirmations);
    if (heir !== null) this.#doublings = Math.min(this.#doublings + 1, DOUBLINGS_MAX);
    if (heir !== null || this.#ticks >= this.#config.electionTicks) this.#survey = null;
    return heir;
  }

  /** A voter promised a ballot, perhaps again. */
  promise(from: NodeId, message: PromiseMessage): void {
    const survey = this.#survey;
    if (survey === null || message.attempt !== survey.attempt) return;
    if (sameBallot(message.ballot, survey.ballot)) survey.answers.set(from, message.faultyAnywhere);
  }

  #ask(proposer: Proposer): void {
    const attempt = proposer.askAgain();
    this.#ticks = 0;
    this.#survey = { ballot: proposer.ballot, attempt, answers: new Map() };
    // It would not lead in this way if it had not made up for what it lost.
    this.#survey.answers.set(this.#config.self, false);
  }

  /** Who lost records, can make up for them, and is not far behind. */
  #heir({ answers }: Survey, confirmations: Confirmations): NodeId | null {
    const damaged = this.#damaged(answers, confirmations.reachable());
    const heir = damaged.find((id) => {
      const known = confirmations.progressOf(id)?.chosenIndex ?? 0;
      return known + this.#config.window >= this.#log.chosenIndex;
    });
    return heir ?? null;
  }

  /**
   * The voters that lost records, if they can win now and make up for them: else the leader stays, which
   * may be the only one that can go on, by promises that are older than the damage.
   */
  #damaged(answers: ReadonlyMap<NodeId, boolean>, reachable: ReadonlySet<NodeId>): NodeId[] {
    const membership = this.#log.governing(slot(this.#log.chosenIndex + 1));
    const heard = votersOf(membership).filter((id) => reachable.has(id) && answers.has(id));
    const intact = new Set(heard.filter((id) => answers.get(id) === false));
    if (intact.size === votersOf(membership).length) this.#doublings = 0;
    if (!isQuorum(membership, new Set(heard)) || !meetsEveryQuorum(membership, intact)) return [];
    return heard.filter((id) => !intact.has(id));
  }
}
