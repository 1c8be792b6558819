/** Keeps the transport in step with the membership, lets nodes in, and tells the cluster where this one is. */
import type { Logger } from "pino";
import { decodeMembership, memberOf } from "../paxos/membership.ts";
import type { Membership } from "../paxos/types.ts";
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
  #wasMember = false;

  constructor(parts: MembershipWatchParts) {
    this.#parts = parts;
  }

  /** The newest membership that this node knows of. */
  newest(): Membership {
    const newest = this.#parts.node.status.memberships.at(-1);
    return newest?.membership ?? decodeMembership(this.#parts.identity.membership);
  }

  /** Who may connect, and whom this node calls. */
  changed(membership: Membership): void {
    const { identity, transport, log } = this.#parts;
    const self = memberOf(membership, identity.nodeId);
    if (self === undefined && this.#wasMember) {
      log.error("this node was removed from the cluster: stop it");
    }
    // A node that catches up passes old memberships, which may name nobody who still lives: those
    // that let it in stay known until it finds itself in the log.
    const known =
      self === undefined && !this.#wasMember
        ? [...membership.members, ...decodeMembership(identity.membership).members]
        : membership.members;
    this.#wasMember ||= self !== undefined;
    const peers = new Map(
      known.map(({ id, name, peer, incarnation }) => [
        id,
        { id, name, address: peer, incarnation },
      ]),
    );
    transport.setPeers([...peers.values()]);
  }

  /** From now on other nodes may ask at the peer port to be let in. */
  serveJoin(port: Pick<PeerListener, "serve">): void {
    const { clusterId, window } = this.#parts.identity;
    serveJoin(port, async ({ name, incarnation, peer, sql }) => {
      const question = { action: "add", name, incarnation, peer, sql } as const;
      const result = await this.#parts.members.request(question);
      if (result.ok) {
        return { kind: "joined", admission: { clusterId, window, membership: result.membership } };
      }
      const isFinal = result.reason.startsWith(`the name ${name} is taken`);
      return { kind: isFinal ? "refused" : "later", reason: result.reason };
    });
  }

  /** A restart under other addresses is told to the cluster. */
  async announceAddresses(): Promise<void> {
    const { identity, members, log } = this.#parts;
    const { peer, sql } = identity.addresses;
    const known = memberOf(this.newest(), identity.nodeId);
    if (known === undefined || (known.peer === peer && known.sql === sql)) return;
    const { name, incarnation } = identity;
    const question = { action: "setAddresses", name, incarnation, peer, sql } as const;
    const result = await members.request(question);
    if (result.ok) log.info({ peer, sql }, "the cluster knows the new addresses");
    else log.warn({ reason: result.reason }, "the cluster does not know the new addresses");
  }
}
