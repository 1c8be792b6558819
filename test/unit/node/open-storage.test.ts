import { expect, test } from "vitest";
import { decodeDurableState, encodeDurableState } from "../../../src/node/durable-state.ts";
import { Metadata } from "../../../wal/metadata.ts";
import { hurtItem, type Part } from "../../crash/corruption/damage.ts";
import { FaultyDisk } from "../../support/faulty-files.ts";
import { diskOf, filesOf } from "../../support/storage/disk-files.ts";
import { StoredCluster } from "../../support/storage/stored-cluster.ts";
import { DATA, StoredNode, WAL } from "../../support/storage/stored-node.ts";

const DAMAGED_SLOT = 3;
const LAST_SLOT = 5;

interface Damage {
  readonly snapshot: boolean;
  readonly part?: Part;
  readonly at?: number;
}

/** One node of three, stopped when slots 1 to 5 are chosen, then its record of slot 3 rots. */
async function restarted({
  snapshot,
  part = "payload",
  at = DAMAGED_SLOT,
}: Damage): Promise<StoredNode> {
  const cluster = new StoredCluster();
  for (const id of [1, 2, 3]) await cluster.start({ id, disk: new FaultyDisk() });
  cluster.campaign(1);
  await cluster.until(100, () => cluster.node(1).chosenIndex >= 1);
  for (let slot = 2; slot <= LAST_SLOT; slot += 1) {
    cluster.propose(1, `item ${slot}`.padEnd(1000, "."));
    await cluster.until(100, () => cluster.node(1).chosenIndex >= slot);
  }
  const node = cluster.node(1);
  await node.idle();
  // The power goes when the snapshot is there and the log still has everything that it covers.
  if (snapshot) await node.compact();
  const disk = diskOf(hurtItem(filesOf(node.disk, DATA), at, part));
  return StoredNode.start({ id: 1, disk, notes: structuredClone(node.notes), salt: 1 });
}

test("row B: a damaged record is reported, and nothing counts as chosen from there on", async () => {
  const { initial } = (await restarted({ snapshot: false })).storage;
  expect(initial.faulty.map(({ slot }) => slot)).toEqual([DAMAGED_SLOT]);
  expect(initial.chosenIndex).toBe(DAMAGED_SLOT - 1);
});

test("row F: the log begins behind a snapshot of this node that covers the damage", async () => {
  const node = await restarted({ snapshot: true });
  const { initial, durable } = node.storage;
  expect(initial.faulty).toEqual([]);
  expect(initial.chosenIndex).toBe(LAST_SLOT);
  expect(initial.truncationFloor).toBe(LAST_SLOT);
  expect(durable.truncationFloor).toBe(LAST_SLOT);
  expect(node.complaints.join()).toContain("a snapshot covers them");
});

test("a record that does not even say its slot is remembered beyond the segment that had it", async () => {
  // Nothing readable is as high as what was lost, so the floor may rise above all of the log.
  const node = await restarted({ snapshot: false, part: "recordHeader", at: LAST_SLOT });
  expect(node.storage.initial.faultyAnywhere).toBe(true);
  const kept = new Map(
    [...filesOf(node.disk, DATA)].filter(([path]) => !path.startsWith(WAL) || path === WAL),
  );
  const { content } = await Metadata.open(diskOf(kept).files, DATA, "state");
  expect(content && decodeDurableState(content).lostRecords).toBe(true);
});

test("a log of which nothing can be read, without the state beside it, is no new node's", async () => {
  const node = await restarted({ snapshot: false });
  const isLost = (path: string): boolean => /\/state\.[ab]$|\.wal$/.test(path);
  const kept = new Map([...filesOf(node.disk, DATA)].filter(([path]) => !isLost(path)));
  const disk = diskOf(kept);
  expect(disk.list(WAL)).toEqual(["head.a", "head.b", "spare"]);
  // To start anew would be to forget every promise under the same identity.
  await expect(StoredNode.start({ id: 1, disk })).rejects.toThrow("state beside the log is gone");
});

test("lost records are told at each start, also when no segment is left that tells of them", async () => {
  const { disk, notes, storage, complaints } = await restarted({ snapshot: false });
  expect(complaints.join()).not.toContain("until this node has led");
  const { metadata, durable } = storage;
  await metadata.write(encodeDurableState({ ...durable, lostRecords: true }));
  disk.restart();
  const again = await StoredNode.start({ id: 1, disk, notes: structuredClone(notes), salt: 2 });
  expect(again.storage.initial.faultyAnywhere).toBe(true);
  expect(again.complaints.join()).toContain("until this node has led");
});
