import { expect, test } from "vitest";
import { type Mark, missingMarks, tally, undeclared } from "../../simulator/marks.ts";

const MARKS: readonly Mark[] = [
  { name: "loss", leastPer10000: 2000 },
  { name: "helix", leastPer10000: 30 },
];

test("a mark that too few runs met is missing", () => {
  const counts = new Map([
    ["loss", 199],
    ["helix", 0],
  ]);
  expect(missingMarks(MARKS, counts, 1000)).toEqual([{ name: "loss", met: 199, least: 200 }]);
  expect(missingMarks(MARKS, counts.set("loss", 200), 1000)).toEqual([]);
});

test("a mark is judged from twenty expected runs on, and then a zero is red", () => {
  const counts = new Map([["loss", 10_000]]);
  expect(missingMarks(MARKS, counts, 6000)).toEqual([]);
  expect(missingMarks(MARKS, counts, 7000)).toEqual([{ name: "helix", met: 0, least: 21 }]);
});

test("runs are counted, not how often each met a mark", () => {
  const counts = new Map<string, number>();
  tally(counts, new Map([["loss", 900]]));
  tally(counts, new Map([["loss", 1]]));
  expect(counts).toEqual(new Map([["loss", 2]]));
});

test("what is counted without being declared is named", () => {
  expect(
    undeclared(
      MARKS,
      new Map([
        ["loss", 1],
        ["lost", 1],
      ]),
    ),
  ).toEqual(["lost"]);
});
