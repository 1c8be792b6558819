/**
 * Goal: no rot and no cut of any file makes the log lose a record silently, invent one, or change
 * the order. Method: a log over several segments, its files damaged at every single byte in turn;
 * after each the log is recovered and compared with what was appended.
 */
import { beforeAll, describe, expect, it } from "vitest";
import { decideRecovery, type RecoveredLog } from "../../../wal/recovery.ts";
import { scanSegment } from "../../../wal/scan.ts";
import { FaultyDisk } from "../../support/faulty-files.ts";
import {
  isGenuine,
  openWal,
  range,
  recordOf,
  slotsOf,
  WAL_DIRECTORY,
  walPath,
} from "../../support/wal-fixture.ts";

const SEGMENT_BYTES = 3584;
/** The whole file takes about two seconds on an idle machine. */
const TIMEOUT_MS = 60_000;
/** Slots of each batch; sizes differ so that batches have one to three sectors. */
const BATCHES = [[1], [2, 3], [4, 5, 6], [7], [8, 9], [10], [11, 12, 13], [14]];

async function makeLog(end: "sealed" | "unsealed"): Promise<FaultyDisk> {
  const disk = new FaultyDisk();
  const { wal } = await openWal(disk, { segmentBytes: SEGMENT_BYTES });
  for (const slots of BATCHES) {
    await wal.append(slots.map((slot) => recordOf(slot, 40 + slot * 20)));
  }
  if (end === "sealed") await wal.close();
  disk.restart();
  expect(disk.list(WAL_DIRECTORY).filter((name) => name.endsWith(".wal"))).toHaveLength(3);
  return disk;
}

/** What is wrong with a recovery after one damage, or null. `last` is the batch that may be torn. */
function complaint(log: RecoveredLog, last: readonly number[]): string | null {
  if (!log.records.every(isGenuine)) return "a record was invented";
  const slots = slotsOf(log.records);
  if (slots.some((slot, at) => at > 0 && slot <= (slots[at - 1] ?? 0))) return "order changed";
  const missing = range(1, 14).filter((slot) => !slots.includes(slot));
  const isReported = (slot: number): boolean =>
    log.damaged.some(({ header }) => header === null || header.slot === slot);
  const silent = missing.filter((slot) => !isReported(slot));
  const isTorn = silent.length > 0 && silent.join() === last.join() && log.damaged.length === 0;
  if (silent.length > 0 && !isTorn) return `lost without a word: ${silent.join()}`;
  const batches = BATCHES.filter((batch) => batch.some((slot) => missing.includes(slot)));
  return batches.length > 1 ? `one damage cost more than one batch: ${missing.join()}` : null;
}

describe.each(["sealed", "unsealed"] as const)("wal, %s, damaged at every byte", (end) => {
  let files: readonly Uint8Array[] = [];
  // An unsealed log differs in its last segment only.
  const hurt = end === "sealed" ? [1, 2, 3] : [3];
  const last = end === "sealed" ? [] : [14];

  beforeAll(async () => {
    const disk = await makeLog(end);
    files = [1, 2, 3].map((number) => disk.contents(walPath(number)));
  });

  it("every byte flipped: nothing lost silently, nothing invented, one batch hurt at most", {
    timeout: TIMEOUT_MS,
  }, () => {
    const failures: string[] = [];
    for (const number of hurt) {
      const recover = recoveryWith(files, number);
      const rotten = files[number - 1]?.slice() ?? new Uint8Array();
      for (let at = 0; at < rotten.length; at += 1) {
        const mask = 1 + ((at * 37) % 255);
        rotten[at] = (rotten[at] ?? 0) ^ mask;
        const wrong = complaint(recover(rotten), last);
        if (wrong !== null) failures.push(`segment ${number} byte ${at}: ${wrong}`);
        rotten[at] = (rotten[at] ?? 0) ^ mask;
      }
    }
    expect(failures).toEqual([]);
  });

  it("every file cut at every length: the rest comes back, the loss is reported", {
    timeout: TIMEOUT_MS,
  }, () => {
    const failures: string[] = [];
    for (const number of hurt) {
      const recover = recoveryWith(files, number);
      const whole = files[number - 1] ?? new Uint8Array();
      const others = slotsOf(recover(null).records);
      for (let length = 0; length < whole.length; length += 1) {
        const log = recover(whole.subarray(0, length));
        const wrong = cutComplaint(log, others, number === 3);
        if (wrong !== null) failures.push(`segment ${number} length ${length}: ${wrong}`);
      }
    }
    expect(failures).toEqual([]);
  });
});

/** Recovers the log with the content of one segment replaced; null leaves the file out. */
function recoveryWith(
  files: readonly Uint8Array[],
  number: number,
): (content: Uint8Array | null) => RecoveredLog {
  const scans = files.map((bytes, index) => scanSegment(bytes, index + 1));
  return (content) => {
    const replaced = scans.flatMap((scan) => {
      if (scan.number !== number) return [scan];
      return content === null ? [] : [scanSegment(content, number)];
    });
    return decideRecovery(replaced, WAL_DIRECTORY);
  };
}

function cutComplaint(
  log: RecoveredLog,
  others: readonly number[],
  isLast: boolean,
): string | null {
  const slots = slotsOf(log.records);
  if (!log.records.every(isGenuine)) return "a record was invented";
  if (slots.join() !== slots.toSorted((a, b) => a - b).join()) return "order changed";
  if (others.some((slot) => !slots.includes(slot))) return "a record of another segment is gone";
  const missing = range(1, 14).filter((slot) => !slots.includes(slot));
  const reported = missing.every((slot) =>
    log.damaged.some(({ header }) => header === null || header.slot === slot),
  );
  if (!reported) return `lost without a word: ${missing.join()}`;
  if (isLast && log.tornBytes > 0) return "called torn";
  return isLast && log.damaged.length === 0 ? "the cut was not seen" : null;
}
