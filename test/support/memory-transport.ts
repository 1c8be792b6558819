/**
 * The links between simulated nodes: real messages in real frames, admitted by the real rules, over
 * a network that loses, delays and cuts. As over TCP, a message reaches whoever lives at the
 * address that the sender has for the member; unlike TCP, one that was sent to a process may still
 * reach the next one at its place, and messages may overtake each other: the core must not mind.
 */
import { formatAddress } from "../../src/base/address.ts";
import { ByteWriter, MalformedError } from "../../src/base/bytes.ts";
import { FRAME_BODY_BYTES_MAX } from "../../src/base/limits.ts";
import type { NodeId } from "../../src/paxos/types.ts";
import { admitPeer, type LocalNode } from "../../src/transport/admission.ts";
import { decodeMessage, encodeMessage } from "../../src/transport/codec/message-codec.ts";
import type { ExchangeResult, Question } from "../../src/transport/exchange.ts";
import { type Frame, FrameDecoder } from "../../src/transport/frame.ts";
import { type Hello, PROTOCOL_VERSION, type Purpose } from "../../src/transport/hello.ts";
import type { RequestHandler } from "../../src/transport/peer-listener.ts";
import type { PeerMessage } from "../../src/transport/peer-messages.ts";
import type { Peer, PeerState, Transport } from "../../src/transport/transport.ts";
import type { Network } from "./simulation/network.ts";

export interface Envelope {
  readonly hello: Hello;
  /** Where the sender lives: a refusal goes there. */
  readonly address: string;
  readonly bytes: Uint8Array;
}

/** Where a node listens, as its peers see it: it is there only while the process runs. */
export interface Place {
  /** The machine's number in the network; the same for every node that ever lives there. */
  readonly host: number;
  readonly address: string;
}

/** Who listens at which address. */
export class Exchange {
  readonly network: Network<Envelope>;
  readonly #transports = new Map<string, MemoryTransport>();
  readonly #handlers = new Map<string, Map<Purpose, RequestHandler>>();
  /** Told of every message that leaves a node. */
  onSent: (host: number, message: PeerMessage, bytes: Uint8Array) => void = () => undefined;
  /** Told of every frame that was refused for its checksum. */
  onRefused: () => void = () => undefined;

  /** `makeNetwork` is given what takes the messages that arrive. */
  constructor(
    makeNetwork: (
      deliver: (from: number, to: number, envelope: Envelope) => void,
    ) => Network<Envelope>,
  ) {
    this.network = makeNetwork((_from, to, envelope) => {
      const transport = [...this.#transports.values()].find(({ place }) => place.host === to);
      transport?.receive(envelope);
    });
  }

  at(address: string): MemoryTransport | undefined {
    return this.#transports.get(address);
  }

  open(transport: MemoryTransport): void {
    this.#transports.set(transport.place.address, transport);
    this.#handlers.set(transport.place.address, new Map());
  }

  /** The process at that address is gone. */
  close(address: string): void {
    this.#transports.delete(address);
    this.#handlers.delete(address);
  }

  serve(address: string, purpose: Purpose, handler: RequestHandler): void {
    this.#handlers.get(address)?.set(purpose, handler);
  }

  /** As src/transport/exchange.ts, over no connection at all: it works where the links are not cut. */
  async question(host: number, { address, hello, request }: Question): Promise<ExchangeResult> {
    const text = formatAddress(address);
    const receiver = this.#transports.get(text);
    const isCut = receiver !== undefined && this.network.isCut(host, receiver.place.host);
    if (receiver === undefined || isCut) {
      return { kind: "failed", reason: "nobody there", mayHaveBeenCarriedOut: false };
    }
    return { kind: "answered", answer: await this.ask(text, hello, request) };
  }

  /** Asks whoever listens at `address`, as a node that is no member yet. */
  async ask(address: string, hello: Hello, request: Uint8Array): Promise<Uint8Array> {
    const handler = this.#handlers.get(address)?.get(hello.purpose);
    if (handler === undefined) throw new Error(`nobody answers "${hello.purpose}" at ${address}`);
    return handler(hello, request);
  }
}

export class MemoryTransport implements Transport {
  readonly place: Place;
  readonly #exchange: Exchange;
  readonly #local: LocalNode;
  readonly #refusals = new Map<NodeId, string>();
  readonly #dropped = new Map<NodeId, number>();
  #peers: readonly Peer[] = [];
  #handler: (from: NodeId, message: PeerMessage) => void = () => undefined;
  readonly #gate: (arrived: () => void) => void;
  #open = true;

