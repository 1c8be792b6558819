import { beforeEach, describe, expect, it } from "vitest";
import { deferred } from "../../../src/base/deferred.ts";
import { SeededRandom } from "../../../src/base/random.ts";
import { decodeDurableState, encodeDurableState } from "../../../src/node/durable-state.ts";
import { Journal } from "../../../src/node/journal.ts";
import type { PersistRecord } from "../../../src/paxos/effects.ts";
import { type Entry, nodeId, slot } from "../../../src/paxos/types.ts";
import { Metadata } from "../../../wal/metadata.ts";
import { Wal } from "../../../wal/wal.ts";
import { type DiskOperation, FaultyDisk } from "../../support/faulty-files.ts";
import { settle } from "../../support/settle.ts";

const BALLOT = { round: 3, node: nodeId(1) };
const MEMBERSHIPS = [{ fromSlot: slot(1), membership: { members: [], nextId: 1 } }];
const STATE = {
  promised: BALLOT,
  truncationFloor: slot(0),
  memberships: MEMBERSHIPS,
  lostRecords: false,
};
const SEGMENT_BYTES = 4096;

function accepted(at: number, bytes = 10): PersistRecord {
  const entry: Entry = {
    slot: slot(at),
    ballot: BALLOT,
    value: { kind: "batch", payload: new Uint8Array(bytes) },
  };
  return { kind: "accepted", entry };
}

function truncated(floor: number): PersistRecord {
  return { kind: "truncated", floor: slot(floor), memberships: MEMBERSHIPS };
}

describe("the journal", () => {
  let disk: FaultyDisk;
  let journal: Journal;
  let durable: number[];
  let failures: unknown[];

  beforeEach(async () => {
    disk = new FaultyDisk();
    await open();
  });

  async function open() {
    const { files } = disk;
    const metadata = await Metadata.open(files, "/data", "state");
    const random = new SeededRandom(1);
    const options = { files, directory: "/data/wal", segmentBytes: SEGMENT_BYTES, random };
    const { wal, recovery } = await Wal.open({ ...options, sealAfterMs: null });
    durable = [];
    failures = [];
    journal = new Journal({
      wal,
      metadata,
      state: STATE,
      onDurable: (sequence) => durable.push(sequence),
      onFailure: (error) => failures.push(error),
    });
    return { metadata, recovery };
  }

  /** The disk does these only when the test says so. */
  function hold(path: string, operations: readonly DiskOperation[] = ["sync"]): () => void {
    const { promise, resolve } = deferred<undefined>();
    disk.setLatency(async (operation, where) => {
      if (operations.includes(operation) && where.includes(path)) await promise;
    });
    return () => resolve(undefined);
  }

  it("reports sequences in their order, though the log was faster than the state", async () => {
    const release = hold("state.");
    journal.persist([{ kind: "promised", ballot: BALLOT }], 1);
    journal.persist([accepted(1)], 2);
    await settle();
    expect(durable).toEqual([]);
    release();
    await journal.flushed();
    expect(durable).toEqual([1, 2]);
  });

  it("a chosen mark waits for the next record, and for close at the latest", async () => {
    journal.persist([{ kind: "chosen", index: slot(1), above: slot(0) }], 0);
    await journal.flushed();
    expect(durable).toEqual([]);
    await journal.close();
    disk.restart();
    const { recovery } = await open();
    expect(recovery.records.map((record) => record.slot)).toEqual([1]);
  });

  it("S7: the floor is durable before the first segment goes", async () => {
    for (let at = 1; at <= 6; at += 1) journal.persist([accepted(at, 3000)], at);
    await journal.flushed();
    const before = disk.list("/data/wal").filter((name) => name.endsWith(".wal"));
    const release = hold("state.");
    journal.persist([truncated(5)], 7);
    await settle();
    expect(disk.list("/data/wal")).toEqual(expect.arrayContaining(before));
    release();
    await journal.close();
    expect(disk.list("/data/wal")).not.toEqual(expect.arrayContaining(before));
    disk.crash(new SeededRandom(1));
    const { metadata } = await open();
    const { content } = metadata;
    expect(content && decodeDurableState(content).truncationFloor).toBe(5);
  });

  it("lost records are remembered until the core says that they are repaired", async () => {
    const lost = { ...STATE, lostRecords: true };
    expect(decodeDurableState(encodeDurableState(lost))).toEqual(lost);
    journal.persist([{ kind: "repaired" }], 1);
    await journal.close();
    disk.crash(new SeededRandom(1));
    const { content } = (await open()).metadata;
    expect(content && decodeDurableState(content)).toEqual(STATE);
  });

  it("a state of version 1 tells of no lost records", () => {
    const bytes = encodeDurableState(STATE).slice(0, -1);
    bytes[0] = 1;
    expect(decodeDurableState(bytes)).toEqual(STATE);
  });

  it("what comes after a truncation does not wait for segments to be removed", async () => {
    for (let at = 1; at <= 6; at += 1) journal.persist([accepted(at, 3000)], at);
    await journal.flushed();
    const [oldest = ""] = disk.list("/data/wal").filter((name) => name.endsWith(".wal"));
    const release = hold(oldest, ["remove", "rename"]);
    journal.persist([truncated(5)], 7);
    journal.persist([accepted(7)], 8);
    await journal.flushed();
    expect(durable.slice(-2)).toEqual([7, 8]);
    release();
    await journal.close();
  });

  it.each(["/wal/", "state."])(
    "a failing sync of %s is reported, and nothing after it",
    async (path) => {
      disk.fail({ operation: "sync", path, code: "EIO" });
      journal.persist([accepted(1), { kind: "promised", ballot: BALLOT }], 2);
      journal.persist([accepted(2)], 3);
      await settle();
      await settle();
      expect(durable).toEqual([]);
      expect(failures.length).toBeGreaterThan(0);
      await expect(journal.flushed()).rejects.toThrow(/EIO|could not be written/);
    },
  );
});
