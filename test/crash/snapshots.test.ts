/**
 * Goal: a power loss between any two disk operations of publishing, retaining or receiving leaves
 * the snapshots from before or after, each whole, and the next process can go on.
 * Method: stop before every operation in turn, keep drawn subsets of what was not synced, reopen,
 * check every byte, then do the same work again to its end.
 */
import { describe, expect, it } from "vitest";
import { Sender } from "../../snapshots/sender.ts";
import { SeededRandom } from "../../src/base/random.ts";
import { forEveryStop } from "../support/choices.ts";
import { FaultyDisk } from "../support/faulty-files.ts";
import { openStore, publish, receive, storeComplaint } from "../support/snapshot-fixture.ts";

const DRAWS_PER_STOP = 8;

interface CrashCase {
  readonly prepare: (disk: FaultyDisk) => Promise<void>;
  readonly work: (disk: FaultyDisk) => Promise<void>;
  /** Lists of slots that may be there after a stop. */
  readonly allowed: readonly string[];
  /** The list after the work came to its end. */
  readonly done: string;
}

async function outcomeOf(
  test: CrashCase,
  stop: number,
  seed: number,
): Promise<{ ended: boolean; complaint: string | null }> {
  const disk = new FaultyDisk();
  await test.prepare(disk);
  disk.stopAt(disk.operations + stop);
  const ended = await test.work(disk).then(
    () => true,
    () => false,
  );
  disk.crash(new SeededRandom(seed, stop));
  const allowed = ended ? [test.done] : test.allowed;
  const complaint = await storeComplaint(disk, await openStore(disk), allowed);
  if (complaint !== null) return { ended, complaint };
  await test.work(disk);
  return { ended, complaint: await storeComplaint(disk, await openStore(disk), [test.done]) };
}

async function failuresOf(test: CrashCase): Promise<{ stops: number; failures: string[] }> {
  const failures: string[] = [];
  const stops = await forEveryStop(async (stop) => {
    let allEnded = true;
    for (let seed = 0; seed < DRAWS_PER_STOP; seed += 1) {
      const { ended, complaint } = await outcomeOf(test, stop, seed);
      allEnded &&= ended;
      if (complaint !== null) failures.push(`stop ${stop}, seed ${seed}: ${complaint}`);
    }
    return allEnded;
  });
  return { stops, failures };
}

async function publishIfNewer(disk: FaultyDisk, slot: number): Promise<void> {
  const store = await openStore(disk);
  if ((store.latest()?.slot ?? 0) < slot) await publish(disk, store, slot);
}

describe("snapshots, power loss between any two operations", () => {
  it("publish of a second snapshot: the old one alone, or both", async () => {
    const { stops, failures } = await failuresOf({
      prepare: async (disk) => void (await publish(disk, await openStore(disk), 3)),
      work: (disk) => publishIfNewer(disk, 5),
      allowed: ["3", "3,5"],
      done: "3,5",
    });
    expect(failures).toEqual([]);
    expect(stops).toBeGreaterThan(20);
  });

  it("retain: what is removed is gone or whole", async () => {
    const { stops, failures } = await failuresOf({
      prepare: async (disk) => {
        const store = await openStore(disk);
        for (const slot of [1, 2, 3]) await publish(disk, store, slot);
      },
      work: async (disk) => (await openStore(disk)).retain(1),
      allowed: ["1,2,3", "2,3", "3"],
      done: "3",
    });
    expect(failures).toEqual([]);
    expect(stops).toBeGreaterThan(6);
  });

  it("receive, resumed after each stop: the old one alone, or both", async () => {
    const remote = new FaultyDisk();
    const remoteStore = await openStore(remote);
    await publish(remote, remoteStore, 5);
    const { stops, failures } = await failuresOf({
      prepare: async (disk) => void (await publish(disk, await openStore(disk), 3)),
      work: async (disk) => {
        const store = await openStore(disk);
        if (store.latest()?.slot === 5) return;
        await receive(store, new Sender(remoteStore, 5));
      },
      allowed: ["3", "3,5"],
      done: "3,5",
    });
    expect(failures).toEqual([]);
    expect(stops).toBeGreaterThan(40);
  });
});
