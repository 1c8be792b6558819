/**
 * Goal: no rot and no cut of any file makes the log lose a record silently, invent one, or change
 * the order. Method: a log over several segments, its files damaged at every single byte in turn;
 * after each the log is recovered and compared with what was appended.
 */
import { beforeAll, describe, expect, it } from "vitest";
import { type RecoveredLog, recoverLog } from "../../../wal/recovery.ts";
import type { WalRecord } from "../../../wal/wal.ts";
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

const SEGMENTS = [1, 2, 3];
/** Slots of each batch; sizes differ so that batches have one to three sectors. */
const BATCHES = [[1], [2, 3], [4, 5, 6], [7], [8, 9], [10], [11, 12, 13], [14]];

async function makeLog(end: "sealed" | "unsealed"): Promise<FaultyDisk> {
  const disk = new FaultyDisk();
  const { wal } = await openWal(disk);
  for (const slots of BATCHES) {
    await wal.append(slots.map((slot) => recordOf(slot, 40 + slot * 25)));
  }
  if (end === "sealed") await wal.close();
  disk.restart();
  expect(disk.list(WAL_DIRECTORY).filter((name) => name.endsWith(".wal"))).toHaveLength(3);
  return disk;
}

function recover(disk: FaultyDisk): Promise<RecoveredLog> {
  return recoverLog(disk.files, WAL_DIRECTORY);
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
  let disk: FaultyDisk;
  const last = end === "sealed" ? [] : [14];

  beforeAll(async () => {
    disk = await makeLog(end);
  });

  it("every byte flipped: nothing lost silently, nothing invented, one batch hurt at most", async () => {
    const failures: string[] = [];
    for (const segment of SEGMENTS) {
      const path = walPath(segment);
      const whole = disk.contents(path);
      for (let at = 0; at < whole.length; at += 1) {
        const rotten = whole.slice();
        rotten[at] = (whole[at] ?? 0) ^ (1 + ((at * 37) % 255));
        disk.replace(path, rotten);
        const wrong = complaint(await recover(disk), last);
        if (wrong !== null) failures.push(`segment ${segment} byte ${at}: ${wrong}`);
      }
      disk.replace(path, whole);
    }
    expect(failures).toEqual([]);
  });

  it("every file cut at every length: what stands before the cut and in other files comes back, the cut is reported", async () => {
    const failures: string[] = [];
    for (const segment of SEGMENTS) {
      const path = walPath(segment);
      const whole = disk.contents(path);
      const others = slotsOf((await recoverWithout(disk, path)).records);
      for (let length = 0; length < whole.length; length += 1) {
        disk.cut(path, length);
        const log = await recover(disk);
        const slots = slotsOf(log.records);
        const wrong = cutComplaint(log, others, segment === 3);
        if (wrong !== null) failures.push(`segment ${segment} length ${length}: ${wrong}`);
        if (slots.length === 14 && segment === 3 && log.damaged.length === 0) {
          failures.push(`segment ${segment} length ${length}: the cut was not seen`);
        }
        disk.replace(path, whole);
      }
    }
    expect(failures).toEqual([]);
  });
});

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
  return isLast && log.tornBytes > 0 ? "called torn" : null;
}

async function recoverWithout(
  disk: FaultyDisk,
  path: string,
): Promise<{ readonly records: readonly WalRecord[] }> {
  const whole = disk.contents(path);
  disk.lose(path);
  const log = await recover(disk);
  disk.replace(path, whole);
  return log;
}
