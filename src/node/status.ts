/** What a node says about itself: the faces that the HTTP server and the commands use. */

export type NodeRole = "leader" | "candidate" | "follower" | "learner";

export interface MemberStatus {
  /** The member's name. */
  readonly id: string;
  readonly voter: boolean;
  readonly peer: string;
  readonly sql: string;
  /** Highest slot that it is known to have, as far as this node knows; null if it knows nothing. */
  readonly match: number | null;
}

/** GET /status, field by field. Slots are inclusive. */
export interface NodeStatus {
  readonly cluster: string;
  readonly node: { readonly id: string; readonly incarnation: string; readonly role: NodeRole };
  readonly leader: { readonly id: string } | null;
  readonly members: readonly MemberStatus[];
  /** Round and node, "7.2". */
  readonly ballot: string;
  readonly chosenIndex: number;
  readonly appliedIndex: number;
  readonly snapshotIndex: number;
  readonly truncationFloor: number;
  readonly version: string;
}

/** Whether clients should be sent here. */
export interface Readiness {
  readonly ready: boolean;
  /** Why not, in a sentence; empty if ready. */
  readonly reason: string;
}

/** The state of the connection to one peer. */
export interface PeerConnection {
  readonly name: string;
  readonly connected: boolean;
  readonly queuedBytes: number;
  readonly dropped: number;
}

/** Asked on every request or scrape; answers at once, from memory. */
export interface StatusSource {
  status(): NodeStatus;
  readiness(): Readiness;
  peerConnections(): readonly PeerConnection[];
}

/** What became of an operator's request. */
export interface AdminResult {
  readonly ok: boolean;
  /** A sentence for the operator: what was done, or why not. */
  readonly message: string;
}

/** What an operator may ask a running node to do. Resolves when it is done or refused. */
export interface Administration {
  removeMember(name: string): Promise<AdminResult>;
  promoteMember(name: string): Promise<AdminResult>;
  takeSnapshot(): Promise<AdminResult>;
  /** Of everything that SQL can see on this node, with the slot to which it belongs: equal on every node. */
  contentHash(): Promise<{ readonly appliedIndex: number; readonly hash: string }>;
}

/** A started node, as the process around it sees it. */
export interface RunningNode {
  /** Where clients connect, as host:port with the real port. */
  readonly sqlAddress: string;
  readonly peerAddress: string;
  readonly httpAddress: string | null;
  status(): NodeStatus;
  /** Settles when the node stopped by itself: its disk or state machine is broken. Never settles otherwise. */
  readonly failed: Promise<Error>;
  /** Refuses new clients, hands over leadership, closes everything in order. Idempotent. */
  stop(): Promise<void>;
}
