/** What has come since the last snapshot, and how large that was. */
interface SinceSnapshot {
  readonly entries: number;
  /** Of the log. */
  readonly bytes: number;
  /** Of the last snapshot; 0 if there is none. */
  readonly snapshotBytes: number;
}

interface SnapshotLimits {
  readonly entriesMax: number;
  readonly bytesMax: number;
}

/** A snapshot up to this size is copied in a moment. */
const SMALL_BYTES = 16 * 1024 * 1024;
/** A larger one is copied when the log has grown to this part of what is above that size … */
const WORTH_DIVISOR = 2;
/** … but the log never gets so many times `entriesMax` long (its bytes are counted from each start anew). */
const ENTRIES_FACTOR = 10;

/**
 * Whether a snapshot is due. Each copies the whole database while the node serves: after `entriesMax`
 * entries whatever the size, a large one would be copied many times over for a little log.
 */
export function isSnapshotDue(
  { entries, bytes, snapshotBytes }: SinceSnapshot,
  { entriesMax, bytesMax }: SnapshotLimits,
): boolean {
  if (bytes >= bytesMax || entries >= entriesMax * ENTRIES_FACTOR) return true;
  const worth = Math.max(0, snapshotBytes - SMALL_BYTES) / WORTH_DIVISOR;
  return entries >= entriesMax && bytes >= worth;
}
