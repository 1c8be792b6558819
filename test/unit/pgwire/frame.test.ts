import { describe, expect, it } from "vitest";
import { FrameReader } from "../../../src/pgwire/frame.ts";
import { frontendLengthLimit } from "../../../src/pgwire/frontend.ts";

const LARGE_MAX = 1024 * 1024;
const limit = frontendLengthLimit(LARGE_MAX);

function message(type: string, length: number): Uint8Array {
  const bytes = Buffer.alloc(5);
  bytes.write(type);
  bytes.writeInt32BE(length, 1);
  return bytes;
}

const violation: Error = expect.objectContaining({ sqlState: "08P01" });

describe("FrameReader", () => {
  it.each([0, 1, 3, -1, -2_147_483_648, 2_147_483_647, LARGE_MAX + 1])(
    "a Query that announces %i bytes is refused before anything is kept for it",
    (length) => {
      const reader = new FrameReader();
      reader.push(message("Q", length));
      expect(() => reader.next(limit)).toThrow(violation);
    },
  );

  it("a Sync that announces more than 10,000 bytes is refused, a Query of that length is not", () => {
    const sync = new FrameReader();
    sync.push(message("S", 10_001));
    expect(() => sync.next(limit)).toThrow(violation);
    const query = new FrameReader();
    query.push(message("Q", 10_001));
    expect(query.next(limit)).toBeNull();
  });

  it("a type that does not exist is refused by its number", () => {
    const reader = new FrameReader();
    reader.push(message("G", 4));
    expect(() => reader.next(limit)).toThrow("invalid frontend message type 71");
  });

  it.each([0, 3, 4, 7, 10_001, 0x7fff_ffff])(
    "a startup packet of %i bytes is refused",
    (length) => {
      const reader = new FrameReader();
      const bytes = Buffer.alloc(4);
      bytes.writeInt32BE(length);
      reader.push(bytes);
      expect(() => reader.nextStartup()).toThrow("invalid length of startup packet");
    },
  );

  it("a message announced as long takes memory only as its bytes arrive", () => {
    const before = process.memoryUsage().arrayBuffers;
    const readers = Array.from({ length: 100 }, () => new FrameReader());
    for (const reader of readers) {
      reader.push(message("Q", LARGE_MAX));
      reader.push(Uint8Array.of(1, 2, 3));
      expect(reader.next(limit)).toBeNull();
    }
    const used = process.memoryUsage().arrayBuffers - before;
    expect(used).toBeLessThan((100 * LARGE_MAX) / 4);
  });

  it("a long message fed byte by byte arrives whole", () => {
    const reader = new FrameReader();
    const length = 100_000;
    reader.push(message("Q", length + 4));
    const body = Uint8Array.from({ length }, (_, at) => at & 0xff);
    const frames: unknown[] = [];
    for (const byte of body) {
      reader.push(Uint8Array.of(byte));
      const frame = reader.next(limit);
      if (frame !== null) frames.push(frame);
    }
    expect(frames).toEqual([{ type: 0x51, body }]);
    expect(reader.waitingBytes).toBe(0);
  });
});
