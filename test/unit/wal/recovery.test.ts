/** One test a row of the table in wal/recovery.ts. */
import { describe, expect, it } from "vitest";
import { crc32 } from "../../../src/base/checksum.ts";
import { SeededRandom } from "../../../src/base/random.ts";
import { readSegmentHeader } from "../../../wal/segment.ts";
import { WalFormatError } from "../../../wal/wal.ts";
import { FaultyDisk } from "../../support/faulty-files.ts";
import {
  openWal,
  range,
  recordOf,
  slotsOf,
  WAL_DIRECTORY,
  walPath,
} from "../../support/wal-fixture.ts";

const FIRST_BATCH = 1024;
/** Of a batch with one record: batch header, record header, payload. */
const RECORD_HEADER = 64;
const PAYLOAD = 128;
const SECTOR = 512;

/** A log with one sector a batch, slots from 1; sealed if it was closed. */
async function logOf(count: number, end: "sealed" | "unsealed"): Promise<FaultyDisk> {
  const disk = new FaultyDisk();
  const { wal } = await openWal(disk);
  for (const slot of range(1, count)) await wal.append([recordOf(slot, 200)]);
  if (end === "sealed") await wal.close();
  disk.restart();
  return disk;
}

async function recovered(disk: FaultyDisk) {
  disk.restart();
  const { recovery } = await openWal(disk);
  const { records, damaged, tornBytes } = recovery;
  return { slots: slotsOf(records), damaged, tornBytes };
}

describe("wal recovery, batches", () => {
  it("A: no segment at all: a new log", async () => {
    const { recovery } = await openWal(new FaultyDisk());
    expect(recovery).toEqual({ records: [], damaged: [], tornBytes: 0, created: true });
  });

  it("B: proven batches: delivered", async () => {
    const { slots, damaged } = await recovered(await logOf(4, "sealed"));
    expect({ slots, damaged }).toEqual({ slots: [1, 2, 3, 4], damaged: [] });
  });

  it("C: last batch intact but unproven: delivered, and written again to the fresh segment", async () => {
    const disk = await logOf(3, "unsealed");
    expect((await recovered(disk)).slots).toEqual([1, 2, 3]);
    disk.flip(walPath(1), FIRST_BATCH + 2 * SECTOR + PAYLOAD);
    const { slots, damaged } = await recovered(disk);
    expect({ slots, damaged }).toEqual({ slots: [1, 2, 3], damaged: [] });
  });

  it("D: last batch unproven and damaged: dropped as torn, appends go on behind it", async () => {
    const disk = await logOf(3, "unsealed");
    disk.flip(walPath(1), FIRST_BATCH + 2 * SECTOR + PAYLOAD);
    const { wal, recovery } = await openWal(disk);
    expect(recovery).toMatchObject({ damaged: [], tornBytes: SECTOR });
    expect(slotsOf(recovery.records)).toEqual([1, 2]);
    await wal.append([recordOf(4)]);
    const after = await recovered(disk);
    expect(after).toEqual({ slots: [1, 2, 4], damaged: [], tornBytes: 0 });
  });

  it("E: payload rotten in a proven batch: reported with slot and ballot, the rest delivered", async () => {
    const disk = await logOf(4, "sealed");
    disk.flip(walPath(1), FIRST_BATCH + SECTOR + PAYLOAD + 7, 1);
    const expected = { type: 3, group: 0, slot: 2, ballotRound: 6, ballotNode: 2 };
    for (let open = 0; open < 3; open += 1) {
      const { slots, damaged } = await recovered(disk);
      expect(slots).toEqual([1, 3, 4]);
      expect(damaged).toMatchObject([{ segment: 1, header: expected }]);
    }
  });

  it("E: last batch rotten that was written with its segment: reported, not torn", async () => {
    const disk = await logOf(7, "unsealed");
    disk.flip(walPath(2), FIRST_BATCH + PAYLOAD);
    const { slots, damaged, tornBytes } = await recovered(disk);
    expect({ slots, tornBytes }).toEqual({ slots: range(1, 6), tornBytes: 0 });
    expect(damaged).toMatchObject([{ segment: 2, header: { slot: 7 } }]);
  });

  it("E: record header rotten in a batch of three: one damage without identity, two records delivered", async () => {
    const disk = new FaultyDisk();
    const { wal } = await openWal(disk);
    await wal.append([recordOf(1), recordOf(2), recordOf(3)]);
    await wal.close();
    disk.flip(walPath(1), FIRST_BATCH + 2 * RECORD_HEADER + 30);
    const { slots, damaged } = await recovered(disk);
    expect(slots).toEqual([1, 3]);
    expect(damaged).toMatchObject([{ segment: 1, header: null }]);
  });

  it("F: batch header rotten, record headers readable: nothing is lost", async () => {
    const disk = await logOf(4, "sealed");
    disk.flip(walPath(1), FIRST_BATCH + SECTOR + 30);
    expect(await recovered(disk)).toEqual({ slots: [1, 2, 3, 4], damaged: [], tornBytes: 0 });
  });

  it("G: whole batch overwritten: one damage without identity, later batches delivered", async () => {
    const disk = await logOf(4, "sealed");
    disk.replace(
      walPath(1),
      disk.contents(walPath(1)).fill(0, FIRST_BATCH + SECTOR, FIRST_BATCH + 2 * SECTOR),
    );
    const { slots, damaged } = await recovered(disk);
    expect(slots).toEqual([1, 3, 4]);
    expect(damaged).toMatchObject([{ segment: 1, offset: FIRST_BATCH + SECTOR, header: null }]);
  });

  it("G: lost seal between two batches: nothing to report", async () => {
    const disk = new FaultyDisk();
    const { wal } = await openWal(disk);
    for (const slot of range(1, 8)) await wal.append([recordOf(slot, 200)]);
    await wal.truncateBelow(6);
    await wal.append([recordOf(9, 200)]);
    await wal.close();
    // Segment 2 holds slots 7 and 8, the empty batch of the truncation, slot 9, and the seal.
    const seal = FIRST_BATCH + 2 * SECTOR;
    disk.replace(walPath(2), disk.contents(walPath(2)).fill(0, seal, seal + SECTOR));
    expect(await recovered(disk)).toEqual({ slots: [7, 8, 9], damaged: [], tornBytes: 0 });
  });
});

