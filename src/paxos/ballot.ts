import type { ByteReader, ByteWriter } from "../base/bytes.ts";
import { type NodeId, nodeId } from "./types.ts";

/**
 * A proposer's claim, totally ordered by round and then by node. A node persists a round before
 * it sends the first Prepare with it and never uses a round twice (faults rule 4); a NodeId never
 * comes back after its disk was wiped; so a ballot belongs to one proposer for ever.
 */
export interface Ballot {
  readonly round: number;
  readonly node: NodeId;
}

/** Below every ballot that a proposer uses. */
export const BALLOT_ZERO: Ballot = { round: 0, node: nodeId(0) };

/** Negative, zero or positive as `left` is below, equal to or above `right`. */
export function compareBallots(left: Ballot, right: Ballot): number {
  return left.round - right.round || left.node - right.node;
}

export function sameBallot(left: Ballot, right: Ballot): boolean {
  return left.round === right.round && left.node === right.node;
}

export function higherBallot(left: Ballot, right: Ballot): Ballot {
  return compareBallots(left, right) >= 0 ? left : right;
}

/** 12 bytes: round (u64), node (u32). */
export function writeBallot(writer: ByteWriter, ballot: Ballot): void {
  writer.u64(ballot.round).u32(ballot.node);
}

export function readBallot(reader: ByteReader): Ballot {
  return { round: reader.u64(), node: nodeId(reader.u32()) };
}

/** For people: round and node, "7.2". */
export function formatBallot(ballot: Ballot): string {
  return `${ballot.round}.${ballot.node}`;
}
