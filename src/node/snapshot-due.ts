import type { NodeId } from "../paxos/types.ts";

/** What has come since the last snapshot, and how large that was. */
interface SinceSnapshot {
  readonly entries: number;
  /** Of the log. */
  readonly bytes: number;
  /** Of the last snapshot; 0 if there is none. */
  readonly snapshotBytes: number;
  /** This node: each of the others has its own moment. */
  readonly node: NodeId;
}

interface SnapshotLimits {
  readonly entriesMax: number;
  readonly bytesMax: number;
}

/** A snapshot up to this size is copied in a moment. */
const SMALL_BYTES = 16 * 1024 * 1024;
/** A larger one is copied when the log has grown to this part of what is above that size … */
const WORTH_DIVISOR = 2;
/** Nodes that hold the same would all copy it at the same time, and a commit waits for a majority of them. */
const MOMENTS = 4;
/** … but the log never gets so many times `entriesMax` long (its bytes are counted from each start anew). */
const ENTRIES_FACTOR = 10;

/**
 * Whether a snapshot is due. Each copies the whole database while the node serves: after `entriesMax`
 * entries whatever the size, a large one would be copied many times over for a little log.
 */
export function isSnapshotDue(
  { entries, bytes, snapshotBytes, node }: SinceSnapshot,
  { entriesMax, bytesMax }: SnapshotLimits,
): boolean {
  const moment = snapshotBytes > SMALL_BYTES ? (node % MOMENTS) / MOMENTS : 0;
  const sooner = 1 - moment / 2;
  const later = 1 + moment;
  if (bytes >= bytesMax * sooner || entries >= entriesMax * ENTRIES_FACTOR * sooner) return true;
  const worth = Math.max(0, snapshotBytes - SMALL_BYTES) / WORTH_DIVISOR;
  return entries >= entriesMax * later && bytes >= worth * later;
}
