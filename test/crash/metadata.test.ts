/**
 * Goal: whatever a power loss keeps of a write of the metadata, the content is the old or the new,
 * the new if the write was acknowledged, and it is never called damaged for good.
 * Method: stop before every single disk operation of a write (the first ever, and an overwriting
 * one), of an open that heals, and keep every possible subset of what was not synced.
 */
import { describe, expect, it } from "vitest";
import { Metadata } from "../../wal/metadata.ts";
import { forEveryChoice } from "../support/choices.ts";
import { FaultyDisk } from "../support/faulty-files.ts";

/** Two sectors with the header, so that a copy can be torn. */
const OLD = new Uint8Array(700).fill(1);
const NEW = new Uint8Array(800).fill(2);

function open(disk: FaultyDisk): Promise<Metadata> {
  return Metadata.open(disk.files, "/node", "facts");
}

async function diskWith(contents: readonly Uint8Array[]): Promise<FaultyDisk> {
  const disk = new FaultyDisk();
  const metadata = await open(disk);
  for (const content of contents) await metadata.write(content);
  return disk;
}

/** Runs `work` on a fresh disk, stopped at operation `stop` of it; answers whether it came to its end. */
async function stoppedAt(
  disk: FaultyDisk,
  stop: number,
  work: (disk: FaultyDisk) => Promise<void>,
): Promise<boolean> {
  disk.stopAt(disk.operations + stop);
  return await work(disk).then(
    () => true,
    () => false,
  );
}

describe("metadata, power loss inside a write", () => {
  it.each([
    ["first ever", [], null],
    ["second", [OLD], OLD],
    ["third", [NEW, OLD], OLD],
  ] as const)("%s write: old or new, new if acknowledged", async (_, contents, old) => {
    let runs = 0;
    for (let stop = 1, ended = false; !ended; stop += 1) {
      runs += await forEveryChoice(5000, async (random) => {
        const disk = await diskWith(contents);
        ended = await stoppedAt(disk, stop, async () => {
          await (await open(disk)).write(NEW);
        });
        disk.crash(random);
        const { content } = await open(disk);
        if (ended) expect(content).toEqual(NEW);
        else expect([old, NEW]).toContainEqual(content);
      });
    }
    expect(runs).toBeGreaterThan(20);
  });

  it("open that heals a rotten copy, stopped anywhere: the content stays", async () => {
    for (let stop = 1, ended = false; !ended; stop += 1) {
      await forEveryChoice(5000, async (random) => {
        const disk = await diskWith([OLD, NEW]);
        disk.flip("/node/facts.a", 600);
        ended = await stoppedAt(disk, stop, async () => void (await open(disk)));
        disk.crash(random);
        expect((await open(disk)).content).toEqual(NEW);
      });
    }
  });

  it("failed sync, restart, power loss: what the next process read stays", async () => {
    for (const failing of [0, 1]) {
      await forEveryChoice(5000, async (random) => {
        const disk = await diskWith([OLD]);
        const metadata = await open(disk);
        disk.fail({ operation: "sync", code: "EIO", after: failing });
        await expect(metadata.write(NEW)).rejects.toThrow("EIO");
        disk.restart();
        const { content } = await open(disk);
        disk.crash(random);
        expect((await open(disk)).content).toEqual(content);
      });
    }
  });
});
