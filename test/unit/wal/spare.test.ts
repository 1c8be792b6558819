import { expect, test } from "vitest";
import { Spare } from "../../../wal/spare.ts";
import { FaultyDisk } from "../../support/faulty-files.ts";

const DIRECTORY = "/wal";
const BYTES = 4096;
const FREED = `${DIRECTORY}/0000000000000001.wal`;

test("take waits for a preparation that fails: nothing gets the name before it has the file", async () => {
  const disk = new FaultyDisk();
  const { files } = disk;
  await files.makeDirectory(DIRECTORY);
  const freed = await files.open(FREED, "create");
  await freed.write(0, new Uint8Array(BYTES).fill(0xee));
  await freed.sync();
  await freed.close();
  const spare = await Spare.open(files, DIRECTORY, BYTES);
  disk.fail({ operation: "write", path: "spare", code: "ENOSPC", times: 1 });
  spare.prepare();
  // A truncation that goes on in the very step in which the preparation is seen to have ended.
  const recycled = spare.settle().then(() => spare.recycle(FREED));
  const taken = spare.take();
  expect(await recycled).toBe(false);
  expect(await taken).toBe(`${DIRECTORY}/spare`);
  expect(spare.ready).toBe(false);
  expect(await files.exists(FREED)).toBe(true);
});
