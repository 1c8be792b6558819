/** Operators at work during the storm: members come and go, dead ones are replaced (M1 to M4). */
import type { MembershipChange } from "../../../src/paxos/inputs.ts";
import { memberOf, votersOf } from "../../../src/paxos/membership.ts";
import type { Membership, NodeId } from "../../../src/paxos/types.ts";
import { memberNamed } from "../../support/genesis.ts";
import type { PaxosNode } from "../../support/paxos-node.ts";
import type { Cluster } from "./cluster.ts";
import { isSufficient } from "./sufficiency.ts";

const NODES_MAX = 12;
/** Units between two attempts to replace a dead node. */
const REPLACE_EVERY = 200;

/** One change, perhaps with a second one at once or a crash of the leader right behind it. */
export function changeMembership(cluster: Cluster): void {
  const { random, faults, scheduler } = cluster;
  const leader = anyLeader(cluster);
  if (leader === null) return;
  const change = drawChange(cluster, newestOf(leader));
  if (change === null || !faults.strikes("membership change")) return;
  leader.step({ kind: "changeMembership", id: 1, change });
  if (leader.isUp && random.below(4) === 0) {
    const second = drawChange(cluster, newestOf(leader));
    if (second !== null && faults.strikes("second change at once")) {
      leader.step({ kind: "changeMembership", id: 2, change: second });
    }
  }
  if (random.below(4) === 0 && faults.strikes("crash in a change")) {
    scheduler.after(random.below(60), () => {
      if (!cluster.isCalm) leader.crash();
    });
  }
}

/** A node loses its disk, or both copies of what it promised: it never starts again and is replaced. */
export function loseDisk(cluster: Cluster): void {
  const node = cluster.anyNode();
  if (cluster.lost.has(node.id)) return;
  const others = [...cluster.nodes.keys()].filter((id) => id !== node.id && !cluster.lost.has(id));
  // With more gone no cluster could go on.
  if (!isSufficient(cluster, new Set(others))) return;
  const what = cluster.random.below(2) === 0 ? "wiped node" : "rotten metadata";
  if (!cluster.faults.strikes(what)) return;
  cluster.lost.add(node.id);
  node.crash("nothing");
  replace(cluster, node.id);
}

function replace(cluster: Cluster, dead: NodeId): void {
  cluster.scheduler.after(REPLACE_EVERY, () => {
    if (cluster.isCalm) return;
    const leader = anyLeader(cluster);
    const newest = leader === null ? null : newestOf(leader);
    if (leader === null || newest === null || memberOf(newest, dead) !== undefined) {
      leader?.step({ kind: "changeMembership", id: 3, change: { kind: "remove", id: dead } });
      return replace(cluster, dead);
    }
    cluster.faults.reached("dead node removed");
    if (newest.nextId > NODES_MAX) return;
    const change = { kind: "addLearner", member: memberNamed(`n${newest.nextId}`) } as const;
    leader.step({ kind: "changeMembership", id: 4, change });
  });
}

function anyLeader(cluster: Cluster): PaxosNode | null {
  const leaders = cluster.leaders();
  return leaders[cluster.random.below(leaders.length)] ?? null;
}

function newestOf(leader: PaxosNode): Membership {
  const newest = leader.replica.status().memberships.at(-1);
  if (newest === undefined) throw new Error("some membership governs the log");
  return newest.membership;
}

function drawChange(cluster: Cluster, membership: Membership): MembershipChange | null {
  const { random } = cluster;
  const choice = random.below(4);
  const victim = membership.members[random.below(membership.members.length)];
  if (choice === 0 || votersOf(membership).length < 3) {
    if (membership.nextId > NODES_MAX) return null;
    return { kind: "addLearner", member: memberNamed(`n${membership.nextId}`) };
  }
  if (victim === undefined) return null;
  if (choice === 1) return { kind: "remove", id: victim.id };
  if (choice === 2) return { kind: "promote", id: victim.id };
  return { kind: "setAddresses", id: victim.id, addresses: { peer: "moved", sql: "moved" } };
}
