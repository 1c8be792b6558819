import type { NodeId } from "../paxos/types.ts";
import { type Hello, type HelloAnswer, PROTOCOL_VERSION, type Refused } from "./hello.ts";
import type { Peer } from "./transport.ts";

/** This node as it introduces itself to the other members. */
export interface LocalNode {
  readonly clusterId: string;
  readonly id: NodeId;
  readonly name: string;
  readonly incarnation: string;
  readonly softwareVersion: string;
}

/**
 * Whether a node that wants to talk as a member is one. A removed node is unknown; a node whose
 * disk was wiped has another incarnation and must not vote with a forgotten past (faults rules 36, 37).
 */
export function admitPeer(hello: Hello, local: LocalNode, peers: readonly Peer[]): HelloAnswer {
  if (hello.clusterId !== local.clusterId) {
    return refuse(
      "otherCluster",
      `node ${hello.name} belongs to cluster ${hello.clusterId || "(none)"}, this is cluster ${local.clusterId} (node ${local.name})`,
    );
  }
  if (hello.target !== local.id) {
    return refuse(
      "wrongTarget",
      `this is ${local.name} (number ${local.id}), not the member with number ${hello.target} that ${hello.name} looks for`,
    );
  }
  const known = peers.find((peer) => peer.id === hello.nodeId);
  if (known !== undefined && known.incarnation === hello.incarnation) {
    return { kind: "accepted", softwareVersion: local.softwareVersion };
  }
  if (known !== undefined || peers.some((peer) => peer.name === hello.name)) {
    return refuse("otherIncarnation", otherIncarnation(hello.name));
  }
  return refuse(
    "unknownMember",
    `node ${hello.name} (number ${hello.nodeId}) is not a member of cluster ${local.clusterId}: it was removed, or ${local.name} has not yet heard of it`,
  );
}

/** What both sides say about a node that came back without its past. */
export function otherIncarnation(name: string): string {
  return `${name} is known with another incarnation: its data directory was wiped or replaced; remove it with \`synod members remove ${name}\` and start it again with --join`;
}

export function refuseVersion(protocolVersion: number): Refused {
  return refuse(
    "protocolVersion",
    `the nodes speak protocol versions ${protocolVersion} and ${PROTOCOL_VERSION}; run the same release on all`,
  );
}

export function refuse(code: Refused["code"], reason: string): Refused {
  return { kind: "refused", code, reason };
}
