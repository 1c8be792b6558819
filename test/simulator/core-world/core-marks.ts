/**
 * What the world of cores must meet: every class of faults, and the branches that only a rare
 * meeting of several reaches. The rates are a third of what was measured.
 */
import type { Mark } from "../marks.ts";

export const CORE_MARKS: readonly Mark[] = [
  // Links (N1 to N9).
  { name: "loss", leastPer10000: 1000 },
  { name: "duplicate", leastPer10000: 1000 },
  { name: "replay", leastPer10000: 1000 },
  { name: "delay", leastPer10000: 1000 },
  { name: "partition symmetric", leastPer10000: 1000 },
  { name: "partition one-way", leastPer10000: 1000 },
  { name: "partition send-only", leastPer10000: 1000 },
  { name: "partition receive-only", leastPer10000: 1000 },
  { name: "partition quorum loss", leastPer10000: 1000 },
  { name: "partition constrained", leastPer10000: 1000 },
  { name: "partition chained", leastPer10000: 1000 },
  { name: "partition random", leastPer10000: 1000 },
  { name: "flapping link", leastPer10000: 1000 },
  { name: "swizzle", leastPer10000: 1000 },
  // Processes (P1 to P4, P7, K1, K2).
  { name: "crash at rest", leastPer10000: 1000 },
  { name: "crash beforePersist", leastPer10000: 1000 },
  { name: "crash beforeSend", leastPer10000: 1000 },
  { name: "crash midSend", leastPer10000: 600 },
  { name: "crash beforeApply", leastPer10000: 1000 },
  { name: "crash afterApply", leastPer10000: 0 },
  { name: "crash loop", leastPer10000: 600 },
  { name: "power loss all", leastPer10000: 600 },
  { name: "pause", leastPer10000: 1000 },
  { name: "slow ticks", leastPer10000: 1000 },
  { name: "fast ticks", leastPer10000: 1000 },
  { name: "clock jump", leastPer10000: 1000 },
  // Disks (D1 to D4, D6 to D9, D11, D12).
  { name: "sync error", leastPer10000: 400 },
  { name: "slow disk", leastPer10000: 1000 },
  { name: "disk stall", leastPer10000: 900 },
  { name: "rotten record", leastPer10000: 500 },
  { name: "rotten tail", leastPer10000: 400 },
  { name: "rotten header", leastPer10000: 100 },
  { name: "helix", leastPer10000: 200 },
  { name: "rotten everywhere", leastPer10000: 100 },
  { name: "rotten metadata", leastPer10000: 300 },
  // Members (M1 to M4).
  { name: "membership change", leastPer10000: 1000 },
  { name: "second change at once", leastPer10000: 1000 },
  { name: "crash in a change", leastPer10000: 1000 },
  { name: "wiped node", leastPer10000: 300 },
  // Snapshots (S3).
  { name: "older snapshot", leastPer10000: 500 },
  // What came of it.
  { name: "crash", leastPer10000: 3000 },
  { name: "campaigning", leastPer10000: 3000 },
  { name: "elected", leastPer10000: 3000 },
  { name: "following", leastPer10000: 3000 },
  { name: "leaderLost", leastPer10000: 2000 },
  { name: "steppedDown", leastPer10000: 2000 },
  { name: "change chosen", leastPer10000: 1000 },
  { name: "change refused", leastPer10000: 1000 },
  { name: "removed node is heard", leastPer10000: 600 },
  { name: "dead node removed", leastPer10000: 300 },
  { name: "snapshot", leastPer10000: 2000 },
  { name: "install", leastPer10000: 1000 },
  { name: "install below accepted entries", leastPer10000: 1000 },
  { name: "install on a candidate", leastPer10000: 0 },
  { name: "restart with damaged records", leastPer10000: 700 },
  { name: "read answered", leastPer10000: 3000 },
  { name: "unrecoverable", leastPer10000: 200 },
  { name: "no quorum left", leastPer10000: 0 },
];
