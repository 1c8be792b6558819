/** Keeps the transport in step with the membership, and lets nodes in. */
import type { Logger } from "pino";
import { decodeMembership, memberOf } from "../paxos/membership.ts";
import type { Member, Membership } from "../paxos/types.ts";
import type { PeerListener } from "../transport/peer-listener.ts";
import type { Transport } from "../transport/transport.ts";
import { serveJoin } from "./enter-cluster.ts";
import type { MemberIdentity } from "./identity.ts";
import type { Members } from "./members.ts";
import type { Node } from "./node.ts";

export interface MembershipWatchParts {
  readonly identity: MemberIdentity;
  readonly node: Node;
  readonly transport: Transport;
  readonly members: Members;
  readonly log: Logger;
}

export class MembershipWatch {
  readonly #parts: MembershipWatchParts;
  #saidRemoved = false;
  #told = "";

  constructor(parts: MembershipWatchParts) {
    this.#parts = parts;
  }

  /** The newest membership that this node knows of. */
  newest(): Membership {
    const newest = this.#parts.node.status.memberships.at(-1);
    return newest?.membership ?? decodeMembership(this.#parts.identity.membership);
  }

  /**
   * Who may connect, and whom this node calls: the members of every membership in force or to come.
   * A voter that is being removed still counts until its successor is in force (faults rule 35), so
   * this is to be called now and then, not only when a membership was chosen.
   */
  refresh(): void {
    const { identity, transport, log } = this.#parts;
    const newest = this.newest();
    const isRemoved =
      hasJoined(newest, identity) && memberOf(newest, identity.nodeId) === undefined;
    if (isRemoved && !this.#saidRemoved)
      log.error("this node was removed from the cluster: stop it");
    this.#saidRemoved = isRemoved;
    const peers = new Map(
      this.#known().map(({ id, name, peer, incarnation }) => [
        id,
        { id, name, address: peer, incarnation },
      ]),
    );
    const text = JSON.stringify([...peers.values()]);
    if (text === this.#told) return;
    this.#told = text;
    transport.setPeers([...peers.values()]);
  }

  /** The newest membership's addresses come last and so win. */
  #known(): Member[] {
    const { node, identity } = this.#parts;
    const { memberships, chosenIndex } = node.status;
    const first = memberships.findLastIndex(({ fromSlot }) => fromSlot <= chosenIndex + 1);
    const known = memberships
      .slice(Math.max(first, 0))
      .flatMap(({ membership }) => membership.members);
    if (hasJoined(this.newest(), identity)) return known;
    // A node that catches up passes old memberships, which may name nobody who still lives: those
    // that let it in stay known until it finds itself in the log.
    return [...known, ...decodeMembership(identity.membership).members];
  }

  /** From now on other nodes may ask at the peer port to be let in, and members tell where they are. */
  serveJoin(port: Pick<PeerListener, "serve">): void {
    const { clusterId, window } = this.#parts.identity;
    serveJoin(port, async (request, hello) => {
      if (hello.nodeId !== 0 && hello.clusterId !== clusterId) {
        return { kind: "refused", reason: `this is cluster ${clusterId}` };
      }
      const action = hello.nodeId === 0 ? "add" : "setAddresses";
      const result = await this.#parts.members.request({ action, ...request });
      if (result.ok) {
        return { kind: "joined", admission: { clusterId, window, membership: result.membership } };
      }
      const isFinal = result.reason.startsWith(`the name ${request.name} is taken`);
      return { kind: isFinal ? "refused" : "later", reason: result.reason };
    });
  }
}

/** Whether `membership` is from after this node was let in: numbers are given in order. */
function hasJoined(membership: Membership, identity: MemberIdentity): boolean {
  return membership.nextId > identity.nodeId;
}
