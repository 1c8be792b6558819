/** Log and metadata once over the machine's own file system: the faulty disk is only a model of it. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { systemFiles } from "../../../src/base/files.ts";
import { Metadata } from "../../../wal/metadata.ts";
import { Wal } from "../../../wal/wal.ts";
import { range, recordOf, slotsOf } from "../../support/wal-fixture.ts";

let directory = "";

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "synod-wal-"));
});

afterEach(async () => {
  await rm(directory, { recursive: true });
});

function open(): ReturnType<typeof Wal.open> {
  return Wal.open({ files: systemFiles, directory: join(directory, "a/wal"), segmentBytes: 8192 });
}

describe("wal on the machine's disk", () => {
  it("rolled over, truncated, recycled, opened again: what was kept comes back", async () => {
    const first = await open();
    await Promise.all(range(1, 100).map((slot) => first.wal.append([recordOf(slot, 700)])));
    await first.wal.truncateBelow(60);
    for (const slot of range(101, 140)) await first.wal.append([recordOf(slot, 700)]);
    await first.wal.append([recordOf(141, 50_000)]);
    await first.wal.close();
    const { wal, recovery } = await open();
    expect(recovery.damaged).toEqual([]);
    expect(slotsOf(recovery.records).at(-1)).toBe(141);
    expect(slotsOf(recovery.records).at(0)).toBeLessThanOrEqual(61);
    expect(recovery.records.at(-1)).toEqual(recordOf(141, 50_000));
    await wal.close();
  });

  it("metadata written and opened again: the last content", async () => {
    const metadata = await Metadata.open(systemFiles, join(directory, "b/c"), "facts");
    for (const value of range(1, 5)) await metadata.write(new Uint8Array([value]));
    const again = await Metadata.open(systemFiles, join(directory, "b/c"), "facts");
    expect(again.content).toEqual(new Uint8Array([5]));
    expect(again.damagedCopy).toBe(false);
  });
});
