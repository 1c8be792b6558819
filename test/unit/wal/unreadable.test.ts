/** Row S of wal/recovery.ts: sectors that the disk cannot read are damage, and no more than that. */
import { describe, expect, it } from "vitest";
import { Metadata, MetadataError } from "../../../wal/metadata.ts";
import { FaultyDisk } from "../../support/faulty-files.ts";
import { withReadErrors } from "../../support/storage/read-errors.ts";
import { openWal, range, recordOf, slotsOf, walPath } from "../../support/wal-fixture.ts";

const HEADER_SECTORS = 2;

/** One record a batch, two sectors each. */
async function logOf(count: number, end: "sealed" | "unsealed"): Promise<FaultyDisk> {
  const disk = new FaultyDisk();
  const { wal } = await openWal(disk, { segmentBytes: 16 * 1024 });
  for (const slot of range(1, count)) await wal.append([recordOf(slot, 600)]);
  if (end === "sealed") await wal.close();
  return disk;
}

async function recoveredWith(disk: FaultyDisk, sector: number) {
  disk.restart();
  const sectors = new Map([[walPath(1), new Set([sector])]]);
  const files = withReadErrors(disk.files, { sectors, directories: new Set() });
  const { recovery } = await openWal(disk, { files, segmentBytes: 16 * 1024 });
  const { records, damaged, tornBytes } = recovery;
  return { slots: slotsOf(records), damaged, tornBytes };
}

describe("wal, sectors that cannot be read", () => {
  it("S: of a payload: that record is reported, the others are delivered", async () => {
    const { slots, damaged } = await recoveredWith(await logOf(4, "sealed"), HEADER_SECTORS + 3);
    expect(slots).toEqual([1, 3, 4]);
    expect(damaged).toMatchObject([{ header: { slot: 2 } }]);
  });

  it("S: of a batch's headers: one loss without identity, the other batches are delivered", async () => {
    const { slots, damaged } = await recoveredWith(await logOf(4, "sealed"), HEADER_SECTORS + 2);
    expect(slots).toEqual([1, 3, 4]);
    expect(damaged).toMatchObject([{ header: null }]);
  });

  it("S: of the last batch, which nothing proves: reported, never called torn", async () => {
    const ofPayload = await recoveredWith(await logOf(4, "unsealed"), HEADER_SECTORS + 7);
    expect(ofPayload).toMatchObject({ slots: [1, 2, 3], tornBytes: 0 });
    expect(ofPayload.damaged).toMatchObject([{ header: { slot: 4 } }]);
    const ofHeaders = await recoveredWith(await logOf(4, "unsealed"), HEADER_SECTORS + 6);
    expect(ofHeaders).toMatchObject({ slots: [1, 2, 3], tornBytes: 0 });
    expect(ofHeaders.damaged).toMatchObject([{ header: null }]);
  });

  it("S: of one copy of the segment's header, or behind the log's end: nothing is lost", async () => {
    for (const sector of [0, 1, 20]) {
      const { slots, damaged } = await recoveredWith(await logOf(4, "sealed"), sector);
      expect({ slots, damaged }).toEqual({ slots: [1, 2, 3, 4], damaged: [] });
    }
  });
});

describe("metadata, a copy that cannot be read", () => {
  const read = async (copies: readonly string[]): Promise<string> => {
    const disk = new FaultyDisk();
    const written = await Metadata.open(disk.files, "/node", "facts");
    await written.write(new Uint8Array(Buffer.from("promise")));
    const sectors = new Map(copies.map((copy) => [`/node/facts.${copy}`, new Set([0])] as const));
    const files = withReadErrors(disk.files, { sectors, directories: new Set() });
    const { content, damagedCopy } = await Metadata.open(files, "/node", "facts");
    return `${Buffer.from(content ?? []).toString()} ${damagedCopy}`;
  };

  it("one: the other serves, and the damage is told", async () => {
    expect(await read(["a"])).toBe("promise true");
    expect(await read(["b"])).toBe("promise true");
  });

  it("both: refused", async () => {
    await expect(read(["a", "b"])).rejects.toThrow(MetadataError);
  });
});
