/**
 * Endings in which some links stay cut for ever and yet somebody reaches a quorum (faults.md N6 to
 * N8, after Ng et al., "Omni-Paxos", EuroSys '23, section 2). Rule 12: a leader with a quorum stands
 * within four election timeouts; in a chain the leader changes at most once.
 *
 *   quorum loss   the old leader lives but reaches only the one node that reaches everybody
 *   constrained   the one node that reaches everybody has an old log; the old leader is gone
 *   chained       everybody reaches two neighbours; the old leader stands at one end. Of three it
 *                 keeps its quorum; of more somebody must replace it, and two may try at once
 */
import { memberOf, votersOf } from "../../../src/paxos/membership.ts";
import type { NodeId } from "../../../src/paxos/types.ts";
import type { PaxosNode } from "../../support/paxos-node.ts";
import { Violation } from "../../support/violation.ts";
import { type Calm, TIMEOUT } from "./calm.ts";
import type { Cluster } from "./cluster.ts";
import { chain, cutAllBut, hub } from "./links.ts";
import { TICK } from "./settings.ts";
import { isQuorum } from "./watch/votes.ts";

const STANDS_WITHIN = 4 * TIMEOUT;
const WATCHED_FOR = 20 * TIMEOUT;
const CHANGES_MAX = 1;
/** How long the node with the old log is alone, and how much is chosen without it. */
const ALONE_FOR = 3 * TIMEOUT;

export interface Ending {
  readonly shape: "quorum loss" | "constrained" | "chained";
  /** From the cut to a leader with a quorum, in election timeouts. */
  readonly timeouts: number;
}

/** Cuts links for good and sees whether a leader stands; null: the members do not allow it. */
export function endPartitioned(calm: Calm): Ending | null {
  const { cluster } = calm;
  const leader = calm.leader();
  const voters = votersOf(cluster.oracles.newestMembership);
  if (leader === undefined || voters.length < 3 || !isWhole(calm)) return null;
  const shape = drawShape(cluster, voters.length);
  const others = voters.filter((id) => id !== leader.id);
  const middle = others[cluster.random.below(others.length)];
  if (middle === undefined) return null;
  if (shape === "constrained") leaveBehind(calm, leader, middle);
  // Who has yet to learn that it votes must be told first.
  if (!knowsItsVote(cluster, middle)) return null;
  const began = cluster.scheduler.now;
  const before = electionsOf(cluster);
  cluster.faults.reached(`ending ${shape}`);
  cluster.trace.note(0, "ending", middle, shape);
  cluster.network.mendAll();
  if (shape === "chained") chain(cluster, [leader.id, ...others]);
  else hub(cluster, middle);
  if (shape === "constrained") isolate(cluster, leader.id);
  const stands = () => standing(calm) !== undefined;
  calm.runUntil(stands, began + STANDS_WITHIN, `a leader stands in the ending "${shape}"`);
  const timeouts = (cluster.scheduler.now - began) / TIMEOUT;
  serves(calm, began + WATCHED_FOR, shape);
  if (shape === "chained") staysSo(cluster, voters.length === 3 ? before : before + 1);
  return { shape, timeouts };
}

/** From now on nobody is elected, and there were at most so many elections and one more until now. */
function staysSo(cluster: Cluster, before: number): void {
  // Two that began before they heard of each other may still be at it.
  const calmed = cluster.scheduler.now + TIMEOUT;
  while (cluster.scheduler.runNext(calmed));
  const settled = electionsOf(cluster);
  const until = calmed + WATCHED_FOR;
  while (cluster.scheduler.runNext(until));
  const after = electionsOf(cluster);
  if (after === settled && after <= before + CHANGES_MAX) return;
  throw new Violation(
    "V: in a chain the leader changes once at most",
    `${settled} elections until it served, ${before} before the cut at most`,
    `${after} after ${WATCHED_FOR / TIMEOUT} more timeouts`,
  );
}

/** All members vote, run, were connected and have nothing on their disks that is damaged. */
function isWhole(calm: Calm): boolean {
  const { members } = calm.cluster.oracles.newestMembership;
  const isSound = ({ id }: { id: NodeId }) => {
    const { isUp, disk } = calm.cluster.node(id);
    const lacks = calm.cluster.forgetful.has(id) || disk.faulty().length > 0;
    return calm.core.has(id) && isUp && !lacks;
  };
  return members.every((member) => member.voter && isSound(member));
}

function drawShape(cluster: Cluster, voters: number): Ending["shape"] {
  // Of three, each pair is a quorum: a leader that keeps one link keeps it. Of more than five, no
  // node and its two neighbours are one.
  const shapes: Ending["shape"][] = ["constrained"];
  if (voters > 3) shapes.push("quorum loss");
  if (voters <= 5) shapes.push("chained");
  return shapes[cluster.random.below(shapes.length)] ?? "constrained";
}

/** By the membership that is in force where its log ends: what comes later it has yet to reach. */
function knowsItsVote(cluster: Cluster, id: NodeId): boolean {
  const { memberships, chosenIndex } = cluster.node(id).replica.status();
  const own = memberships.findLast(({ fromSlot }) => fromSlot <= chosenIndex + 1)?.membership;
  return (
    own !== undefined && votersOf(own).join() === votersOf(cluster.oracles.newestMembership).join()
  );
}

/** `behind` misses what the others choose. */
function leaveBehind(calm: Calm, leader: PaxosNode, behind: NodeId): void {
  const { cluster } = calm;
  isolate(cluster, behind);
  const until = cluster.scheduler.now + ALONE_FOR;
  const propose = () => {
    if (cluster.scheduler.now >= until) return;
    cluster.propose(leader);
    cluster.scheduler.after(2 * TICK, propose);
  };
  propose();
  while (cluster.scheduler.runNext(until));
}

function isolate(cluster: Cluster, id: NodeId): void {
  cutAllBut(cluster, (from, to) => from !== id && to !== id);
}

/** A leader that reaches, both ways, a quorum of the voters. */
function standing(calm: Calm): PaxosNode | undefined {
  const { network, oracles } = calm.cluster;
  const membership = oracles.newestMembership;
  return calm.nodes().find((node) => {
    if (node.replica.leader !== node.id || memberOf(membership, node.id) === undefined)
      return false;
    const reached = membership.members.filter(
      ({ id }) => !network.isCut(id, node.id) && !network.isCut(node.id, id),
    );
    return isQuorum(
      membership,
      reached.reduce((bits, { id }) => bits | (1 << id), 0),
    );
  });
}

/** What is proposed where a leader stands gets chosen. */
function serves(calm: Calm, until: number, shape: string): void {
  const { cluster } = calm;
  const wanted: string[] = [];
  const isDone = () => wanted.some((command) => cluster.oracles.isChosen(command));
  const again = () => {
    const leader = standing(calm);
    if (isDone()) return;
    if (leader !== undefined) wanted.push(cluster.propose(leader));
    cluster.scheduler.after(5 * TICK, again);
  };
  again();
  calm.runUntil(isDone, until, `commands are chosen in the ending "${shape}"`);
}

function electionsOf(cluster: Cluster): number {
  return cluster.faults.counts.get("elected") ?? 0;
}
