/**
 * What replicas say to each other. Slots are inclusive. "Leader" is the node of the ballot.
 *
 * | message       | from → to          | meaning |
 * | probe         | candidate → voters | would you promise me a ballot above yours? Changes nothing at the receiver. |
 * | probeReply    | voter → candidate  | granted unless a live leader is heard; carries what the asker needs to climb or catch up |
 * | prepare       | candidate → voters | phase 1 for all slots from `from` on |
 * | promise       | voter → candidate  | one part of what was accepted there; counted when the last part is in |
 * | accept        | leader → all       | phase 2 for one slot; also to learner-only nodes, which store it without a vote |
 * | accepted      | voter → leader     | these slots are on my disk under this ballot |
 * | rejected      | voter → proposer   | a higher ballot was promised here |
 * | chosen        | leader → all       | everything up to here is chosen; sent when no accept carries it |
 * | heartbeat     | leader → all       | I lead and hear a quorum; everything up to chosenIndex is chosen |
 * | heartbeatAck  | any → leader       | echoes the heartbeat's sequence: confirms leadership for reads and liveness |
 * | propose       | any → leader       | commands of clients, forwarded |
 * | readIndex     | any → leader       | which slot must a read wait for? |
 * | readIndexReply| leader → asker     | this one (or null: I do not lead) |
 * | fetch         | any → any          | chosen entries, from this slot on |
 * | fetched       | any → any          | the entries, or that they are truncated here |
 * | handOver      | leader → voter     | I am leaving: campaign now |
 */
import type { Ballot } from "./ballot.ts";
import type { Entry, NodeId, Slot, Value } from "./types.ts";

export interface Probe {
  readonly kind: "probe";
  /** The ballot that the candidate would use. */
  readonly ballot: Ballot;
}

export interface ProbeReply {
  readonly kind: "probeReply";
  /** Echo of the probe's ballot. */
  readonly ballot: Ballot;
  readonly granted: boolean;
  readonly promised: Ballot;
  readonly chosenIndex: Slot;
  /** The leader this voter hears, if it does. */
  readonly leader: NodeId | null;
}

export interface Prepare {
  readonly kind: "prepare";
  readonly ballot: Ballot;
  /** The first slot that the candidate does not know to be chosen. */
  readonly from: Slot;
  /** Counts how often the candidate asked under this ballot: parts of two answers must not mix. */
  readonly attempt: number;
}

/** A slot whose record was damaged on the voter's disk; its ballot, where the record still says it. */
export interface FaultySlot {
  readonly slot: Slot;
  readonly ballot: Ballot | null;
}

export interface PromiseMessage {
  readonly kind: "promise";
  readonly ballot: Ballot;
  /** Echo of the prepare's attempt. */
  readonly attempt: number;
  /** Parts are numbered from 0; the sender counts as promised when parts 0..last are all there. */
  readonly part: number;
  readonly last: boolean;
  /** Accepted entries above both `from` - 1 and the sender's chosenIndex. */
  readonly accepted: readonly Entry[];
  /** Everything up to here is chosen and must be fetched, not proposed again. */
  readonly chosenIndex: Slot;
  readonly faulty: readonly FaultySlot[];
  /** The sender's log lost records whose slots are unknown: its silence on a slot proves nothing. */
  readonly faultyAnywhere: boolean;
}

export interface Accept {
  readonly kind: "accept";
  readonly ballot: Ballot;
  readonly slot: Slot;
  readonly value: Value;
  readonly chosenIndex: Slot;
}

export interface Accepted {
  readonly kind: "accepted";
  readonly ballot: Ballot;
  readonly slots: readonly Slot[];
}

export interface Rejected {
  readonly kind: "rejected";
  /** Echo of the refused ballot. */
  readonly ballot: Ballot;
  readonly promised: Ballot;
}

export interface Chosen {
  readonly kind: "chosen";
  readonly ballot: Ballot;
  readonly chosenIndex: Slot;
}

export interface Heartbeat {
  readonly kind: "heartbeat";
  readonly ballot: Ballot;
  readonly chosenIndex: Slot;
  /** Rises with every heartbeat of a leadership. */
  readonly sequence: number;
}

export interface HeartbeatAck {
  readonly kind: "heartbeatAck";
  readonly ballot: Ballot;
  readonly sequence: number;
  readonly chosenIndex: Slot;
  readonly appliedIndex: Slot;
}

export interface Propose {
  readonly kind: "propose";
  readonly commands: readonly Uint8Array[];
}

export interface ReadIndex {
  readonly kind: "readIndex";
  /** Chosen by the asker; echoed. */
  readonly id: number;
}

export interface ReadIndexReply {
  readonly kind: "readIndexReply";
  readonly id: number;
  readonly index: Slot | null;
}

export interface Fetch {
  readonly kind: "fetch";
  readonly from: Slot;
}

export interface Fetched {
  readonly kind: "fetched";
  /** Echo of the question. */
  readonly from: Slot;
  /** Chosen entries without gaps from `from` on; may be empty. */
  readonly entries: readonly Entry[];
  readonly chosenIndex: Slot;
  /** Slots up to here are no longer in the sender's log: at or above `from`, a snapshot is needed. */
  readonly truncationFloor: Slot;
}

export interface HandOver {
  readonly kind: "handOver";
  readonly ballot: Ballot;
}

/** Who leads, and whether it still does. */
export type LeadershipMessage =
  | Probe
  | ProbeReply
  | Heartbeat
  | HeartbeatAck
  | ReadIndex
  | ReadIndexReply
  | HandOver;

export type Message =
  | Prepare
  | PromiseMessage
  | Accept
  | Accepted
  | Rejected
  | Chosen
  | Propose
  | Fetch
  | Fetched
  | LeadershipMessage;
