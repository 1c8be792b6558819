import { describe, expect, it } from "vitest";
import { Receiver } from "../../../snapshots/receiver.ts";
import { Sender } from "../../../snapshots/sender.ts";
import {
  DamagedSnapshotError,
  type SnapshotStore,
  StaleSnapshotError,
} from "../../../snapshots/store.ts";
import { MalformedError } from "../../../src/base/bytes.ts";
import { FaultyDisk } from "../../support/faulty-files.ts";
import {
  openStore,
  publish,
  receive,
  STORE_DIRECTORY,
  storeComplaint,
} from "../../support/snapshot-fixture.ts";

async function senderOf(
  slot: number,
): Promise<{ disk: FaultyDisk; store: SnapshotStore; sender: Sender }> {
  const disk = new FaultyDisk();
  const store = await openStore(disk);
  await publish(disk, store, slot);
  return { disk, store, sender: new Sender(store, slot) };
}

/** Receives `count` chunks and answers how many were taken. */
async function receiveSome(receiver: Receiver, sender: Sender, count: number): Promise<number> {
  let taken = 0;
  for (const { file, chunk } of receiver.wantedUpTo(count)) {
    if (await receiver.accept(file, chunk, await sender.chunk(file, chunk))) taken += 1;
  }
  return taken;
}

describe("snapshot transfer", () => {
  it("whole snapshot sent: the same files and facts on the other node", async () => {
    const { sender } = await senderOf(7);
    const disk = new FaultyDisk();
    const store = await openStore(disk);
    const info = await receive(store, sender);
    expect(info).toMatchObject({ slot: 7, ballot: { round: 7, node: 1 }, totalBytes: 2607 });
    expect(await storeComplaint(disk, await openStore(disk), ["7"])).toBeNull();
    expect(new Sender(store, 7).manifestBytes).toEqual(sender.manifestBytes);
  });

  it("receiver restarted, and another sender of the same snapshot: goes on where it stopped", async () => {
    const [one, two] = [await senderOf(7), await senderOf(7)];
    const disk = new FaultyDisk();
    const receiver = await Receiver.start(await openStore(disk), one.sender.manifestBytes);
    expect(await receiveSome(receiver, one.sender, 2)).toBe(2);
    expect(receiver.progress).toEqual({ receivedBytes: 1400, totalBytes: 2607 });
    disk.restart();
    const store = await openStore(disk);
    const again = await Receiver.start(store, two.sender.manifestBytes);
    expect(again.progress.receivedBytes).toBe(1400);
    expect(again.wanted()).toEqual({ file: 1, chunk: 2 });
    await receiveSome(again, two.sender, 10);
    expect((await again.finish()).slot).toBe(7);
  });

  it("chunk rotten on the receiver's disk between two starts: wanted again", async () => {
    const { sender } = await senderOf(7);
    const disk = new FaultyDisk();
    const receiver = await Receiver.start(await openStore(disk), sender.manifestBytes);
    await receiveSome(receiver, sender, 10);
    disk.restart();
    disk.flip(`${STORE_DIRECTORY}/receiving/main.db`, 800);
    const again = await Receiver.start(await openStore(disk), sender.manifestBytes);
    expect(again.wantedUpTo(10)).toEqual([{ file: 1, chunk: 1 }]);
  });

  it("chunk rotten after it was received: finish refuses, the chunk is wanted again", async () => {
    const { sender } = await senderOf(7);
    const disk = new FaultyDisk();
    const store = await openStore(disk);
    const receiver = await Receiver.start(store, sender.manifestBytes);
    await receiveSome(receiver, sender, 10);
    disk.flip(`${STORE_DIRECTORY}/receiving/main.db`, 0);
    await expect(receiver.finish()).rejects.toThrow(DamagedSnapshotError);
    expect(store.latest()).toBeNull();
    expect(receiver.wantedUpTo(10)).toEqual([{ file: 1, chunk: 0 }]);
    await receiveSome(receiver, sender, 10);
    expect((await receiver.finish()).slot).toBe(7);
  });

  it("another snapshot offered in between: starts over, nothing is mixed", async () => {
    const [seven, eight] = [await senderOf(7), await senderOf(8)];
    const disk = new FaultyDisk();
    const store = await openStore(disk);
    const receiver = await Receiver.start(store, seven.sender.manifestBytes);
    await receiveSome(receiver, seven.sender, 3);
    await receiver.close();
    const other = await Receiver.start(store, eight.sender.manifestBytes);
    expect(other.progress.receivedBytes).toBe(0);
    await receiveSome(other, eight.sender, 10);
    await other.finish();
    expect(await storeComplaint(disk, await openStore(disk), ["8"])).toBeNull();
  });

  it("wrong, short, misplaced or unknown chunk: refused and still wanted", async () => {
    const { sender } = await senderOf(7);
    const receiver = await Receiver.start(await openStore(new FaultyDisk()), sender.manifestBytes);
    const good = await sender.chunk(1, 0);
    const rotten = good.slice();
    rotten[3] = (good[3] ?? 0) ^ 1;
    const offers = [
      [1, 0, rotten],
      [1, 0, good.subarray(1)],
      [1, 0, new Uint8Array(0)],
      [1, 1, good],
      [0, 0, new Uint8Array(0)],
      [9, 0, good],
      [1, -1, good],
      [1, 0.5, good],
    ] as const;
    for (const [file, chunk, bytes] of offers) {
      expect(await receiver.accept(file, chunk, bytes)).toBe(false);
    }
    expect(receiver.wanted()).toEqual({ file: 1, chunk: 0 });
    expect(await receiver.accept(1, 0, good)).toBe(true);
    expect(await receiver.accept(1, 0, good)).toBe(true);
    expect(receiver.progress.receivedBytes).toBe(700);
  });
});

describe("snapshot transfer, refusals", () => {
  it("snapshot that is not newer, or no manifest: refused at the start", async () => {
    const { sender } = await senderOf(7);
    const disk = new FaultyDisk();
    const store = await openStore(disk);
    await publish(disk, store, 7);
    await expect(Receiver.start(store, sender.manifestBytes)).rejects.toThrow(StaleSnapshotError);
    await expect(Receiver.start(store, new Uint8Array(50))).rejects.toThrow(MalformedError);
  });

  it("newer snapshot published while receiving: finish refuses, the newer one stays", async () => {
    const { sender } = await senderOf(7);
    const disk = new FaultyDisk();
    const store = await openStore(disk);
    const receiver = await Receiver.start(store, sender.manifestBytes);
    await receiveSome(receiver, sender, 10);
    await publish(disk, store, 8);
    await expect(receiver.finish()).rejects.toThrow(StaleSnapshotError);
    expect(await storeComplaint(disk, store, ["8"])).toBeNull();
    expect(disk.list(STORE_DIRECTORY)).toEqual(["0000000000000008"]);
  });

  it("sender's own chunk rotten: not sent; the snapshot stays pinned until close", async () => {
    const { disk, store, sender } = await senderOf(7);
    await publish(disk, store, 8);
    await store.retain(1);
    disk.flip(`${STORE_DIRECTORY}/0000000000000007/system.db`, 9);
    await expect(sender.chunk(2, 0)).rejects.toThrow(DamagedSnapshotError);
    expect(await sender.chunk(1, 0)).toHaveLength(700);
    expect([sender.has(1, 2), sender.has(1, 3), sender.has(5, 0)]).toEqual([true, false, false]);
    sender.close();
    sender.close();
    await store.retain(1);
    expect(store.list().map((info) => info.slot)).toEqual([8]);
  });
});