  /** `gate` runs what arrives, or keeps it while the process is paused. */
  constructor(
    exchange: Exchange,
    place: Place,
    local: LocalNode,
    gate: (arrived: () => void) => void,
  ) {
    this.#gate = gate;
    this.#exchange = exchange;
    this.place = place;
    this.#local = local;
    exchange.open(this);
  }

  send(to: NodeId, message: PeerMessage): void {
    this.broadcast([to], message);
  }

  broadcast(to: readonly NodeId[], message: PeerMessage): void {
    const bytes = joined(encodeMessage(message).parts);
    this.#exchange.onSent(this.place.host, message, bytes);
    for (const id of to) {
      const peer = this.#peers.find((candidate) => candidate.id === id);
      if (peer === undefined) continue;
      const receiver = this.#exchange.at(peer.address);
      if (receiver === undefined) {
        this.#dropped.set(id, (this.#dropped.get(id) ?? 0) + 1);
        continue;
      }
      const envelope = { hello: this.#hello(peer), address: this.place.address, bytes };
      this.#exchange.network.send(this.place.host, receiver.place.host, envelope);
    }
  }

  setPeers(peers: readonly Peer[]): void {
    this.#peers = peers.filter(({ id }) => id !== this.#local.id);
  }

  onMessage(handler: (from: NodeId, message: PeerMessage) => void): void {
    this.#handler = handler;
  }

  peers(): readonly PeerState[] {
    return this.#peers.map((peer) => {
      const receiver = this.#exchange.at(peer.address);
      const { network } = this.#exchange;
      const connected =
        receiver !== undefined &&
        !network.isCut(this.place.host, receiver.place.host) &&
        receiver.admits(this.#hello(peer));
      const refusal = connected ? null : (this.#refusals.get(peer.id) ?? null);
      const dropped = this.#dropped.get(peer.id) ?? 0;
      return { id: peer.id, name: peer.name, connected, queuedBytes: 0, dropped, refusal };
    });
  }

  close(): Promise<void> {
    this.#open = false;
    this.#peers = [];
    this.#exchange.close(this.place.address);
    return Promise.resolve();
  }

  admits(hello: Hello): boolean {
    return admitPeer(hello, this.#local, this.#peers).kind === "accepted";
  }

  receive(envelope: Envelope): void {
    this.#gate(() => {
      if (this.#open) this.#take(envelope);
    });
  }

  #take({ hello, address, bytes }: Envelope): void {
    const answer = admitPeer(hello, this.#local, this.#peers);
    if (answer.kind === "refused") {
      this.#exchange.at(address)?.refused(this.#local.id, answer.reason);
      return;
    }
    for (const frame of this.#framesOf(bytes)) this.#handler(hello.nodeId, decodeMessage(frame));
  }

  /** A frame that arrives damaged ends the connection: it and what follows are lost. */
  #framesOf(bytes: Uint8Array): readonly Frame[] {
    try {
      return [...new FrameDecoder(FRAME_BODY_BYTES_MAX).push(bytes)];
    } catch (error) {
      if (!(error instanceof MalformedError)) throw error;
      this.#exchange.onRefused();
      return [];
    }
  }

  refused(by: NodeId, reason: string): void {
    this.#refusals.set(by, reason);
  }

  #hello(peer: Peer): Hello {
    const { clusterId, id, name, incarnation, softwareVersion } = this.#local;
    const target = peer.id;
    const who = { clusterId, nodeId: id, name, incarnation, target, softwareVersion };
    return { protocolVersion: PROTOCOL_VERSION, purpose: "peer", ...who };
  }
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const writer = new ByteWriter();
  for (const part of parts) writer.raw(part);
  return writer.finish();
}
