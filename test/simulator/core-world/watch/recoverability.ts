/**
 * Judges whether a core that stays stuck may do so: only if what it lacks cannot be had from the
 * disks of its nodes, whatever a protocol did with them (faults rules 26, 27; invariant Q). Looks at
 * the disks, never at what the nodes think, and counts quorums by itself.
 */
import { compareBallots, formatBallot } from "../../../../src/paxos/ballot.ts";
import { memberOf } from "../../../../src/paxos/membership.ts";
import type { NodeId, Slot } from "../../../../src/paxos/types.ts";
import { slot } from "../../../../src/paxos/types.ts";
import type { PaxosNode } from "../../../support/paxos-node.ts";
import type { Cluster } from "../cluster.ts";
import { WINDOW } from "../settings.ts";
import { isQuorum, meetsEveryQuorum } from "./votes.ts";

/** Raised instead of a violation: the proof is the message. */
export class Unrecoverable extends Error {
  override readonly name = "Unrecoverable";
}

/** Why the nodes of `core` cannot tell what one of the next slots holds; null: they could. */
export function proofOfLoss(cluster: Cluster, core: ReadonlySet<NodeId>): string | null {
  // What only a removed node has is nobody's any more: no member asks it.
  const { newestMembership } = cluster.oracles;
  const members = [...core].filter((id) => memberOf(newestMembership, id) !== undefined);
  const nodes = members.map((id) => cluster.node(id));
  const chosen = Math.max(...nodes.map((node) => node.knownToBeChosen));
  for (let at = slot(chosen + 1); at <= chosen + WINDOW; at = slot(at + 1)) {
    // A snapshot holds the slot, even if no log does.
    if (nodes.some((node) => (node.snapshot?.index ?? 0) >= at)) continue;
    if (!couldBeKnown(cluster, nodes, at)) return describe(nodes, at);
  }
  return null;
}

/**
 * Of every quorum one node must speak for the slot: nodes with intact records, and nodes whose damaged
 * record is outdone by an intact one of at least its ballot. Less leaves two stories that look the same.
 * And a quorum must be there: a promise needs no record.
 * Learners are not asked: a candidate talks to voters only.
 */
function couldBeKnown(cluster: Cluster, all: readonly PaxosNode[], at: Slot): boolean {
  const membership = cluster.oracles.governing(at);
  const nodes = all.filter(({ id }) => memberOf(membership, id)?.voter === true);
  const intact = nodes.flatMap((node) => node.disk.durableEntry(at)?.ballot ?? []);
  const speak = nodes.filter(({ id, disk }) => {
    // What is gone without a trace may be anything, until the node has led or starts anew.
    if (cluster.forgetful.has(id)) return false;
    const lost = disk.faulty().find((fault) => fault.slot === at)?.ballot ?? null;
    return lost === null || intact.some((ballot) => compareBallots(ballot, lost) >= 0);
  });
  return isQuorum(membership, maskOf(nodes)) && meetsEveryQuorum(membership, maskOf(speak));
}

function maskOf(nodes: readonly PaxosNode[]): number {
  return nodes.reduce((bits, { id }) => bits | (1 << id), 0);
}

function describe(nodes: readonly PaxosNode[], at: Slot): string {
  const held = nodes.map(({ id, disk }) => {
    const entry = disk.durableEntry(at);
    const fault = disk.faulty().find((candidate) => candidate.slot === at);
    const intact = entry === undefined ? "nothing" : formatBallot(entry.ballot);
    const damage = fault?.ballot ? ` damaged ${formatBallot(fault.ballot)}` : "";
    return `n${id} ${intact}${damage}${disk.faultyAnywhere ? " and more" : ""}`;
  });
  return `slot ${at}: ${held.join(", ")}`;
}
