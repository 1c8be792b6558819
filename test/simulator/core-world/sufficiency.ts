/** Which nodes suffice for the cluster to go on, by what is on all disks: more than any node knows. */
import {
  decodeMembershipEntry,
  memberOf,
  votersOf,
  withVoter,
} from "../../../src/paxos/membership.ts";
import { isQuorumOfAll } from "../../../src/paxos/quorum.ts";
import type { NodeId } from "../../../src/paxos/types.ts";
import type { Cluster } from "./cluster.ts";

/** Whether `nodes` hold a quorum of every membership that may decide what they lack. */
export function isSufficient(cluster: Cluster, nodes: ReadonlySet<NodeId>): boolean {
  const all = [...cluster.nodes.values()];
  const inside = all.filter(({ id }) => nodes.has(id));
  const known = Math.max(0, ...inside.map((node) => node.knownToBeChosen));
  const memberships = cluster.oracles.membershipsAbove(known);
  for (const entry of all.flatMap((node) => node.disk.everyEntry())) {
    if (entry.value.kind !== "membership" || entry.slot <= known) continue;
    memberships.push(decodeMembershipEntry(entry.value.payload).membership);
  }
  // A leader may promote a learner before it notices that it is cut off.
  const promoted = memberships.flatMap((membership) =>
    membership.members.map(({ id }) => withVoter(membership, id)),
  );
  return isQuorumOfAll([...memberships, ...promoted], nodes);
}

/** Random nodes among those that can start, until they suffice; all of them in every second seed. */
export function drawCore(cluster: Cluster): Set<NodeId> {
  const ids = [...cluster.nodes.keys()].filter((id) => !cluster.lost.has(id));
  const core = new Set<NodeId>();
  const everybody = cluster.random.below(2) === 0;
  while (ids.length > 0 && (everybody || !isSufficient(cluster, core))) {
    const [id] = ids.splice(cluster.random.below(ids.length), 1);
    if (id !== undefined) core.add(id);
  }
  // The rest has those that can introduce them.
  if (!areAcquainted(cluster, core)) for (const id of ids) core.add(id);
  return core;
}

/**
 * Whether all voters of the core know each other. A member that is behind refuses newer ones of
 * which it has not heard, and cannot hear of them where nobody is that it knows.
 */
function areAcquainted(cluster: Cluster, core: ReadonlySet<NodeId>): boolean {
  const voters = votersOf(cluster.oracles.newestMembership).filter((id) => core.has(id));
  return voters.every((id) => {
    const node = cluster.node(id);
    const { memberships } = node.isUp ? node.replica.status() : node.disk.recover(0);
    return voters.every((other) =>
      memberships.some(({ membership }) => memberOf(membership, other) !== undefined),
    );
  });
}
