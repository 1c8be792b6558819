/** Snapshots: taken, published, received, kept and removed. */
import { Sender } from "../../../snapshots/sender.ts";
import { FaultyDisk } from "../../support/faulty-files.ts";
import {
  openStore,
  publish,
  receive,
  STORE_DIRECTORY,
  storeComplaint,
} from "../../support/snapshot-fixture.ts";
import type { CrashScenario, Reading } from "./enumerate.ts";

interface Lists {
  /** Lists of slots that may be there while the work goes on. */
  readonly allowed: readonly string[];
  /** The list when it has come to its end. */
  readonly done: string;
}

function scenario(
  name: string,
  before: readonly number[],
  lists: Lists,
  work: (disk: FaultyDisk) => Promise<void>,
): CrashScenario {
  const prepare = async () => {
    const disk = new FaultyDisk();
    const store = await openStore(disk);
    for (const slot of before) await publish(disk, store, slot);
    const state = { ended: false };
    return {
      disk,
      work: async () => {
        await work(disk);
        state.ended = true;
      },
      told: () => `${state.ended}`,
      open: (found: FaultyDisk) => reading(found, state.ended ? [lists.done] : lists.allowed),
    };
  };
  return { name: `snapshots: ${name}`, prepare };
}

async function reading(found: FaultyDisk, allowed: readonly string[]): Promise<Reading> {
  const store = await openStore(found);
  const complaint = await storeComplaint(found, store, allowed);
  const leftovers = found
    .list(STORE_DIRECTORY)
    .filter((name) => name.startsWith("aside") || name.startsWith("removing"));
  return {
    read: store
      .list()
      .map(({ slot }) => slot)
      .join(),
    complaints: [
      ...(complaint === null ? [] : [complaint]),
      ...leftovers.map((name) => `${name} is left behind`),
    ],
  };
}

async function publishOn(disk: FaultyDisk, slot: number): Promise<void> {
  await publish(disk, await openStore(disk), slot);
}

/** The node that sends has a disk of its own, which does not fail. */
async function receiveOn(disk: FaultyDisk, slot: number): Promise<void> {
  const remote = new FaultyDisk();
  const remoteStore = await openStore(remote);
  await publish(remote, remoteStore, slot);
  await receive(await openStore(disk), new Sender(remoteStore, slot));
}

export const SNAPSHOT_SCENARIOS: readonly CrashScenario[] = [
  scenario("first taken and published", [], { allowed: ["", "4"], done: "4" }, (disk) =>
    publishOn(disk, 4),
  ),
  scenario("another taken and published", [3], { allowed: ["3", "3,5"], done: "3,5" }, (disk) =>
    publishOn(disk, 5),
  ),
  scenario(
    "the oldest removed",
    [1, 2, 3],
    { allowed: ["1,2,3", "2,3", "3"], done: "3" },
    async (disk) => (await openStore(disk)).retain(1),
  ),
  scenario("first received and installed", [], { allowed: ["", "5"], done: "5" }, (disk) =>
    receiveOn(disk, 5),
  ),
  scenario("another received and installed", [3], { allowed: ["3", "3,6"], done: "3,6" }, (disk) =>
    receiveOn(disk, 6),
  ),
];
