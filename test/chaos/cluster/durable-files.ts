import { readdirSync } from "node:fs";
import { join } from "node:path";
import { segmentPath } from "../../../wal/segment.ts";

/** How many segments a node may begin while a fault lasts. */
const SEGMENTS_AHEAD = 64;

/**
 * The files that a node makes durable before it answers: its metadata, and the segments of its log,
 * those that it will begin soon included. A write to a segment is durable when it returns (O_DSYNC).
 */
export function durableFiles(dataDirectory: string): readonly string[] {
  const log = join(dataDirectory, "wal");
  const numbers = readdirSync(log).flatMap((name) =>
    /^\d+\.wal$/.test(name) ? [parseInt(name, 10)] : [],
  );
  const newest = Math.max(0, ...numbers);
  const segments = Array.from({ length: SEGMENTS_AHEAD }, (_, ahead) =>
    segmentPath(log, newest + ahead),
  );
  const metadata = ["state", "head", "identity"].flatMap((name) =>
    ["a", "b"].map((copy) => join(name === "head" ? log : dataDirectory, `${name}.${copy}`)),
  );
  return [...segments, ...metadata];
}

/** What strace has to hold up, or let fail, so that one of them is not made durable as usual. */
export const DURABLE_CALLS = "pwrite64,fdatasync";