describe("wal recovery, misplaced and stale data", () => {
  it("H: valid batch written to the wrong place: not delivered twice, what it replaced is reported", async () => {
    const disk = await logOf(4, "sealed");
    const bytes = disk.contents(walPath(1));
    bytes.copyWithin(FIRST_BATCH + 2 * SECTOR, FIRST_BATCH, FIRST_BATCH + SECTOR);
    disk.replace(walPath(1), bytes);
    const { slots, damaged } = await recovered(disk);
    expect(slots).toEqual([1, 2, 4]);
    expect(damaged).toMatchObject([{ header: null }]);
  });

  it("I: stale but valid batch of the same place: its records are reported, not delivered", async () => {
    // Two logs with the same salts differ in slot 2 only: what a lost write would leave behind.
    const [disk, other] = [new FaultyDisk(), new FaultyDisk()];
    for (const [on, second] of [
      [disk, 2],
      [other, 7],
    ] as const) {
      const { wal } = await openWal(on, { random: new SeededRandom(1) });
      for (const slot of [1, second, 3]) await wal.append([recordOf(slot, 200)]);
      await wal.close();
    }
    const bytes = disk.contents(walPath(1));
    const stale = other.contents(walPath(1)).slice(FIRST_BATCH + SECTOR, FIRST_BATCH + 2 * SECTOR);
    bytes.set(stale, FIRST_BATCH + SECTOR);
    disk.replace(walPath(1), bytes);
    const { slots, damaged } = await recovered(disk);
    expect(slots).toEqual([1, 3]);
    expect(damaged).toMatchObject([{ header: { slot: 7 } }]);
  });

  it("J: both copies of a segment header lost: its batches are read all the same", async () => {
    const disk = await logOf(14, "sealed");
    for (const number of [1, 2, 3]) {
      disk.replace(walPath(number), disk.contents(walPath(number)).fill(0xaa, 0, FIRST_BATCH));
    }
    const { slots, damaged } = await recovered(disk);
    expect({ slots, damaged }).toEqual({ slots: range(1, 14), damaged: [] });
  });

  it("J: both copies lost and the batch that the segment was made with rotten: reported, not torn", async () => {
    const disk = new FaultyDisk();
    const { wal } = await openWal(disk);
    for (const slot of [1, 2]) await wal.append([recordOf(slot, 1500)]);
    disk.restart();
    for (const offset of [20, 532, FIRST_BATCH + PAYLOAD]) disk.flip(walPath(2), offset);
    const { slots, damaged, tornBytes } = await recovered(disk);
    expect({ slots, tornBytes }).toEqual({ slots: [1], tornBytes: 0 });
    expect(damaged).toMatchObject([{ header: { slot: 2 } }]);
  });

  it("J: one copy of a segment header lost: the other serves", async () => {
    const disk = await logOf(3, "sealed");
    const whole = readSegmentHeader(disk.contents(walPath(1)), 1);
    expect(whole?.firstSequence).toBe(1);
    for (const copy of [0, SECTOR]) {
      disk.flip(walPath(1), copy + 20);
      expect(readSegmentHeader(disk.contents(walPath(1)), 1)).toEqual(whole);
      disk.flip(walPath(1), copy + 20);
    }
  });

  it.each(["missing", "empty", "foreign"] as const)(
    "K: segment in the middle %s: reported until truncated, the others delivered",
    async (fault) => {
      const disk = await logOf(20, "sealed");
      if (fault === "missing") disk.lose(walPath(2));
      else disk.replace(walPath(2), new Uint8Array(fault === "empty" ? 0 : 5000).fill(0x41));
      for (let open = 0; open < 2; open += 1) {
        const { slots, damaged } = await recovered(disk);
        expect(slots).toEqual([...range(1, 6), ...range(13, 20)]);
        expect(damaged.some((damage) => damage.header === null)).toBe(true);
      }
      const { wal } = await openWal(disk);
      await wal.truncateBelow(20);
      await wal.close();
      expect((await recovered(disk)).damaged).toEqual([]);
    },
  );
});

