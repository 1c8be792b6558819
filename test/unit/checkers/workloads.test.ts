/** Goal: each checker of a workload accepts what is right and names what is wrong. */
import { describe, expect, test } from "vitest";
import type { History, Operation, Verdict } from "../../checkers/history.ts";
import { type BankInput, type BankOutput, checkBank } from "../../checkers/workloads/bank.ts";
import {
  checkExactlyOnce,
  type LedgerInput,
  type LedgerOutput,
} from "../../checkers/workloads/exactly-once.ts";
import {
  checkLongFork,
  type LongForkInput,
  type LongForkOutput,
} from "../../checkers/workloads/long-fork.ts";
import {
  checkMonotonicReads,
  type VersionInput,
  type VersionOutput,
} from "../../checkers/workloads/monotonic-reads.ts";
import {
  checkOnCall,
  type OnCallInput,
  type OnCallOutput,
} from "../../checkers/workloads/on-call.ts";
import { checkRing, type RingInput, type RingOutput } from "../../checkers/workloads/ring.ts";
import {
  checkSerialIds,
  type SerialInput,
  type SerialOutput,
} from "../../checkers/workloads/serial-ids.ts";
import {
  checkSetFull,
  type SetFullInput,
  type SetFullOutput,
} from "../../checkers/workloads/set-full.ts";

type Times = readonly [invokedAt: number, completedAt: number];

/** Of process 1; an output of null is an unknown outcome, "failed" a failed one. */
function operation<Input, Output>(
  [invokedAt, until]: Times,
  input: Input,
  output: Output | null | "failed",
  process = 1,
): Operation<Input, Output> {
  const outcome = output === null ? "unknown" : output === "failed" ? "failed" : "ok";
  const completedAt = outcome === "unknown" ? Infinity : until;
  const answer = output === "failed" ? null : output;
  return { process, node: "n1", input, output: answer, outcome, invokedAt, completedAt };
}

const nameOf = (verdict: Verdict): string =>
  verdict.kind === "invalid" ? verdict.anomaly : verdict.kind;

describe("a set that is read as a whole", () => {
  const add = (times: Times, element: number, outcome: "ok" | "failed" | "unknown" = "ok") =>
    operation<SetFullInput, SetFullOutput>(
      times,
      { kind: "add", element },
      outcome === "ok" ? [] : outcome === "failed" ? "failed" : null,
    );
  const read = (times: Times, elements: SetFullOutput) =>
    operation<SetFullInput, SetFullOutput>(times, { kind: "read" }, elements);

  test("keeps what was acknowledged, and counts what appeared without", () => {
    const report = checkSetFull([
      add([0, 1], 1),
      add([0, 1], 2, "unknown"),
      add([0, 1], 3, "unknown"),
      add([0, 1], 4, "failed"),
      read([2, 3], [1]),
      add([2, 9], 5),
      read([4, 5], [5, 2, 1]),
    ]);
    expect(report).toEqual({
      verdict: { kind: "valid" },
      acknowledged: 2,
      appeared: 1,
      absent: 1,
    });
  });

  test.each<readonly [string, History<SetFullInput, SetFullOutput>]>([
    ["lost", [add([0, 1], 1), read([2, 3], [])]],
    ["lost", [add([0, 1], 1), read([2, 3], [1]), read([4, 5], [])]],
    ["lost", [add([0, 1], 1, "unknown"), read([2, 3], [1]), read([4, 5], [])]],
    ["stale", [add([0, 1], 1), read([2, 3], []), read([4, 5], [1])]],
    ["duplicated", [add([0, 1], 1), read([2, 3], [1, 1])]],
    ["undone", [add([0, 1], 1, "failed"), read([2, 3], [1])]],
    ["unexpected", [add([0, 1], 1), read([2, 3], [1, 7])]],
    ["unexpected", [read([0, 1], [1]), add([2, 3], 1)]],
  ])("is found %s", (anomaly, history) => {
    expect(nameOf(checkSetFull(history).verdict)).toBe(anomaly);
  });
});

