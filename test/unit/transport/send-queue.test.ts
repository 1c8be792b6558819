import { describe, expect, test } from "vitest";
import { type EncodedFrame, encodeFrame } from "../../../src/transport/frame.ts";
import { SendQueue } from "../../../src/transport/send-queue.ts";

function frame(mark: number, bodyBytes = 89): EncodedFrame {
  return encodeFrame(mark, [new Uint8Array(bodyBytes)]);
}

function drain(queue: SendQueue): number[] {
  const marks: number[] = [];
  for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
    marks.push(next.parts[0]?.[4] ?? -1);
  }
  return marks;
}

describe("send queue", () => {
  test("within its bounds, gives frames back in order", () => {
    const queue = new SendQueue(1000, 10);
    queue.push(frame(1), "bulk");
    queue.push(frame(2), "control");
    expect(queue.bytes).toBe(200);
    expect(drain(queue)).toEqual([1, 2]);
    expect(queue.bytes).toBe(0);
    expect(queue.dropped).toBe(0);
  });

  test("over its bytes, drops the oldest bulk frame and keeps control", () => {
    const queue = new SendQueue(350, 10);
    queue.push(frame(1), "control");
    queue.push(frame(2), "bulk");
    queue.push(frame(3), "bulk");
    queue.push(frame(4), "bulk");
    expect(queue.dropped).toBe(1);
    expect(drain(queue)).toEqual([1, 3, 4]);
  });

  test("over its frames with control alone, drops the oldest", () => {
    const queue = new SendQueue(10_000, 2);
    for (const mark of [1, 2, 3]) queue.push(frame(mark), "control");
    expect(drain(queue)).toEqual([2, 3]);
    expect(queue.dropped).toBe(1);
  });

  test("a frame larger than the queue is dropped alone", () => {
    const queue = new SendQueue(350, 10);
    queue.push(frame(1), "control");
    queue.push(frame(2, 5000), "bulk");
    expect(drain(queue)).toEqual([1]);
  });
});
