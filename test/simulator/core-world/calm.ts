/**
 * The liveness phase: nothing fails any more, a random set of nodes that holds every quorum is
 * connected, the rest is cut off for ever. That core must elect a leader, choose what is proposed,
 * bring every one of its nodes up to date and answer reads within a bound (invariant V).
 */
import { memberOf } from "../../../src/paxos/membership.ts";
import type { NodeId } from "../../../src/paxos/types.ts";
import type { PaxosNode } from "../../support/paxos-node.ts";
import { Violation } from "../../support/violation.ts";
import type { Cluster } from "./cluster.ts";
import { cutAllBut } from "./links.ts";
import { ELECTION_TICKS, TICK } from "./settings.ts";
import { drawCore } from "./sufficiency.ts";
import { proofOfLoss, Unrecoverable } from "./watch/recoverability.ts";

/** Units of one election timeout. */
export const TIMEOUT = ELECTION_TICKS * TICK;
/** Liveness bounds, in units after healing. */
const LEADER_WITHIN = 4 * TIMEOUT;
const DONE_WITHIN = 120 * TIMEOUT;
const JUDGED_AFTER = 15 * TIMEOUT;
/** How long a core that lost a record is watched for not going on. */
const LOUD_FOR = 5 * TIMEOUT;
const AGAIN_AFTER = 5 * TICK;

export class Calm {
  readonly cluster: Cluster;
  readonly core: ReadonlySet<NodeId>;
  #timeoutsToLeader: number | null = null;

  /** Heals what is to be healed. */
  constructor(cluster: Cluster) {
    this.cluster = cluster;
    this.core = drawCore(cluster);
    cluster.isCalm = true;
    cluster.network.mendAll();
    cluster.network.calm();
    cutAllBut(cluster, (from, to) => this.core.has(from) && this.core.has(to));
    cluster.trace.note(0, "heal", this.core.size);
    for (const id of this.core) {
      const node = cluster.node(id);
      cluster.wake(node);
      if (!node.isUp) node.start();
    }
    cluster.syncSoon();
  }

  /** From healing to the first leader of the core, in election timeouts. */
  get timeoutsToLeader(): number | null {
    return this.#timeoutsToLeader;
  }

  nodes(): PaxosNode[] {
    return [...this.core].map((id) => this.cluster.node(id)).filter((node) => node.isUp);
  }

  leader(): PaxosNode | undefined {
    return this.nodes().find((node) => node.replica.leader === node.id);
  }

  await(): void {
    const { scheduler, oracles } = this.cluster;
    const healed = scheduler.now;
    this.runUntil(() => this.leader() !== undefined, healed + LEADER_WITHIN, "a leader is elected");
    this.#timeoutsToLeader = (scheduler.now - healed) / TIMEOUT;
    const until = healed + DONE_WITHIN;
    this.workGetsDone(until);
    const target = oracles.chosenIndex;
    const isBehind = (node: PaxosNode) => this.#concerns(node) && node.appliedIndex < target;
    this.runUntil(() => !this.nodes().some(isBehind), until, "all nodes catch up");
    this.runUntil(() => this.changesFinished(), until, "membership changes finish");
  }

  /** What every node is given to propose gets chosen, and a read is answered. */
  workGetsDone(until: number): void {
    const { oracles } = this.cluster;
    const wanted = this.nodes().map((node) => this.#keepProposing(node));
    const isDone = () => wanted.every((command) => oracles.isChosen(command));
    this.runUntil(isDone, until, "commands are chosen");
    this.runUntil(this.#keepReading(), until, "a read is answered");
  }

  changesFinished(): boolean {
    const leader = this.leader();
    if (leader === undefined) return false;
    const status = leader.replica.status();
    return (status.memberships.at(-1)?.fromSlot ?? 0) <= status.chosenIndex + 1;
  }

  runUntil(done: () => boolean, until: number, what: string): void {
    const { scheduler } = this.cluster;
    // What is lost does not come back: there is no need to wait to the end.
    let judged = scheduler.now + JUDGED_AFTER;
    while (!done()) {
      if (scheduler.now > judged) {
        this.#excuse();
        judged += JUDGED_AFTER;
      }
      if (scheduler.runNext(until)) continue;
      this.#excuse();
      const states = this.nodes().map((node) => {
        const { role, chosenIndex, knownChosen } = node.replica.status();
        return `n${node.id} ${role} applied ${node.appliedIndex} chosen ${chosenIndex}/${knownChosen}`;
      });
      throw new Violation(
        `V: ${what}`,
        `n${[...this.core].join()} are connected and nothing fails`,
        `not so at ${until}: ${states.join("; ")}`,
      );
    }
  }

  /** Returns unless what is lacking is lost for good and nobody goes on. */
  #excuse(): void {
    const { oracles, scheduler } = this.cluster;
    const proof = proofOfLoss(this.cluster, this.core);
    if (proof === null) return;
    const { chosenIndex } = oracles;
    const until = scheduler.now + LOUD_FOR;
    while (scheduler.runNext(until));
    if (oracles.chosenIndex === chosenIndex) throw new Unrecoverable(proof);
    // It goes on: a leader had its promises before the damage, or has repaired it. Whether it chose
    // what was there, and whether reads see it, is the business of A, D and L.
  }

  /** Members catch up; a removed node is nobody's business. */
  #concerns(node: PaxosNode): boolean {
    return memberOf(this.cluster.oracles.newestMembership, node.id) !== undefined;
  }

  /** Proposes on `node` again and again until it is chosen: gateways do. */
  #keepProposing(node: PaxosNode): string {
    const { cluster } = this;
    const command = cluster.propose(node);
    const again = () => {
      if (cluster.oracles.isChosen(command)) return;
      // The clients of a removed node go elsewhere.
      const gateways = this.#concerns(node) ? [node] : this.nodes();
      for (const gateway of gateways) {
        gateway.step({ kind: "propose", commands: [Buffer.from(command)] });
      }
      cluster.scheduler.after(AGAIN_AFTER, again);
    };
    cluster.scheduler.after(AGAIN_AFTER, again);
    return command;
  }

  #keepReading(): () => boolean {
    const { oracles, scheduler } = this.cluster;
    const before = oracles.answeredReads;
    const again = () => {
      if (oracles.answeredReads > before) return;
      for (const node of this.nodes()) this.cluster.read(node);
      scheduler.after(AGAIN_AFTER, again);
    };
    again();
    return () => oracles.answeredReads > before;
  }
}
