import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { MalformedError } from "../../../../src/base/bytes.ts";
import { NOOP, nodeId, slot } from "../../../../src/paxos/types.ts";
import { decodeMessage, encodeMessage } from "../../../../src/transport/codec/message-codec.ts";
import { type Frame, FrameDecoder } from "../../../../src/transport/frame.ts";
import type { PeerMessage } from "../../../../src/transport/peer-messages.ts";
import { anyMessage, messageArbitraries } from "./arbitraries.ts";

function frameOf(message: PeerMessage): Frame {
  const bytes = new Uint8Array(Buffer.concat([...encodeMessage(message).parts]));
  const [frame] = [...new FrameDecoder(1_000_000).push(bytes)];
  if (frame === undefined) throw new Error("no whole frame");
  return frame;
}

describe("message codec", () => {
  for (const [kind, arbitrary] of Object.entries(messageArbitraries)) {
    test(`${kind} comes back as it was`, () => {
      fc.assert(
        fc.property(arbitrary as fc.Arbitrary<PeerMessage>, (message) => {
          expect(decodeMessage(frameOf(message))).toEqual(message);
        }),
        { numRuns: 40 },
      );
    });
  }

  test("every message that is cut short is refused", () => {
    fc.assert(
      fc.property(anyMessage, fc.nat(), (message, seed) => {
        const frame = frameOf(message);
        fc.pre(frame.body.length > 0);
        const body = frame.body.subarray(0, seed % frame.body.length);
        expect(() => decodeMessage({ ...frame, body })).toThrow(MalformedError);
      }),
    );
  });

  test("every message with a byte too many is refused", () => {
    fc.assert(
      fc.property(anyMessage, (message) => {
        const frame = frameOf(message);
        const body = new Uint8Array([...frame.body, 0]);
        expect(() => decodeMessage({ ...frame, body })).toThrow(MalformedError);
      }),
    );
  });

  test("arbitrary bytes under any type give a message or MalformedError, nothing else", () => {
    fc.assert(
      fc.property(fc.nat({ max: 255 }), fc.uint8Array({ maxLength: 200 }), (type, body) => {
        expect(() => {
          try {
            decodeMessage({ type, group: 0, body });
          } catch (error) {
            if (!(error instanceof MalformedError)) throw error;
          }
        }).not.toThrow();
      }),
      { numRuns: 2000 },
    );
  });

  test("a list that claims more items than there are bytes is refused before it is built", () => {
    const frame = frameOf({ kind: "propose", commands: [] });
    const body = new Uint8Array([0xff, 0xff, 0xff, 0xff]);
    expect(() => decodeMessage({ ...frame, body })).toThrow("a list of 4294967295 items");
  });

  test("a large payload is not copied on its way into the frame", () => {
    const payload = new Uint8Array(5000).fill(3);
    const ballot = { round: 1, node: nodeId(1) };
    const frame = encodeMessage({
      kind: "accept",
      ballot,
      slot: slot(4),
      value: { kind: "batch", payload },
      chosenIndex: slot(3),
    });
    expect(frame.parts.some((part) => part === payload)).toBe(true);
  });

  test("a no-op that carries a payload is refused", () => {
    const ballot = { round: 1, node: nodeId(1) };
    const frame = frameOf({
      kind: "accept",
      ballot,
      slot: slot(4),
      value: NOOP,
      chosenIndex: slot(3),
    });
    const body = new Uint8Array([...frame.body, 9]);
    body[body.length - 2] = 1;
    expect(() => decodeMessage({ ...frame, body })).toThrow("a no-op with a payload");
  });
});
