import { describe, expect, it } from "vitest";
import { readSegmentHeader } from "../../../wal/segment.ts";
import { WalFailedError, type WalSync } from "../../../wal/wal.ts";
import { FaultyDisk } from "../../support/faulty-files.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import { settle } from "../../support/settle.ts";
import {
  openWal,
  range,
  recordOf,
  slotsOf,
  WAL_DIRECTORY,
  walPath,
} from "../../support/wal-fixture.ts";

describe("wal appends", () => {
  it("log, closed and opened again: every field of every record comes back in order", async () => {
    const disk = new FaultyDisk();
    const { wal, recovery } = await openWal(disk);
    expect(recovery).toEqual({ records: [], damaged: [], tornBytes: 0, created: true });
    const records = [
      {
        type: 255,
        group: 65535,
        slot: 2 ** 53 - 1,
        ballotRound: 2 ** 53 - 1,
        ballotNode: 2 ** 32 - 1,
        payload: new Uint8Array(0),
      },
      {
        type: 1,
        group: 0,
        slot: 0,
        ballotRound: 0,
        ballotNode: 0,
        payload: new Uint8Array([0, 1, 2, 3]).subarray(1, 3),
      },
    ];
    await wal.append(records);
    await wal.close();
    const again = await openWal(disk);
    expect(again.recovery.created).toBe(false);
    expect(again.recovery.records).toEqual([
      { ...records[0], payload: new Uint8Array(0) },
      { ...records[1], payload: new Uint8Array([1, 2]) },
    ]);
  });

  it("appends of one turn and during a sync: share syncs, resolve in order", async () => {
    const disk = new FaultyDisk();
    const syncs: WalSync[] = [];
    const { wal } = await openWal(disk, { onSync: (sync) => syncs.push(sync) });
    const done: number[] = [];
    const append = (slot: number): Promise<void> =>
      wal.append([recordOf(slot)]).then(() => void done.push(slot));
    const appends = [append(1), append(2), append(3)];
    await Promise.resolve();
    await Promise.resolve();
    appends.push(append(4), append(5));
    await Promise.all(appends);
    expect(done).toEqual([1, 2, 3, 4, 5]);
    expect(syncs.map((sync) => sync.records)).toEqual([3, 2]);
    expect(wal.stats).toMatchObject({ syncs: 2, syncedRecords: 5, segments: 1 });
  });

  it("append during the last step of a drain: is not left behind", async () => {
    const { wal } = await openWal(new FaultyDisk());
    for (const slot of range(1, 50)) {
      const first = wal.append([recordOf(slot)]);
      for (let step = 0; step < slot % 12; step += 1) await Promise.resolve();
      await Promise.all([first, wal.append([recordOf(slot)])]);
    }
    expect(wal.stats.syncedRecords).toBe(100);
  });

  it("record longer than a segment: gets a segment of its own and comes back", async () => {
    const disk = new FaultyDisk();
    const { wal } = await openWal(disk);
    await wal.append([recordOf(1)]);
    await wal.append([recordOf(2, 100_000)]);
    await wal.append([recordOf(3)]);
    expect(wal.stats.segments).toBe(3);
    await wal.close();
    const { recovery } = await openWal(disk);
    expect(recovery.records).toEqual([recordOf(1), recordOf(2, 100_000), recordOf(3)]);
    expect(recovery.damaged).toEqual([]);
  });

  it("many batches: roll over to further segments, prepared in advance", async () => {
    const disk = new FaultyDisk();
    const { wal } = await openWal(disk);
    for (const slot of range(1, 40)) await wal.append([recordOf(slot, 300)]);
    await settle();
    expect(wal.stats.segments).toBeGreaterThan(5);
    expect(wal.stats.spareReady).toBe(true);
    await wal.close();
    expect(slotsOf((await openWal(disk)).recovery.records)).toEqual(range(1, 40));
  });

  it("lives of segment files: each has a salt of its own, which no client can know", async () => {
    const disk = new FaultyDisk();
    const { wal } = await openWal(disk);
    for (const slot of range(1, 20)) await wal.append([recordOf(slot, 300)]);
    const salts = [1, 2, 3].map(
      (number) => readSegmentHeader(disk.contents(walPath(number)), number)?.segment.salt,
    );
    expect(new Set(salts).size).toBe(3);
    expect(salts.every((salt) => salt !== undefined && salt > 2 ** 32)).toBe(true);
  });

  it("idle log: seals once, some time after its last sync", async () => {
    const clock = new ManualClock();
    const { wal } = await openWal(new FaultyDisk(), { clock, sealAfterMs: 10 });
    await wal.append([recordOf(1)]);
    clock.advance(8);
    await wal.append([recordOf(2)]);
    clock.advance(8);
    await settle();
    expect(wal.stats.syncs).toBe(2);
    clock.advance(8);
    await settle();
    expect(wal.stats).toMatchObject({ syncs: 3, syncedRecords: 2 });
    clock.advance(1000);
    await settle();
    expect(wal.stats.syncs).toBe(3);
  });
});