describe("a bank", () => {
  const read = (balances: BankOutput) =>
    operation<BankInput, BankOutput>([0, 1], { kind: "read" }, balances);
  const check = (history: History<BankInput, BankOutput>): string =>
    nameOf(checkBank(history, { total: 100, overdraft: "forbidden" }));

  test("has the same total whatever accounts there are", () => {
    const transfer = { kind: "transfer", from: "a", to: "c", amount: 60 } as const;
    expect(
      check([
        read({ a: 60, b: 40 }),
        operation<BankInput, BankOutput>([2, 3], transfer, null),
        read({ b: 40, c: 60 }),
      ]),
    ).toBe("valid");
  });

  test("is found with money made, lost, or owed", () => {
    expect(check([read({ a: 60, b: 41 })])).toBe("wrong-total");
    expect(check([read({ a: 60 })])).toBe("wrong-total");
    expect(check([read({ a: 101, b: -1 })])).toBe("negative-balance");
    const owed = [read({ a: 101, b: -1 })];
    expect(nameOf(checkBank(owed, { total: 100, overdraft: "allowed" }))).toBe("valid");
  });
});

describe("a ledger", () => {
  const add = (times: Times, id: string, outcome: "ok" | "failed" | "unknown" = "ok") =>
    operation<LedgerInput, LedgerOutput>(
      times,
      { kind: "add", id, amount: 5 },
      outcome === "ok" ? { entries: [], counter: 0 } : outcome === "failed" ? "failed" : null,
    );
  const read = (ids: readonly string[], counter = ids.length * 5, amount = 5) =>
    operation<LedgerInput, LedgerOutput>(
      [10, 11],
      { kind: "read" },
      { entries: ids.map((id) => ({ id, amount })), counter },
    );

  test("has each acknowledged entry once, an unknown one once or never, a failed one never", () => {
    const adds = [add([0, 1], "a"), add([0, 1], "b", "unknown"), add([0, 1], "c", "failed")];
    const late = add([9, 12], "d");
    for (const ids of [["a"], ["b", "a"], ["a", "d"]]) {
      expect(checkExactlyOnce([...adds, late, read(ids)])).toEqual({ kind: "valid" });
    }
  });

  test.each<readonly [string, History<LedgerInput, LedgerOutput>]>([
    ["doubled", [add([0, 1], "a"), read(["a", "a"])]],
    ["doubled", [add([0, 1], "a", "unknown"), read(["a", "a"])]],
    ["lost", [add([0, 1], "a"), read([])]],
    ["undone", [add([0, 1], "a", "failed"), read(["a"])]],
    ["unexpected", [read(["a"])]],
    ["wrong-sum", [add([0, 1], "a"), read(["a"], 10)]],
    ["wrong-amount", [add([0, 1], "a"), read(["a"], 6, 6)]],
  ])("is found %s", (anomaly, history) => {
    expect(nameOf(checkExactlyOnce(history))).toBe(anomaly);
  });
});

describe("a ring of three rows", () => {
  const check = (pairs: RingOutput): string =>
    nameOf(checkRing([operation<RingInput, RingOutput>([0, 1], { kind: "read" }, pairs)], 3));
  const ring: RingOutput = [
    [1, 2],
    [2, 3],
    [3, 1],
  ];

  test("is a ring in any order and direction", () => {
    expect(check(ring)).toBe("valid");
    expect(check(ring.map(([row, next]) => [next, row] as const))).toBe("valid");
  });

  test.each<readonly [string, RingOutput]>([
    [
      "a row is gone",
      [
        [1, 2],
        [2, 1],
      ],
    ],
    [
      "a row is there twice",
      [
        [1, 2],
        [2, 3],
        [2, 3],
      ],
    ],
    [
      "two rows name one",
      [
        [1, 2],
        [2, 3],
        [3, 2],
      ],
    ],
    [
      "a row is alone",
      [
        [1, 1],
        [2, 3],
        [3, 2],
      ],
    ],
    [
      "a row leads out",
      [
        [1, 2],
        [2, 4],
        [3, 1],
      ],
    ],
    ["there are none", []],
  ])("is found broken when %s", (_, pairs) => {
    expect(check(pairs)).toBe("broken-ring");
  });
});

