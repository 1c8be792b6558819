/** What this node says about itself, gathered from its parts. */
import { VERSION } from "../base/version.ts";
import { formatBallot } from "../paxos/ballot.ts";
import { memberOf } from "../paxos/membership.ts";
import type { ReplicaStatus } from "../paxos/replica-status.ts";
import type { Member, Membership } from "../paxos/types.ts";
import type { Transport } from "../transport/transport.ts";
import type { Compaction } from "./compaction.ts";
import type { MemberIdentity } from "./identity.ts";
import type { Node } from "./node.ts";
import type {
  MemberStatus,
  NodeStatus,
  PeerConnection,
  Readiness,
  StatusSource,
} from "./status.ts";

export interface StatusParts {
  readonly identity: MemberIdentity;
  readonly node: Node;
  readonly transport: Transport;
  readonly compaction: Compaction;
  /** Why this node serves nobody any more; null while it does. */
  readonly failure: () => string | null;
}

/** Slots behind what is known to be chosen at which a node still counts as caught up. */
const CAUGHT_UP_SLOTS = 1024;

export class NodeStatusSource implements StatusSource {
  readonly #parts: StatusParts;

  constructor(parts: StatusParts) {
    this.#parts = parts;
  }

  status(): NodeStatus {
    const { identity, node, compaction } = this.#parts;
    const replica = node.status;
    const membership = newestOf(replica);
    const leader = replica.leader === null ? undefined : memberOf(membership, replica.leader);
    return {
      cluster: identity.clusterId,
      node: { id: identity.name, incarnation: identity.incarnation, role: replica.role },
      leader: leader === undefined ? null : { id: leader.name },
      members: membership.members.map((member) => this.#memberStatus(member, replica)),
      ballot: formatBallot(replica.ballot),
      chosenIndex: replica.chosenIndex,
      appliedIndex: node.applier.appliedIndex,
      snapshotIndex: compaction.snapshotIndex,
      truncationFloor: replica.truncationFloor,
      version: VERSION,
    };
  }

  readiness(): Readiness {
    const { identity, node, failure } = this.#parts;
    const broken = failure();
    if (broken !== null) return { ready: false, reason: broken };
    const replica = node.status;
    if (memberOf(newestOf(replica), identity.nodeId) === undefined) {
      return { ready: false, reason: `${identity.name} is not a member of the cluster (any more)` };
    }
    if (replica.leader === null) return { ready: false, reason: node.whatIsMissing() };
    const behind = replica.knownChosen - node.applier.appliedIndex;
    if (behind > CAUGHT_UP_SLOTS) {
      return { ready: false, reason: `${identity.name} is catching up: ${behind} slots behind` };
    }
    return { ready: true, reason: "" };
  }

  peerConnections(): readonly PeerConnection[] {
    return this.#parts.transport.peers().map(({ name, connected, queuedBytes, dropped }) => ({
      name,
      connected,
      queuedBytes,
      dropped,
    }));
  }

  #memberStatus(member: Member, replica: ReplicaStatus): MemberStatus {
    const own = member.id === this.#parts.identity.nodeId;
    const match = own ? replica.chosenIndex : replica.progress.get(member.id)?.chosenIndex;
    return {
      id: member.name,
      voter: member.voter,
      peer: member.peer,
      sql: member.sql,
      match: match ?? null,
    };
  }
}

function newestOf(replica: ReplicaStatus): Membership {
  return replica.memberships.at(-1)?.membership ?? { members: [], nextId: 1 };
}
