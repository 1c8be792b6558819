/** When transactions that begin with a query are taken for ones that ask short queries only. */
import { expect, test } from "vitest";
import { QueryHabits } from "../../../src/node/query-habits.ts";

const TEXT = "SELECT v FROM t WHERE id = ?1";

function after(habits: QueryHabits, runs: number): boolean {
  for (let left = runs; left > 0; left -= 1) habits.stayedShort(TEXT);
  return habits.staysShort(TEXT);
}

test("after three that did, and after twenty if one did not", () => {
  const habits = new QueryHabits();
  expect(habits.staysShort(TEXT)).toBe(false);
  expect(after(habits, 2)).toBe(false);
  expect(after(habits, 1)).toBe(true);
  expect(after(habits, 100)).toBe(true);
  habits.metLong(TEXT);
  expect(after(habits, 19)).toBe(false);
  expect(after(habits, 1)).toBe(true);
});

test("so many texts are remembered as were noted last, and no giant ones", () => {
  const habits = new QueryHabits();
  expect(after(habits, 3)).toBe(true);
  for (let text = 0; text < 1_000; text += 1) habits.stayedShort(`${text}`);
  expect(habits.staysShort(TEXT)).toBe(false);
  const giant = "x".repeat(5_000);
  for (let run = 0; run < 3; run += 1) habits.stayedShort(giant);
  expect(habits.staysShort(giant)).toBe(false);
});
