/** The network between the members as the node sees it. */
import type { NodeId } from "../paxos/types.ts";
import type { PeerMessage } from "./peer-messages.ts";

/** A member that this node talks to. */
export interface Peer {
  readonly id: NodeId;
  /** host:port of its peer port. */
  readonly address: string;
  readonly incarnation: string;
  readonly name: string;
}

/** The state of the link to one peer, for status and metrics. */
export interface PeerState {
  readonly id: NodeId;
  readonly name: string;
  /** Whether messages to it leave now. */
  readonly connected: boolean;
  /** Bytes that wait for it. */
  readonly queuedBytes: number;
  /** Messages to it that were dropped since this process started. */
  readonly dropped: number;
  /** Why it refuses this node, in a sentence; null if it does not. */
  readonly refusal: string | null;
}

export interface Transport {
  /** Sends to one member; never blocks, may drop. */
  send(to: NodeId, message: PeerMessage): void;
  /** The same bytes to several. */
  broadcast(to: readonly NodeId[], message: PeerMessage): void;
  /**
   * Who may connect and where they are; called whenever the membership changes. This node itself may
   * be among them and is passed over. Links to members that left are closed.
   */
  setPeers(peers: readonly Peer[]): void;
  /** One handler; messages that come before it is set are lost, as the network may lose any. */
  onMessage(handler: (from: NodeId, message: PeerMessage) => void): void;
  peers(): readonly PeerState[];
  close(): Promise<void>;
}
