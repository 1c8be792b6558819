import { describe, expect, it } from "vitest";
import { crc32 } from "../../../src/base/checksum.ts";
import { Metadata, MetadataError } from "../../../wal/metadata.ts";
import { FaultyDisk } from "../../support/faulty-files.ts";

const DIRECTORY = "/node";
const A = "/node/facts.a";
const B = "/node/facts.b";

function open(disk: FaultyDisk): Promise<Metadata> {
  disk.restart();
  return Metadata.open(disk.files, DIRECTORY, "facts");
}

function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function textOf(content: Uint8Array | null): string | null {
  return content === null ? null : new TextDecoder().decode(content);
}

/** Metadata that was written twice. */
async function written(): Promise<FaultyDisk> {
  const disk = new FaultyDisk();
  const metadata = await open(disk);
  await metadata.write(bytesOf("old and somewhat longer"));
  await metadata.write(bytesOf("new"));
  return disk;
}

describe("metadata", () => {
  it("A: never written: null", async () => {
    expect((await open(new FaultyDisk())).content).toBeNull();
  });

  it("B: second copy missing after the first write ever: no damage", async () => {
    const disk = new FaultyDisk();
    await (await open(disk)).write(bytesOf("first"));
    disk.lose(B);
    const metadata = await open(disk);
    expect(textOf(metadata.content)).toBe("first");
    expect(metadata.damagedCopy).toBe(false);
  });

  it("C: both whole: the newest content, also when it is empty or shorter", async () => {
    const disk = await written();
    const metadata = await open(disk);
    expect(textOf(metadata.content)).toBe("new");
    expect(metadata.damagedCopy).toBe(false);
    await metadata.write(new Uint8Array(0));
    expect((await open(disk)).content).toEqual(new Uint8Array(0));
  });

  it.each([
    ["a", A, B],
    ["b", B, A],
  ])(
    "D: copy %s damaged at any byte or length: nothing goes back, reported, healed",
    async (_, path, other) => {
      const disk = await written();
      const whole = disk.contents(path);
      const used = 28 + "new".length;
      for (let at = 0; at < used; at += 1) {
        disk.flip(path, at, 1 + (at % 255));
        const metadata = await open(disk);
        expect([textOf(metadata.content), metadata.damagedCopy]).toEqual(["new", true]);
        expect(disk.contents(path).slice(0, used)).toEqual(whole.slice(0, used));
        disk.cut(path, at);
        expect(textOf((await open(disk)).content)).toBe("new");
      }
      disk.lose(path);
      const metadata = await open(disk);
      expect([textOf(metadata.content), metadata.damagedCopy]).toEqual(["new", true]);
      disk.lose(other);
      expect(textOf((await open(disk)).content)).toBe("new");
    },
  );

  it("E: both damaged, or one damaged and one missing: refused", async () => {
    const disk = await written();
    disk.flip(A, 30);
    disk.flip(B, 30);
    await expect(open(disk)).rejects.toThrow(MetadataError);
    disk.lose(A);
    await expect(open(disk)).rejects.toThrow("both copies of facts");
  });

  it("another format version: refused", async () => {
    const disk = await written();
    const bytes = disk.contents(A);
    const view = new DataView(bytes.buffer);
    view.setUint32(8, 7);
    const end = 28 + view.getUint32(24);
    view.setUint32(12, crc32(bytes.subarray(16, end), crc32(bytes.subarray(8, 12))));
    disk.replace(A, bytes);
    await expect(open(disk)).rejects.toThrow("format version 7");
  });

  it("several writes at once: carried out in order", async () => {
    const disk = new FaultyDisk();
    const metadata = await open(disk);
    const content = bytesOf("0");
    const writes = ["1", "2", "3"].map((text) => {
      content.set(bytesOf(text));
      return metadata.write(content);
    });
    await Promise.all(writes);
    expect(textOf((await open(disk)).content)).toBe("3");
  });

  it("failed sync: this and all later writes reject, nothing is retried", async () => {
    const disk = new FaultyDisk();
    const metadata = await open(disk);
    await metadata.write(bytesOf("kept"));
    disk.fail({ operation: "sync", code: "EIO" });
    const first = metadata.write(bytesOf("lost"));
    const second = metadata.write(bytesOf("later"));
    await expect(first).rejects.toThrow("EIO");
    await expect(second).rejects.toThrow("EIO");
    const before = disk.operations;
    await expect(metadata.write(bytesOf("again"))).rejects.toThrow("EIO");
    expect(disk.operations).toBe(before);
    expect(textOf(metadata.content)).toBe("kept");
  });
});