describe("wal failures", () => {
  it.each(["sync", "write"] as const)(
    "failed %s: this append, those that wait and all later calls reject, nothing is retried",
    async (operation) => {
      const disk = new FaultyDisk();
      const failures: Error[] = [];
      const { wal } = await openWal(disk, { onFailure: (failure) => failures.push(failure) });
      await wal.append([recordOf(1)]);
      await settle();
      disk.fail({ operation, code: "EIO" });
      const first = wal.append([recordOf(2)]);
      await Promise.resolve();
      const waiting = wal.append([recordOf(3)]);
      await expect(first).rejects.toThrow(WalFailedError);
      await expect(waiting).rejects.toThrow(WalFailedError);
      const before = disk.operations;
      await expect(wal.append([recordOf(4)])).rejects.toThrow(WalFailedError);
      await expect(wal.truncateBelow(1)).rejects.toThrow(WalFailedError);
      await settle();
      expect(disk.operations).toBe(before);
      expect(failures).toEqual([wal.failure]);
      await wal.close();
    },
  );

  it("failed sync, then power loss: what the failed sync covered is not taken for durable", async () => {
    const disk = new FaultyDisk();
    const { wal } = await openWal(disk);
    await wal.append([recordOf(1)]);
    await settle();
    disk.fail({ operation: "sync", code: "EIO" });
    await expect(wal.append([recordOf(2)])).rejects.toThrow(WalFailedError);
    disk.restart();
    const { recovery } = await openWal(disk);
    // The page cache shows record 2. Once recovered it must survive a power loss.
    expect(slotsOf(recovery.records)).toEqual([1, 2]);
    disk.crash({ u32: () => 1, below: () => 1, bytes: (count) => new Uint8Array(count) });
    expect(slotsOf((await openWal(disk)).recovery.records)).toEqual([1, 2]);
  });

  it("disk full: append rejects, what was acknowledged comes back", async () => {
    const disk = new FaultyDisk();
    const { wal } = await openWal(disk);
    await settle();
    disk.limitGrowth(2000);
    let acknowledged = 0;
    const failure = (async () => {
      for (const slot of range(1, 100)) {
        await wal.append([recordOf(slot, 300)]);
        acknowledged = slot;
      }
    })();
    await expect(failure).rejects.toThrow(WalFailedError);
    expect(acknowledged).toBeGreaterThan(0);
    disk.restart();
    const slots = slotsOf((await openWal(disk)).recovery.records);
    expect(slots.slice(0, acknowledged)).toEqual(range(1, acknowledged));
  });

  it("record out of range, and call after close: refused as programmer errors", async () => {
    const { wal } = await openWal(new FaultyDisk());
    await expect(wal.append([{ ...recordOf(1), type: 0 }])).rejects.toThrow("type out of range");
    await expect(wal.append([{ ...recordOf(1), slot: -1 }])).rejects.toThrow("slot out of range");
    await wal.append([]);
    await wal.append([recordOf(1)]);
    await wal.close();
    await expect(wal.append([recordOf(2)])).rejects.toThrow("the log is open");
  });

  it("directory without segments but with foreign files: a new log, the files stay", async () => {
    const disk = new FaultyDisk();
    disk.replace(`${WAL_DIRECTORY}/notes.txt`, new Uint8Array([1]));
    const { recovery, wal } = await openWal(disk);
    expect(recovery.created).toBe(true);
    await wal.close();
    expect(disk.list(WAL_DIRECTORY)).toContain("notes.txt");
  });
});
