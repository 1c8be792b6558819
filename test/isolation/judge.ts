/**
 * Decides whether what the clients of a case saw is serializable, from the answers of PostgreSQL to
 * the same transactions one after the other. It does not ask who may fail: only that those which
 * committed fit into an order, that this order does not turn around what the clients saw end before
 * something else began, and that those which did not commit saw nothing that could not have been.
 */
import {
  endsOf,
  type IsolationCase,
  lettersOf,
  outcomesOf,
  type Performance,
  stepsOf,
} from "./isolation-case.ts";
import { orderName, precedes, type SerialAnswers } from "./serial-answers.ts";

/** Serialization failures and deadlocks: the transaction is to be tried again. */
const RETRY = /^40/;

/** What is wrong with a performance; empty if nothing is. */
export function serializationProblems(
  story: IsolationCase,
  performance: Performance,
  serial: SerialAnswers,
): readonly string[] {
  const steps = stepsOf(story);
  const ends = endsOf(steps, performance.answers);
  const letters = lettersOf(steps);
  const committed = letters.filter((letter) => ends[letter] === "commits");
  const outcomes = new Map(
    letters.map((letter) => [letter, outcomesOf(steps, performance.answers, letter)]),
  );
  const fits = (order: readonly string[]): boolean =>
    isAnsweredAs(outcomes.get(order.at(-1) ?? "") ?? [], serial[orderName(order)]?.outcomes);
  const problems: string[] = [];
  const orders = ordersOf(committed, fits).filter(({ length }) => length === committed.length);
  if (!orders.some((order) => serial[orderName(order)]?.final === performance.final)) {
    problems.push(`no order of ${committed.join(", ")} explains what they saw and left`);
  }
  for (const letter of letters) {
    if (ends[letter] === "commits") continue;
    const before = committed.filter((other) => !precedes(steps, letter, other));
    const needed = committed.filter((other) => precedes(steps, other, letter));
    const states = ordersOf(before, fits).filter((order) =>
      needed.every((other) => order.includes(other)),
    );
    if (!states.some((order) => fits([...order, letter]))) {
      problems.push(`${letter} did not commit and saw what never was`);
    }
  }
  return problems;
}

/** All orders of some or all of these letters in which each transaction is answered as it was. */
function ordersOf(
  letters: readonly string[],
  fits: (order: readonly string[]) => boolean,
): readonly (readonly string[])[] {
  const found: (readonly string[])[] = [[]];
  for (const order of found) {
    for (const letter of letters) {
      const longer = [...order, letter];
      if (!order.includes(letter) && fits(longer)) found.push(longer);
    }
  }
  return found;
}

/** Until the server said that the transaction is to be tried again. */
function isAnsweredAs(seen: readonly string[], expected: readonly string[] | undefined): boolean {
  if (expected === undefined) return false;
  const retryAt = seen.findIndex((outcome) => RETRY.test(outcome));
  const until = retryAt < 0 ? seen.length : retryAt;
  return seen.slice(0, until).every((outcome, at) => outcome === expected[at]);
}