describe("wal recovery, missing segments", () => {
  it("K: first segment missing: reported", async () => {
    const disk = await logOf(20, "sealed");
    disk.lose(walPath(1));
    const { slots, damaged } = await recovered(disk);
    expect(slots).toEqual(range(7, 20));
    expect(damaged).toMatchObject([{ header: null }]);
  });

  it("K: only segment empty: reported at this and every later open, its number not used again", async () => {
    const disk = await logOf(3, "sealed");
    disk.cut(walPath(1), 0);
    for (let open = 0; open < 3; open += 1) {
      const { slots, damaged } = await recovered(disk);
      expect(slots).toEqual([]);
      expect(damaged.length).toBeGreaterThan(0);
    }
    expect(disk.contents(walPath(1))).toHaveLength(0);
  });

  it("L: newest segment missing: reported at this and every later open, its number not used again", async () => {
    const disk = await logOf(8, "sealed");
    disk.lose(walPath(2));
    for (let open = 0; open < 3; open += 1) {
      const { slots, damaged } = await recovered(disk);
      expect(slots).toEqual(range(1, 6));
      expect(damaged).toMatchObject([{ header: null }]);
    }
    expect(disk.list(WAL_DIRECTORY)).not.toContain("0000000000000002.wal");
  });

  it("L: every segment missing, and one of the two that remember them: reported", async () => {
    const disk = await logOf(8, "sealed");
    for (const number of [1, 2]) disk.lose(walPath(number));
    disk.flip(`${WAL_DIRECTORY}/head.a`, 30);
    const { slots, damaged } = await recovered(disk);
    expect(slots).toEqual([]);
    expect(damaged).toMatchObject([{ segment: 2, header: null }]);
  });

  it("both copies of the newest number damaged: the segments speak for themselves", async () => {
    const disk = await logOf(8, "sealed");
    for (const copy of ["a", "b"]) disk.flip(`${WAL_DIRECTORY}/head.${copy}`, 30);
    const { slots, damaged } = await recovered(disk);
    expect({ slots, damaged }).toEqual({ slots: range(1, 8), damaged: [] });
  });
});

