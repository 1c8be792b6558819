/** Which nodes suffice for the cluster to go on, by what is on all disks: more than any node knows. */
import { decodeMembershipEntry, withVoter } from "../../../src/paxos/membership.ts";
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
  return core;
}
