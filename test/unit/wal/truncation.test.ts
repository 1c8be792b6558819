import { describe, expect, it } from "vitest";
import { SeededRandom } from "../../../src/base/random.ts";
import type { Wal } from "../../../wal/wal.ts";
import { FaultyDisk } from "../../support/faulty-files.ts";
import { settle } from "../../support/settle.ts";
import {
  openWal,
  range,
  recordOf,
  slotsOf,
  WAL_DIRECTORY,
  walPath,
} from "../../support/wal-fixture.ts";

/** Six batches of one sector fill a segment; the spare is ready after each append. */
async function appendAll(wal: Wal, slots: readonly number[]): Promise<void> {
  for (const slot of slots) {
    await wal.append([recordOf(slot, 200)]);
    await settle();
  }
}

describe("wal truncation", () => {
  it("segments freed while the next one is made from the spare: the new segment keeps its file", async () => {
    for (let seed = 1; seed <= 40; seed += 1) {
      const disk = new FaultyDisk();
      const { wal } = await openWal(disk);
      await appendAll(wal, range(1, 20));
      const random = new SeededRandom(seed);
      disk.setLatency(async () => {
        for (let left = random.below(4); left > 0; left -= 1) await settle();
      });
      // Two writers, so that an append always waits when the truncation's own batch is durable.
      const appended = [21, 22].map(async (first) => {
        for (let at = first; at <= 60; at += 2) await wal.append([recordOf(at, 1200)]);
      });
      for (const floor of [6, 12, 18, 24, 30, 36]) {
        await wal.truncateBelow(floor);
        for (let left = random.below(20); left > 0; left -= 1) await settle();
      }
      await Promise.all(appended);
      disk.setLatency(async () => undefined);
      disk.crash(random);
      const { recovery } = await openWal(disk);
      expect(recovery.damaged).toEqual([]);
      expect(slotsOf(recovery.records).filter((slot) => slot > 36)).toEqual(range(37, 60));
    }
  });

  it("floor inside a segment: only segments wholly at or below it go", async () => {
    const disk = new FaultyDisk();
    const { wal } = await openWal(disk);
    await appendAll(wal, range(1, 30));
    await wal.truncateBelow(15);
    const { records } = (await reopened(wal, disk)).recovery;
    expect(slotsOf(records)).toEqual(range(slotsOf(records)[0] ?? 0, 30));
    expect(slotsOf(records)[0]).toBeGreaterThan(7);
    expect(slotsOf(records)[0]).toBeLessThanOrEqual(16);
  });

  it("floor above everything: the active segment stays", async () => {
    const disk = new FaultyDisk();
    const { wal } = await openWal(disk);
    await appendAll(wal, range(1, 16));
    await wal.truncateBelow(1000);
    expect(wal.stats.segments).toBe(1);
    const { recovery } = await reopened(wal, disk);
    expect(recovery.damaged).toEqual([]);
    expect(slotsOf(recovery.records).at(-1)).toBe(16);
  });

  it("low slot behind a high one: the contiguous prefix ends before the high one", async () => {
    const disk = new FaultyDisk();
    const { wal } = await openWal(disk);
    await appendAll(wal, [500, ...range(1, 20)]);
    await wal.truncateBelow(20);
    expect(slotsOf((await reopened(wal, disk)).recovery.records)[0]).toBe(500);
  });

  it("truncated segments: one becomes the spare, its old records never come back", async () => {
    const disk = new FaultyDisk();
    const { wal } = await openWal(disk);
    await appendAll(wal, range(1, 14));
    const oldContent = disk.contents(walPath(1));
    disk.lose(`${WAL_DIRECTORY}/spare`);
    const again = await reopened(wal, disk);
    await again.wal.truncateBelow(14);
    await appendAll(again.wal, range(15, 40));
    await again.wal.truncateBelow(30);
    expect(oldContent.length).toBe(4096);
    const { records, damaged } = (await reopened(again.wal, disk)).recovery;
    expect(damaged).toEqual([]);
    const slots = slotsOf(records);
    expect(slots).toEqual(range(slots[0] ?? 0, 40));
    expect(slots[0]).toBeGreaterThan(14);
  });

  it("segment with rotten records of unknown slot: kept until the floor covers the whole log", async () => {
    const disk = new FaultyDisk();
    const { wal } = await openWal(disk);
    await appendAll(wal, range(1, 20));
    await wal.close();
    const bytes = disk.contents(walPath(1));
    disk.replace(walPath(1), bytes.fill(0xee, 1024 + 512, 1024 + 1024));
    const again = await openWal(disk);
    expect(again.recovery.damaged.map((damage) => damage.header)).toEqual([null]);
    await again.wal.truncateBelow(19);
    const later = await reopened(again.wal, disk);
    expect(later.recovery.damaged).toHaveLength(1);
    await later.wal.truncateBelow(20);
    const last = await reopened(later.wal, disk);
    expect(last.recovery.damaged).toEqual([]);
  });

  it("segment that an open cut short: never becomes the spare", async () => {
    const disk = new FaultyDisk();
    const { wal } = await openWal(disk);
    await appendAll(wal, range(1, 3));
    const again = await reopened(wal, disk);
    await settle();
    // Preparing the next spare fails, so the first segment that goes takes its place.
    disk.fail({ operation: "remove", path: "spare", code: "EIO", times: 2 });
    await appendAll(again.wal, range(4, 10));
    expect(again.wal.stats.spareReady).toBe(false);
    await again.wal.truncateBelow(9);
    expect(again.wal.stats.spareReady).toBe(true);
    await appendAll(again.wal, range(11, 16));
    const last = await reopened(again.wal, disk);
    expect(last.recovery.damaged).toEqual([]);
    expect(slotsOf(last.recovery.records).at(-1)).toBe(16);
  });

  it("opens in a row without appends: leave no segments behind", async () => {
    const disk = new FaultyDisk();
    let { wal } = await openWal(disk);
    await wal.append([recordOf(1)]);
    for (let round = 0; round < 10; round += 1) wal = (await reopened(wal, disk)).wal;
    expect(wal.stats.segments).toBe(2);
    expect(slotsOf((await reopened(wal, disk)).recovery.records)).toEqual([1]);
  });
});

async function reopened(wal: Wal, disk: FaultyDisk): ReturnType<typeof openWal> {
  await wal.close();
  return openWal(disk);
}
