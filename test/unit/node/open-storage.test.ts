import { expect, test } from "vitest";
import { hurtItem } from "../../crash/corruption/damage.ts";
import { FaultyDisk } from "../../support/faulty-files.ts";
import { diskOf, filesOf } from "../../support/storage/disk-files.ts";
import { StoredCluster } from "../../support/storage/stored-cluster.ts";
import { DATA, StoredNode } from "../../support/storage/stored-node.ts";

const DAMAGED_SLOT = 3;
const LAST_SLOT = 5;

/** One node of three, stopped when slots 1 to 5 are chosen, then its record of slot 3 rots. */
async function restarted({ snapshot }: { snapshot: boolean }): Promise<StoredNode> {
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
  const disk = diskOf(hurtItem(filesOf(node.disk, DATA), DAMAGED_SLOT, "payload"));
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
