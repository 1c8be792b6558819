import { describe, expect, it } from "vitest";
import {
  chunkAt,
  chunkPositions,
  decodeManifest,
  encodeManifest,
  type Manifest,
  sha256,
  totalBytes,
} from "../../../snapshots/manifest.ts";
import { MalformedError } from "../../../src/base/bytes.ts";

const digest = (text: string): Uint8Array => sha256(new TextEncoder().encode(text));

const manifest: Manifest = {
  slot: 2 ** 53 - 1,
  ballot: { round: 7, node: 2 ** 32 - 1 },
  context: new Uint8Array([1, 2, 3]),
  chunkBytes: 100,
  files: [
    { name: "empty", bytes: 0, chunks: [] },
    { name: "main.db", bytes: 250, chunks: [digest("a"), digest("b"), digest("c")] },
    { name: "even.db", bytes: 200, chunks: [digest("d"), digest("e")] },
  ],
};

function plain(value: Manifest): unknown {
  return JSON.parse(
    JSON.stringify(value, (_, field: unknown) =>
      field instanceof Uint8Array ? [...field] : field,
    ),
  );
}

describe("manifest", () => {
  it("encoded and decoded: the same, also from a view with an offset", () => {
    const bytes = encodeManifest(manifest);
    const shifted = new Uint8Array(bytes.length + 5);
    shifted.set(bytes, 5);
    expect(plain(decodeManifest(shifted.subarray(5)))).toEqual(plain(manifest));
    expect(encodeManifest(decodeManifest(bytes))).toEqual(bytes);
  });

  it("any byte flipped, any length cut: refused", () => {
    const bytes = encodeManifest(manifest);
    for (let at = 0; at < bytes.length; at += 1) {
      const rotten = bytes.slice();
      rotten[at] = (bytes[at] ?? 0) ^ 0x10;
      expect(() => decodeManifest(rotten)).toThrow(MalformedError);
      expect(() => decodeManifest(bytes.subarray(0, at))).toThrow(MalformedError);
    }
  });

  it("another format version: refused by name", () => {
    const bytes = encodeManifest(manifest);
    new DataView(bytes.buffer).setUint32(8, 9);
    expect(() => decodeManifest(bytes)).toThrow("format version 9");
  });

  it.each(["../etc/passwd", "a/b", "", ".hidden", "manifest", "a\0b"])(
    "file name %j: neither encoded nor decoded",
    (name) => {
      const bad = { ...manifest, files: [{ name, bytes: 0, chunks: [] }] };
      expect(() => encodeManifest(bad)).toThrow("not a snapshot file name");
      const good = encodeManifest({
        ...bad,
        files: [{ name: "x".repeat(name.length || 1), bytes: 0, chunks: [] }],
      });
      const body = good.slice(44);
      const place = body.length - 8 - (name.length || 1);
      body.set(new TextEncoder().encode(name || "/"), place);
      const forged = good.slice();
      forged.set(sha256(body), 12);
      forged.set(body, 44);
      expect(() => decodeManifest(forged)).toThrow("file name is not allowed");
    },
  );

  it("chunks: the last one is shorter, none beyond the end", () => {
    expect([...chunkPositions(manifest)]).toHaveLength(5);
    expect(chunkAt(manifest, { file: 1, chunk: 2 })).toMatchObject({ offset: 200, bytes: 50 });
    expect(chunkAt(manifest, { file: 2, chunk: 1 })).toMatchObject({ offset: 100, bytes: 100 });
    expect(chunkAt(manifest, { file: 1, chunk: 3 })).toBeNull();
    expect(chunkAt(manifest, { file: 0, chunk: 0 })).toBeNull();
    expect(chunkAt(manifest, { file: 9, chunk: 0 })).toBeNull();
    expect(totalBytes(manifest)).toBe(450);
  });
});
