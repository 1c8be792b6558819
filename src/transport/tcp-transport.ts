import type { Logger } from "pino";
import type { NodeId } from "../paxos/types.ts";
import { admitPeer } from "./admission.ts";
import { decodeMessage, encodeMessage } from "./codec/message-codec.ts";
import type { EncodedFrame, Frame } from "./frame.ts";
import type { Hello } from "./hello.ts";
import type { IncomingConnection } from "./incoming-connection.ts";
import { type LinkSettings, PeerLink } from "./peer-link.ts";
import type { PeerListener } from "./peer-listener.ts";
import type { PeerMessage } from "./peer-messages.ts";
import type { FrameClass } from "./send-queue.ts";
import type { Peer, PeerState, Transport } from "./transport.ts";

/** What carries entries or chunks. */
const BULK_KINDS: ReadonlySet<PeerMessage["kind"]> = new Set([
  "accept",
  "promise",
  "propose",
  "fetched",
  "snapshotChunk",
]);

/** Messages over TCP: one connection a pair and direction. */
export class TcpTransport implements Transport {
  readonly #settings: LinkSettings;
  readonly #listener: PeerListener;
  readonly #log: Logger;
  readonly #links = new Map<NodeId, PeerLink>();
  readonly #incoming = new Map<NodeId, IncomingConnection>();
  #peers: readonly Peer[] = [];
  #handler: (from: NodeId, message: PeerMessage) => void = () => undefined;

  /** Takes over `listener`: closed with the transport. */
  constructor(listener: PeerListener, settings: LinkSettings) {
    this.#listener = listener;
    this.#settings = settings;
    this.#log = settings.log;
    listener.receivePeers({
      admit: (hello) => admitPeer(hello, settings.local, this.#peers),
      welcome: (hello, connection) => this.#welcome(hello, connection),
    });
  }

  send(to: NodeId, message: PeerMessage): void {
    this.#links.get(to)?.send(encodeMessage(message), classOf(message));
  }

  broadcast(to: readonly NodeId[], message: PeerMessage): void {
    let frame: EncodedFrame | null = null;
    for (const id of to) {
      const link = this.#links.get(id);
      if (link === undefined) continue;
      frame ??= encodeMessage(message);
      link.send(frame, classOf(message));
    }
  }

  setPeers(peers: readonly Peer[]): void {
    this.#peers = peers.filter((peer) => peer.id !== this.#settings.local.id);
    for (const [id, link] of this.#links) {
      if (this.#peers.some((peer) => isSamePlace(peer, link.peer))) continue;
      link.close();
      this.#links.delete(id);
    }
    for (const [id, connection] of this.#incoming) {
      if (!this.#peers.some((peer) => peer.id === id)) connection.close("no longer a member");
    }
    for (const peer of this.#peers) {
      if (!this.#links.has(peer.id)) this.#links.set(peer.id, new PeerLink(peer, this.#settings));
    }
  }

  onMessage(handler: (from: NodeId, message: PeerMessage) => void): void {
    this.#handler = handler;
  }

  peers(): readonly PeerState[] {
    return [...this.#links.values()].map((link) => link.state());
  }

  async close(): Promise<void> {
    this.#peers = [];
    for (const link of this.#links.values()) link.close();
    this.#links.clear();
    await this.#listener.close();
  }

  #welcome(hello: Hello, connection: IncomingConnection): (frame: Frame) => void {
    const from = hello.nodeId;
    this.#incoming.get(from)?.close(null);
    this.#incoming.set(from, connection);
    connection.onClose(() => {
      if (this.#incoming.get(from) === connection) this.#incoming.delete(from);
    });
    this.#log.debug({ peer: hello.name, version: hello.softwareVersion }, "peer dialed in");
    this.#links.get(from)?.wake();
    return (frame) => this.#handler(from, decodeMessage(frame));
  }
}

function isSamePlace(left: Peer, right: Peer): boolean {
  return (
    left.id === right.id &&
    left.address === right.address &&
    left.incarnation === right.incarnation &&
    left.name === right.name
  );
}

function classOf(message: PeerMessage): FrameClass {
  return BULK_KINDS.has(message.kind) ? "bulk" : "control";
}