describe("groups of keys that are written once", () => {
  const read = (group: string, keys: LongForkOutput) =>
    operation<LongForkInput, LongForkOutput>([0, 9], { kind: "read", group }, keys);

  test("are read as prefixes of one order, each group for itself", () => {
    const reads = [read("g", []), read("g", ["b", "a"]), read("g", ["a"]), read("h", ["b"])];
    expect(checkLongFork(reads)).toEqual({ kind: "valid" });
  });

  test("are found forked when two reads each miss what the other shows", () => {
    const forked = [read("g", ["a"]), read("g", []), read("g", ["a", "b"]), read("g", ["c"])];
    expect(nameOf(checkLongFork(forked))).toBe("long-fork");
    expect(nameOf(checkLongFork([read("g", ["a"]), read("g", ["b", "c", "d"])]))).toBe("long-fork");
  });
});

describe("duties of which one may be left if the other is there", () => {
  const change = (times: Times, there: number | null | "failed") =>
    operation<OnCallInput, OnCallOutput>(times, { kind: "change", duty: "1" }, there);

  test("always have somebody", () => {
    const history = [change([1, 2], 2), change([3, 4], 1), change([5, 6], "failed")];
    expect(checkOnCall([...history, change([7, 8], null)])).toEqual({ kind: "valid" });
  });

  test("are found with nobody", () => {
    expect(nameOf(checkOnCall([change([1, 4], 2), change([5, 6], 0)]))).toBe("nobody-on-call");
  });
});

describe("versions that a session sees", () => {
  const done = (at: number, kind: "read" | "write", version: number | null, process = 1) =>
    operation<VersionInput, VersionOutput>([at, at + 1], { kind, key: "x" }, version, process);

  test("never get older within it, but may between sessions", () => {
    const history = [
      done(0, "read", 3),
      done(2, "read", 3),
      done(4, "write", null),
      done(6, "read", 5),
      done(8, "read", 2, 2),
    ];
    expect(checkMonotonicReads(history)).toEqual({ kind: "valid" });
  });

  test("are found to go back after a read or after an own write", () => {
    const afterRead = [done(0, "read", 3), done(2, "read", 2)];
    expect(nameOf(checkMonotonicReads(afterRead))).toBe("non-monotonic");
    const afterWrite = [done(0, "write", 3), done(2, "read", 2)];
    expect(nameOf(checkMonotonicReads(afterWrite))).toBe("own-write-missed");
  });
});

describe("ids that the database gives out", () => {
  const insert = (times: Times, id: number | null, process = 1) =>
    operation<SerialInput, SerialOutput>(
      times,
      { kind: "insert" },
      id === null ? null : [id],
      process,
    );
  const read = (ids: SerialOutput) =>
    operation<SerialInput, SerialOutput>([10, 11], { kind: "read" }, ids);

  test("are unique and grow as promised, with gaps", () => {
    const history = [
      insert([0, 1], 1),
      insert([2, 3], null),
      insert([2, 6], 5, 2),
      insert([4, 5], 4, 3),
      read([1, 4, 5, 2]),
    ];
    expect(checkSerialIds(history, "in real time")).toEqual({ kind: "valid" });
  });

  test("may be out of order where nothing else is promised", () => {
    const other = [insert([0, 1], 2), insert([2, 3], 1, 2)];
    expect(nameOf(checkSerialIds(other, "unique only"))).toBe("valid");
    expect(nameOf(checkSerialIds(other, "per session"))).toBe("valid");
    expect(nameOf(checkSerialIds(other, "in real time"))).toBe("not-growing");
    const same = [insert([0, 1], 2), insert([2, 3], 1)];
    expect(nameOf(checkSerialIds(same, "unique only"))).toBe("valid");
    expect(nameOf(checkSerialIds(same, "per session"))).toBe("not-growing");
  });

  test("are found given twice, doubled in the table, or lost", () => {
    const twice = [insert([0, 1], 1), insert([2, 3], 1, 2)];
    expect(nameOf(checkSerialIds(twice, "unique only"))).toBe("given-twice");
    const doubled = [insert([0, 1], 1), read([1, 1])];
    expect(nameOf(checkSerialIds(doubled, "unique only"))).toBe("doubled");
    expect(nameOf(checkSerialIds([insert([0, 1], 1), read([])], "unique only"))).toBe("lost");
  });
});
