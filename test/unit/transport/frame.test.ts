import { describe, expect, test } from "vitest";
import { MalformedError } from "../../../src/base/bytes.ts";
import {
  encodeFrame,
  FRAME_HEADER_BYTES,
  type Frame,
  FrameDecoder,
} from "../../../src/transport/frame.ts";

function bytesOf(...frames: { parts: readonly Uint8Array[] }[]): Uint8Array {
  return new Uint8Array(Buffer.concat(frames.flatMap((frame) => [...frame.parts])));
}

const frames = [
  encodeFrame(20, [new Uint8Array([1, 2]), new Uint8Array([3])]),
  encodeFrame(21, []),
  encodeFrame(22, [new Uint8Array(300).fill(7)]),
];
const bodies = [[1, 2, 3], [], [...new Uint8Array(300).fill(7)]];

function summary(decoded: readonly Frame[]) {
  return decoded.map((frame) => [frame.type, [...frame.body]]);
}

const expected = bodies.map((body, at) => [20 + at, body]);

describe("frame decoder", () => {
  test("given all frames in one piece, yields each", () => {
    const decoder = new FrameDecoder(1000);
    expect(summary([...decoder.push(bytesOf(...frames))])).toEqual(expected);
    expect(decoder.inFrame).toBe(false);
  });

  test("given single bytes, yields each frame with its last byte", () => {
    const decoder = new FrameDecoder(1000);
    const decoded: Frame[] = [];
    for (const byte of bytesOf(...frames)) {
      decoded.push(...decoder.push(new Uint8Array([byte])));
    }
    expect(summary(decoded)).toEqual(expected);
  });

  test("given two pieces, yields the same for every split point", () => {
    const bytes = bytesOf(...frames);
    for (let at = 0; at <= bytes.length; at += 1) {
      const decoder = new FrameDecoder(1000);
      const decoded = [...decoder.push(bytes.subarray(0, at)), ...decoder.push(bytes.subarray(at))];
      expect(summary(decoded)).toEqual(expected);
    }
  });

  test("given a view with a byte offset, reads the view and not its buffer", () => {
    const bytes = bytesOf(...frames);
    const wide = new Uint8Array(bytes.length + 20);
    wide.set(bytes, 13);
    const view = wide.subarray(13, 13 + bytes.length);
    expect(summary([...new FrameDecoder(1000).push(view)])).toEqual(expected);
  });

  test("given a Buffer, yields plain bytes whose slice copies", () => {
    const [frame] = [...new FrameDecoder(1000).push(Buffer.from(bytesOf(...frames)))];
    expect(frame?.body).not.toBeInstanceOf(Buffer);
  });

  test("a length above the bound is refused when the header is in, before any body", () => {
    const header = bytesOf(encodeFrame(20, [new Uint8Array(1001)])).subarray(0, FRAME_HEADER_BYTES);
    const decoder = new FrameDecoder(1000);
    expect(() => [...decoder.push(header)]).toThrow(MalformedError);
  });

  test("a length of 2^32 - 1 is refused without allocating it", () => {
    const header = new Uint8Array(FRAME_HEADER_BYTES).fill(0xff);
    expect(() => [...new FrameDecoder(1000).push(header)]).toThrow("at most 1000 are allowed");
  });

  test("a bound that is raised between two frames holds for the second of the same piece", () => {
    const bytes = bytesOf(encodeFrame(1, []), encodeFrame(22, [new Uint8Array(300)]));
    const decoder = new FrameDecoder(10);
    const decoded: number[] = [];
    for (const frame of decoder.push(bytes)) {
      decoded.push(frame.body.length);
      decoder.allow(1000);
    }
    expect(decoded).toEqual([0, 300]);
  });

  test("any flipped bit behind the length is refused", () => {
    const bytes = bytesOf(encodeFrame(20, [new Uint8Array([1, 2, 3, 4])]));
    for (let bit = 4 * 8; bit < bytes.length * 8; bit += 1) {
      const flipped = bytes.slice();
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(() => [...new FrameDecoder(1000).push(flipped)]).toThrow(MalformedError);
    }
  });
});
