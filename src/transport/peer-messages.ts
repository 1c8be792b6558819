/**
 * What nodes say to each other: the core's messages and those of the shell around it.
 *
 * | message                 | from → to        | meaning |
 * | snapshotManifestRequest | lagging → peer   | which snapshot do you have? |
 * | snapshotManifest        | peer → lagging   | this one (null: none now) |
 * | snapshotOffer           | peer → lagging   | your slots are gone from my log; I have this snapshot |
 * | snapshotChunkRequest    | lagging → peer   | one chunk of one file of it |
 * | snapshotChunk           | peer → lagging   | the chunk (null: that snapshot is gone) |
 * | memberRequest           | any → leader     | please change the membership |
 * | memberReply             | leader → asker   | done, or why not |
 * | digest                  | any → any        | the running digest of everything applied up to a slot |
 */
import type { Message } from "../paxos/messages.ts";
import type { NodeId, Slot } from "../paxos/types.ts";

export interface SnapshotOffer {
  readonly kind: "snapshotOffer";
  readonly slot: Slot;
}

export interface SnapshotManifestRequest {
  readonly kind: "snapshotManifestRequest";
}

export interface SnapshotManifest {
  readonly kind: "snapshotManifest";
  readonly slot: Slot;
  /** The manifest as the snapshot module encodes it. */
  readonly bytes: Uint8Array | null;
}

export interface SnapshotChunkRequest {
  readonly kind: "snapshotChunkRequest";
  readonly slot: Slot;
  /** Place of the file in the manifest, from 0. */
  readonly file: number;
  /** Place of the chunk in the file, from 0. */
  readonly chunk: number;
}

export interface SnapshotChunk {
  readonly kind: "snapshotChunk";
  readonly slot: Slot;
  readonly file: number;
  readonly chunk: number;
  readonly bytes: Uint8Array | null;
}

export type MemberAction = "add" | "remove" | "promote" | "setAddresses";

export interface MemberRequest {
  readonly kind: "memberRequest";
  /** Chosen by the asker; echoed. */
  readonly id: number;
  readonly action: MemberAction;
  /** The member's name; the other fields are empty where the action does not use them. */
  readonly name: string;
  readonly incarnation: string;
  readonly peer: string;
  readonly sql: string;
}

export interface MemberReply {
  readonly kind: "memberReply";
  readonly id: number;
  readonly ok: boolean;
  /** A sentence for people; empty if ok. */
  readonly reason: string;
  /** The member's number; 0 if there is none. */
  readonly memberId: NodeId;
  /** The membership after the change, encoded; empty if not ok. */
  readonly membership: Uint8Array;
}

export interface Digest {
  readonly kind: "digest";
  readonly slot: Slot;
  readonly digest: string;
}

/** Messages of the shell, which the core never sees. */
export type ShellMessage =
  | SnapshotOffer
  | SnapshotManifestRequest
  | SnapshotManifest
  | SnapshotChunkRequest
  | SnapshotChunk
  | MemberRequest
  | MemberReply
  | Digest;

export type PeerMessage = Message | ShellMessage;
