/** Stores, asides and transfers of small snapshots on a faulty disk. */
import { Receiver } from "../../snapshots/receiver.ts";
import type { Sender } from "../../snapshots/sender.ts";
import { type SnapshotInfo, SnapshotStore } from "../../snapshots/store.ts";
import type { FaultyDisk } from "./faulty-files.ts";

export const STORE_DIRECTORY = "/node/snapshots";
const SMALL_CHUNK_BYTES = 700;

export function openStore(disk: FaultyDisk): Promise<SnapshotStore> {
  const { files } = disk;
  return SnapshotStore.open({ files, directory: STORE_DIRECTORY, chunkBytes: SMALL_CHUNK_BYTES });
}

/** Three files, one of them empty; what is in them follows from the slot. */
export function snapshotFiles(slot: number): ReadonlyMap<string, Uint8Array> {
  const bytes = (length: number, salt: number): Uint8Array =>
    Uint8Array.from({ length }, (_, at) => (slot * 17 + at * salt) & 0xff);
  return new Map([
    ["empty", new Uint8Array(0)],
    ["main.db", bytes(2000 + slot, 3)],
    ["system.db", bytes(600, 5)],
  ]);
}

/** Writes the files of `slot` aside, not synced, as a state machine would. */
export async function writeAside(
  disk: FaultyDisk,
  store: SnapshotStore,
  slot: number,
): Promise<string> {
  const aside = await store.createAside();
  for (const [name, bytes] of snapshotFiles(slot)) {
    const file = await disk.files.open(`${aside}/${name}`, "create");
    await file.write(0, bytes);
    await file.close();
  }
  return aside;
}

export async function publish(
  disk: FaultyDisk,
  store: SnapshotStore,
  slot: number,
): Promise<SnapshotInfo> {
  const aside = await writeAside(disk, store, slot);
  const context = new Uint8Array([slot]);
  return store.publish(aside, { slot, ballot: { round: slot, node: 1 }, context });
}

/** Asks `sender` for everything that is wanted, then publishes. */
export async function receive(store: SnapshotStore, sender: Sender): Promise<SnapshotInfo> {
  const receiver = await Receiver.start(store, sender.manifestBytes);
  for (let next = receiver.wanted(); next !== null; next = receiver.wanted()) {
    await receiver.accept(next.file, next.chunk, await sender.chunk(next.file, next.chunk));
  }
  return receiver.finish();
}

/** What is wrong with a store after a crash, or null: every snapshot listed must be whole. */
export async function storeComplaint(
  disk: FaultyDisk,
  store: SnapshotStore,
  allowed: readonly string[],
): Promise<string | null> {
  if (store.damaged.length > 0) return `damaged: ${store.damaged.join()}`;
  const slots = store.list().map((info) => info.slot);
  if (!allowed.includes(slots.join())) return `unexpected snapshots: ${slots.join()}`;
  for (const info of store.list()) {
    const damage = await store.verify(info.slot);
    if (damage.chunks.length + damage.files.length > 0) return `slot ${info.slot} is damaged`;
    for (const [name, bytes] of snapshotFiles(info.slot)) {
      const stored = disk.contents(`${info.directory}/${name}`);
      if (Buffer.compare(stored, bytes) !== 0) return `slot ${info.slot}: ${name} differs`;
    }
  }
  return null;
}
