/** When a node takes a snapshot by itself. */
import { expect, test } from "vitest";
import { isSnapshotDue } from "../../../src/node/snapshot-due.ts";
import { nodeId } from "../../../src/paxos/types.ts";

const MIB = 1024 * 1024;
const limits = { entriesMax: 10_000, bytesMax: 64 * MIB };

test.each([
  ["a small one, after so many entries", [10_000, 1, MIB], true],
  ["not before", [9_999, 63 * MIB, MIB], false],
  ["after so many bytes of log", [10, 64 * MIB, 900 * MIB], true],
  ["the first, whose size nobody knows", [10_000, 1, 0], true],
  ["a large one not yet, while the log is small beside it", [10_000, 41 * MIB, 100 * MIB], false],
  ["a large one, when the log is half of it", [10_000, 42 * MIB, 100 * MIB], true],
  ["any, when the log has got long over several starts", [100_000, 1, 900 * MIB], true],
])("%s", (_name, [entries = 0, bytes = 0, snapshotBytes = 0], isDue) => {
  expect(isSnapshotDue({ entries, bytes, snapshotBytes, node: nodeId(4) }, limits)).toBe(isDue);
});

test("three nodes that hold the same do not copy a large one at the same time", () => {
  const isDueAt = (node: number, entries: number, bytes: number, snapshotBytes: number) =>
    isSnapshotDue({ entries, bytes, snapshotBytes, node: nodeId(node) }, limits);
  const dueAfter = (node: number, snapshotBytes: number) => {
    for (let entries = 0; ; entries += 100) {
      if (isDueAt(node, entries, entries * 4096, snapshotBytes)) return entries;
    }
  };
  const large = [1, 2, 3].map((node) => dueAfter(node, 100 * MIB));
  expect(new Set(large).size).toBe(3);
  const huge = [1, 2, 3].map((node) => dueAfter(node, 900 * MIB));
  expect(new Set(huge).size).toBe(3);
  expect(Math.max(...huge) * 4096).toBeLessThanOrEqual(64 * MIB);
  expect(new Set([1, 2, 3].map((node) => dueAfter(node, MIB))).size).toBe(1);
});
