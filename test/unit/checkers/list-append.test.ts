import { expect, test } from "vitest";
import { checkListAppend, listAppendReport } from "../../checkers/list-append/check.ts";
import type { Step, Transaction } from "../../checkers/list-append/transaction.ts";

const append = (key: string, value: number): Step => ({ kind: "append", key, value });
const read = (key: string): Step => ({ kind: "read", key });

function transaction(
  at: readonly [number, number],
  input: readonly Step[],
  output: readonly (readonly number[] | null)[],
): Transaction {
  const [invokedAt, completedAt] = at;
  return { process: invokedAt, node: "n1", input, output, outcome: "ok", invokedAt, completedAt };
}

test("two transactions that each miss what the other appended are explained step by step", () => {
  const history = [
    transaction([0, 10], [read("x"), append("y", 1)], [[], null]),
    transaction([1, 11], [read("y"), append("x", 2)], [[], null]),
    transaction([12, 13], [read("x"), read("y")], [[2], [1]]),
  ];
  expect(listAppendReport(history)).toEqual({
    kind: "checked",
    refuted: expect.arrayContaining(["repeatable-read", "serializable", "strong-serializable"]),
    anomalies: [expect.objectContaining({ name: "G2-item" })],
  });
  expect(checkListAppend(history, "snapshot-isolation")).toEqual({ kind: "valid" });
  expect(checkListAppend(history, "serializable")).toEqual({
    kind: "invalid",
    anomaly: "G2-item",
    explanation: [
      "G2-item: each of these must come before the next, in a circle",
      "  T0 [0..10] process 0 at n1: read x [], append y 1",
      "  T1 [1..11] process 1 at n1: read y [], append x 2",
      "  T0 -> T1 rw: T0 read x as [], to which T1 then appended 2",
      "  T1 -> T0 rw: T1 read y as [], to which T0 then appended 1",
    ].join("\n"),
  });
});

test("an acknowledged append that a later read misses is explained by the time between them", () => {
  const history = [
    transaction([0, 1], [append("x", 1)], [null]),
    transaction([2, 3], [read("x")], [[]]),
  ];
  expect(checkListAppend(history, "serializable")).toEqual({ kind: "valid" });
  expect(checkListAppend(history)).toMatchObject({
    anomaly: "G-single-realtime",
    explanation: expect.stringMatching(
      /T0 -> T1 realtime: completed at 1, before 2[^]*T1 -> T0 rw|T1 -> T0 rw[^]*T0 -> T1 realtime/,
    ),
  });
});

test("a value that a key got twice makes the history say nothing", () => {
  const history = [
    transaction([0, 1], [append("x", 1)], [null]),
    transaction([2, 3], [append("x", 1)], [null]),
  ];
  expect(checkListAppend(history)).toMatchObject({ kind: "undecided" });
});
