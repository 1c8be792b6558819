/** Publishing and a transfer once over the machine's own file system. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Sender } from "../../../snapshots/sender.ts";
import { SnapshotStore } from "../../../snapshots/store.ts";
import { systemFiles } from "../../../src/base/files.ts";
import { receive } from "../../support/snapshot-fixture.ts";

let directory = "";

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "synod-snapshots-"));
});

afterEach(async () => {
  await rm(directory, { recursive: true });
});

describe("snapshots on the machine's disk", () => {
  it("published here, received there, retained: verified on both sides", async () => {
    const options = { files: systemFiles, chunkBytes: 10_000 };
    const from = await SnapshotStore.open({
      ...options,
      directory: join(directory, "a/snapshots"),
    });
    for (const slot of [1, 2]) {
      const aside = await from.createAside();
      await writeFile(join(aside, "main.db"), Buffer.alloc(123_456, slot));
      await from.publish(aside, { slot, ballot: { round: 1, node: 1 }, context: new Uint8Array() });
    }
    const to = await SnapshotStore.open({ ...options, directory: join(directory, "b") });
    const sender = new Sender(from, 2);
    const info = await receive(to, sender);
    sender.close();
    await from.retain(1);
    expect(from.list().map((kept) => kept.slot)).toEqual([2]);
    expect(info.totalBytes).toBe(123_456);
    expect(await to.verify(2)).toEqual({ chunks: [], files: [] });
    const reopened = await SnapshotStore.open({ ...options, directory: join(directory, "b") });
    expect(reopened.latest()).toMatchObject({ slot: 2, totalBytes: 123_456 });
  });
});