describe("wal recovery, whole files", () => {
  it("L: active segment cut off: reported at this and every later open, never called torn", async () => {
    const disk = await logOf(4, "sealed");
    disk.cut(walPath(1), FIRST_BATCH + 2 * SECTOR + PAYLOAD + 10);
    const { wal, recovery } = await openWal(disk);
    expect(slotsOf(recovery.records)).toEqual([1, 2]);
    expect(recovery.tornBytes).toBe(0);
    expect(recovery.damaged).toMatchObject([{ header: { slot: 3 } }, { header: null }]);
    await wal.append([recordOf(9, 200)]);
    const { slots, damaged } = await recovered(disk);
    expect(slots).toEqual([1, 2, 9]);
    expect(damaged).toMatchObject([{ header: { slot: 3 } }, { header: null }]);
  });

  it("M: segment longer than it was made: the rest is ignored", async () => {
    const disk = await logOf(3, "unsealed");
    const bytes = disk.contents(walPath(1));
    const longer = new Uint8Array(bytes.length + 3000).fill(0x53);
    longer.set(bytes);
    disk.replace(walPath(1), longer);
    expect(await recovered(disk)).toEqual({ slots: [1, 2, 3], damaged: [], tornBytes: 0 });
  });

  it("N: batch that recovery dropped comes back to life on the disk: superseded, ignored", async () => {
    const disk = await logOf(3, "unsealed");
    const place = FIRST_BATCH + 2 * SECTOR + PAYLOAD;
    const whole = disk.contents(walPath(1));
    disk.flip(walPath(1), place);
    const { wal } = await openWal(disk);
    await wal.append([recordOf(4)]);
    disk.replace(walPath(1), whole);
    const { slots, damaged } = await recovered(disk);
    expect({ slots, damaged }).toEqual({ slots: [1, 2, 4], damaged: [] });
  });

  it("O: truncated segments back after a crash: removed again, not delivered", async () => {
    const disk = await logOf(20, "unsealed");
    const old = [disk.contents(walPath(1)), disk.contents(walPath(2))];
    const { wal } = await openWal(disk);
    await wal.truncateBelow(12);
    await wal.close();
    old.forEach((bytes, index) => disk.replace(walPath(index + 1), bytes));
    const { slots, damaged } = await recovered(disk);
    expect({ slots, damaged }).toEqual({ slots: range(13, 20), damaged: [] });
    expect(disk.list(WAL_DIRECTORY)).not.toContain("0000000000000001.wal");
  });

  it("P: segment that an earlier open began and nobody used: removed", async () => {
    const disk = await logOf(3, "sealed");
    for (let open = 0; open < 4; open += 1) await recovered(disk);
    const segments = disk.list(WAL_DIRECTORY).filter((name) => name.endsWith(".wal"));
    expect(segments).toHaveLength(2);
  });

  it("Q: other file names: left alone", async () => {
    const disk = await logOf(3, "sealed");
    const names = ["7.wal", "0000000000000009.wal.bak", "readme"];
    for (const name of names) disk.replace(`${WAL_DIRECTORY}/${name}`, new Uint8Array([1, 2]));
    expect((await recovered(disk)).slots).toEqual([1, 2, 3]);
    expect(disk.list(WAL_DIRECTORY)).toEqual(expect.arrayContaining(names));
  });

  it("R: another format version: refused, nothing changed", async () => {
    const disk = await logOf(3, "sealed");
    const bytes = disk.contents(walPath(1));
    const view = new DataView(bytes.buffer);
    view.setUint32(8, 99);
    view.setUint32(12, crc32(bytes.subarray(16, 76), crc32(bytes.subarray(8, 12))));
    disk.replace(walPath(1), bytes);
    const names = disk.list(WAL_DIRECTORY);
    await expect(openWal(disk)).rejects.toThrow(WalFormatError);
    await expect(openWal(disk)).rejects.toThrow("format version 99");
    expect(disk.list(WAL_DIRECTORY)).toEqual(names);
  });
});
