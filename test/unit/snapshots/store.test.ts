import { describe, expect, it } from "vitest";
import { SnapshotStore, StaleSnapshotError } from "../../../snapshots/store.ts";
import { FaultyDisk } from "../../support/faulty-files.ts";
import {
  openStore,
  publish,
  STORE_DIRECTORY,
  snapshotFiles,
  storeComplaint,
  writeAside,
} from "../../support/snapshot-fixture.ts";
import { withReadErrors } from "../../support/storage/read-errors.ts";

const facts = (slot: number) => ({
  slot,
  ballot: { round: 1, node: 1 },
  context: new Uint8Array(),
});

describe("snapshot store", () => {
  it("published snapshot: listed with its facts, also after a reopen, and verified", async () => {
    const disk = new FaultyDisk();
    const store = await openStore(disk);
    expect(store.latest()).toBeNull();
    await publish(disk, store, 5);
    await publish(disk, store, 9);
    for (const opened of [store, await openStore(disk)]) {
      expect(opened.list().map((info) => info.slot)).toEqual([5, 9]);
      expect(opened.latest()).toMatchObject({
        slot: 9,
        ballot: { round: 9, node: 1 },
        totalBytes: 2609,
        directory: `${STORE_DIRECTORY}/0000000000000009`,
      });
      expect([...(opened.latest()?.context ?? [])]).toEqual([9]);
      expect(await storeComplaint(disk, opened, ["5,9"])).toBeNull();
    }
  });

  it("older or equal snapshot published late: refused, removed, the newest stays", async () => {
    const disk = new FaultyDisk();
    const store = await openStore(disk);
    await publish(disk, store, 9);
    for (const slot of [5, 9]) {
      const aside = await writeAside(disk, store, slot);
      await expect(store.publish(aside, facts(slot))).rejects.toThrow(StaleSnapshotError);
    }
    expect(disk.list(STORE_DIRECTORY)).toEqual(["0000000000000009"]);
  });

  it("a file, or a manifest, that the disk cannot read: the snapshot is damaged, the store opens", async () => {
    const disk = new FaultyDisk();
    await publish(disk, await openStore(disk), 5);
    const path = `${STORE_DIRECTORY}/0000000000000005`;
    const openWith = (name: string) => {
      const sectors = new Map([[`${path}/${name}`, new Set([0])]]);
      const files = withReadErrors(disk.files, { sectors, directories: new Set() });
      return SnapshotStore.open({ files, directory: STORE_DIRECTORY });
    };
    const store = await openWith("main.db");
    expect((await store.verify(5)).chunks).toEqual([{ file: 1, chunk: 0 }]);
    expect((await openWith("manifest")).damaged).toEqual(["0000000000000005"]);
  });

  it("retain: removes the oldest, but never a pinned one", async () => {
    const disk = new FaultyDisk();
    const store = await openStore(disk);
    for (const slot of [1, 2, 3, 4]) await publish(disk, store, slot);
    store.pin(1);
    store.pin(1);
    await store.retain(2);
    expect(store.list().map((info) => info.slot)).toEqual([1, 3, 4]);
    store.unpin(1);
    await store.retain(2);
    expect(store.list().map((info) => info.slot)).toEqual([1, 3, 4]);
    store.unpin(1);
    await store.retain(2);
    expect(disk.list(STORE_DIRECTORY)).toEqual(["0000000000000003", "0000000000000004"]);
  });

  it("any file damaged: verify names the chunk or the file, discard removes the snapshot", async () => {
    const disk = new FaultyDisk();
    const store = await openStore(disk);
    const { directory } = await publish(disk, store, 3);
    disk.flip(`${directory}/main.db`, 1500, 1);
    expect(await store.verify(3)).toEqual({ chunks: [{ file: 1, chunk: 2 }], files: [] });
    disk.cut(`${directory}/main.db`, 1400);
    expect((await store.verify(3)).files).toEqual(["main.db"]);
    disk.lose(`${directory}/empty`);
    expect((await store.verify(3)).files).toEqual(["empty", "main.db"]);
    await store.discard(3);
    expect(store.latest()).toBeNull();
    await publish(disk, store, 3);
    expect(await storeComplaint(disk, store, ["3"])).toBeNull();
  });
});

describe("snapshot store, leftovers", () => {
  it("A: asides and half-removed snapshots: removed at open", async () => {
    const disk = new FaultyDisk();
    const store = await openStore(disk);
    await writeAside(disk, store, 1);
    disk.replace(`${STORE_DIRECTORY}/removing-7/main.db`, new Uint8Array(10));
    await openStore(disk);
    expect(disk.list(STORE_DIRECTORY)).toEqual([]);
  });

  it("C: received part of a snapshot that is not newer, or without manifest: removed at open", async () => {
    const disk = new FaultyDisk();
    const store = await openStore(disk);
    const old = await publish(disk, store, 4);
    const manifest = disk.contents(`${old.directory}/manifest`);
    await publish(disk, store, 5);
    disk.replace(`${STORE_DIRECTORY}/receiving/manifest`, manifest);
    await openStore(disk);
    expect(disk.list(STORE_DIRECTORY)).not.toContain("receiving");
    disk.replace(`${STORE_DIRECTORY}/receiving/main.db`, new Uint8Array(3));
    await openStore(disk);
    expect(disk.list(STORE_DIRECTORY)).not.toContain("receiving");
  });

  it("E: slot without readable manifest, or with another's: not offered, replaced by a good one", async () => {
    const disk = new FaultyDisk();
    const first = await openStore(disk);
    const { directory } = await publish(disk, first, 4);
    const manifest = disk.contents(`${directory}/manifest`);
    disk.flip(`${directory}/manifest`, 60);
    disk.replace(`${STORE_DIRECTORY}/0000000000000006/manifest`, manifest);
    const store = await openStore(disk);
    expect(store.latest()).toBeNull();
    expect(store.damaged).toEqual(["0000000000000004", "0000000000000006"]);
    await publish(disk, store, 4);
    expect(store.damaged).toEqual(["0000000000000006"]);
    await store.retain(1);
    expect(await storeComplaint(disk, await openStore(disk), ["4"])).toBeNull();
  });

  it("F: other names: left alone", async () => {
    const disk = new FaultyDisk();
    disk.replace(`${STORE_DIRECTORY}/notes/readme`, new Uint8Array([1]));
    await openStore(disk);
    expect(disk.list(STORE_DIRECTORY)).toEqual(["notes"]);
  });

  it("file that cannot be synced: publish rejects, nothing is published", async () => {
    const disk = new FaultyDisk();
    const store = await openStore(disk);
    const aside = await writeAside(disk, store, 2);
    disk.fail({ operation: "sync", path: "main.db", code: "EIO" });
    await expect(store.publish(aside, facts(2))).rejects.toThrow("EIO");
    expect(store.latest()).toBeNull();
    expect(snapshotFiles(2).size).toBe(3);
  });
});
