/**
 * Goal: whatever a power loss keeps of a write of the metadata, the content is the old or the new,
 * the new if the write was acknowledged, and it is never called damaged for good.
 * Method: stop before every single disk operation of a write (the first ever, and an overwriting
 * one), of an open that heals, and keep every possible subset of what was not synced.
 */
import { describe, expect, it } from "vitest";
import { Metadata } from "../../wal/metadata.ts";
import { forEveryChoice, forEveryStop } from "../support/choices.ts";
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

/** Runs `work`, stopped at operation `stop` of it; answers whether it came to its end. */
function stoppedAt(disk: FaultyDisk, stop: number, work: () => Promise<void>): Promise<boolean> {
  disk.stopAt(disk.operations + stop);
  return work().then(
    () => true,
    () => false,
  );
}

/** Which of the named contents it is. */
function nameOf(content: Uint8Array | null): string {
  if (content === null) return "nothing";
  if (Buffer.compare(content, OLD) === 0) return "old";
  return Buffer.compare(content, NEW) === 0 ? "new" : "garbage";
}

describe("metadata, power loss inside a write", () => {
  it.each([
    ["first ever", [], ["nothing", "new"]],
    ["second", [OLD], ["old", "new"]],
    ["third", [NEW, OLD], ["old", "new"]],
  ] as const)("%s write: old or new, new if acknowledged", async (_, contents, allowed) => {
    const seen = new Set<string>();
    const acknowledged = new Set<string>();
    const stops = await forEveryStop(async (stop) => {
      let ended = false;
      await forEveryChoice(5000, async (random) => {
        const disk = await diskWith(contents);
        ended = await stoppedAt(disk, stop, async () => (await open(disk)).write(NEW));
        disk.crash(random);
        (ended ? acknowledged : seen).add(nameOf((await open(disk)).content));
      });
      return ended;
    });
    expect(stops).toBeGreaterThan(10);
    expect([...seen].toSorted()).toEqual([...allowed].toSorted());
    expect([...acknowledged]).toEqual(["new"]);
  });

  it("open that heals a rotten copy, stopped anywhere: the content stays", async () => {
    const seen = new Set<string>();
    await forEveryStop(async (stop) => {
      let ended = false;
      await forEveryChoice(5000, async (random) => {
        const disk = await diskWith([OLD, NEW]);
        disk.flip("/node/facts.a", 600);
        ended = await stoppedAt(disk, stop, async () => void (await open(disk)));
        disk.crash(random);
        seen.add(nameOf((await open(disk)).content));
      });
      return ended;
    });
    expect([...seen]).toEqual(["new"]);
  });

  it("first write ever stopped anywhere, restart, power loss: what the next process read stays", async () => {
    const changes = new Set<string>();
    await forEveryStop(async (stop) => {
      let ended = false;
      await forEveryChoice(5000, async (random) => {
        const disk = await diskWith([]);
        ended = await stoppedAt(disk, stop, async () => (await open(disk)).write(NEW));
        disk.restart();
        const read = nameOf((await open(disk)).content);
        disk.crash(random);
        changes.add(`${read} ${nameOf((await open(disk)).content)}`);
      });
      return ended;
    });
    expect([...changes].toSorted()).toEqual(["new new", "nothing nothing"]);
  });

  it.each([0, 1])(
    "sync %i fails, restart, power loss: what the next process read stays",
    async (after) => {
      const changes = new Set<string>();
      await forEveryChoice(5000, async (random) => {
        const disk = await diskWith([OLD]);
        const metadata = await open(disk);
        disk.fail({ operation: "sync", code: "EIO", after });
        const outcome = await metadata.write(NEW).then(
          () => "resolved",
          () => "rejected",
        );
        disk.restart();
        const read = nameOf((await open(disk)).content);
        disk.crash(random);
        changes.add(`${outcome} ${read} ${nameOf((await open(disk)).content)}`);
      });
      expect([...changes]).toEqual(["rejected new new"]);
    },
  );
});
