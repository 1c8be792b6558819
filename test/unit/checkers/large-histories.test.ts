/** Goal: the checkers stay near-linear. The full sizes are measured by `npm run checkers`. */
import { expect, test } from "vitest";
import { SeededRandom } from "../../../src/base/random.ts";
import { checkLinearizability } from "../../checkers/linearizability.ts";
import { checkListAppend } from "../../checkers/list-append/check.ts";
import { registerModel } from "../../checkers/models/register.ts";
import { largeListHistory, largeRegisterHistory } from "../../checkers/proof/large-histories.ts";

const SIZE = { operations: 20_000, processes: 20, unknownEvery: 200 };

test("20,000 register operations on 100 keys, some unknown, are decided; one wrong read is found", () => {
  const history = largeRegisterHistory(new SeededRandom(1), { ...SIZE, keys: 100 });
  expect(checkLinearizability(history, registerModel)).toEqual({ kind: "valid" });
  const last = history.findLastIndex(({ output }) => output?.kind === "read");
  const wrong = history.map((operation, at) =>
    at === last ? { ...operation, output: { kind: "read" as const, value: -1 } } : operation,
  );
  const verdict = checkLinearizability(wrong, registerModel);
  expect(verdict).toMatchObject({ kind: "invalid", anomaly: "not linearizable" });
  expect(verdict).toMatchObject({ explanation: expect.stringMatching(/read k\d+ -> -1/) });
});

test("20,000 transactions are valid; one that read a list without its end is found", () => {
  const history = largeListHistory(new SeededRandom(2), { ...SIZE, keys: 8 });
  expect(checkListAppend(history)).toEqual({ kind: "valid" });
  const at = history.findLastIndex(({ output }) =>
    output?.some((list) => (list?.length ?? 0) > 40),
  );
  const wrong = history.map((transaction, index) =>
    index === at
      ? {
          ...transaction,
          output: transaction.output?.map((list) => list?.slice(0, 3) ?? null) ?? null,
        }
      : transaction,
  );
  expect(checkListAppend(wrong)).toMatchObject({ kind: "invalid" });
});

test("a search that runs out of time or memory is undecided, never valid", () => {
  const history = largeRegisterHistory(new SeededRandom(3), { ...SIZE, keys: 1 });
  expect(checkLinearizability(history, registerModel, { timeLimitMs: -1 })).toMatchObject({
    kind: "undecided",
    reason: expect.stringContaining("time ran out"),
  });
  expect(checkLinearizability(history, registerModel, { visitedMax: 10 })).toMatchObject({
    kind: "undecided",
    reason: expect.stringContaining("memory ran out"),
  });
});
