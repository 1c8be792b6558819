import { describe, expect, test } from "vitest";
import type { History, Operation } from "../../checkers/history.ts";
import { checkLinearizability } from "../../checkers/linearizability.ts";
import {
  type CounterInput,
  type CounterOutput,
  counterModel,
} from "../../checkers/models/counter.ts";
import { type SetInput, type SetOutput, setModel } from "../../checkers/models/set.ts";

/** One after the other, unless `until` says how long an operation took. */
function operation<Input, Output>(
  at: number,
  input: Input,
  output: Output | null,
  until = at + 1,
): Operation<Input, Output> {
  const outcome = output === null ? "unknown" : "ok";
  const completedAt = output === null ? Infinity : until;
  return { process: at, node: "n1", input, output, outcome, invokedAt: at, completedAt };
}

describe("a counter", () => {
  const add = (amount: number): CounterInput => ({ kind: "add", key: "c", amount });
  const read: CounterInput = { kind: "read", key: "c" };
  const counted = (at: number, input: CounterInput, output: CounterOutput | null) =>
    operation(at, input, output);
  const check = (history: History<CounterInput, CounterOutput>): string =>
    checkLinearizability(history, counterModel).kind;

  test("counts what was added, and adds of unknown outcome at any later moment or never", () => {
    const history = [
      counted(0, add(5), { value: null }),
      counted(2, add(1), null),
      counted(4, read, { value: 5 }),
      counted(6, read, { value: 6 }),
      counted(8, add(2), { value: 8 }),
    ];
    expect(check(history)).toBe("valid");
  });

  test.each([
    ["counts an add twice", [counted(0, add(1), { value: 1 }), counted(2, read, { value: 2 })]],
    ["loses an add", [counted(0, add(1), { value: null }), counted(2, read, { value: 0 })]],
    [
      "goes back",
      [counted(0, add(1), null), counted(2, read, { value: 1 }), counted(4, read, { value: 0 })],
    ],
  ])("is refused when it %s", (_, history) => {
    expect(check(history)).toBe("invalid");
  });
});

describe("a set", () => {
  const ask = (kind: "add" | "remove", element: number): SetInput => ({ kind, key: "s", element });
  const read: SetInput = { kind: "read", key: "s" };
  const kept = (at: number, input: SetInput, output: SetOutput | null) =>
    operation(at, input, output);
  const check = (history: History<SetInput, SetOutput>): string =>
    checkLinearizability(history, setModel).kind;

  test("holds what was added and not removed since, in any order", () => {
    const history = [
      kept(0, ask("add", 3), []),
      kept(2, ask("add", 1), []),
      kept(4, read, [3, 1]),
      kept(6, ask("remove", 3), []),
      kept(8, read, [1]),
    ];
    expect(check(history)).toBe("valid");
  });

  test.each([
    ["loses an element", [kept(0, ask("add", 1), []), kept(2, read, [])]],
    ["shows one twice", [kept(0, ask("add", 1), []), kept(2, read, [1, 1])]],
    ["shows what nobody added", [kept(0, ask("add", 1), []), kept(2, read, [1, 2])]],
    [
      "shows one again that was removed",
      [kept(0, ask("add", 1), []), kept(2, ask("remove", 1), []), kept(4, read, [1])],
    ],
  ])("is refused when it %s", (_, history) => {
    expect(check(history)).toBe("invalid");
  });
});
