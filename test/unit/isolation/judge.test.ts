/** The judge of isolation cases: PostgreSQL's own performances pass, and each anomaly is noticed. */
import { describe, expect, test } from "vitest";
import { ALL_CASES } from "../../isolation/cases/all-cases.ts";
import { type IsolationCase, type Performance, stepsOf } from "../../isolation/isolation-case.ts";
import { readPage, renderPage } from "../../isolation/isolation-page.ts";
import { serializationProblems } from "../../isolation/judge.ts";
import { answersTo, readPostgresAnswers } from "../../isolation/postgres-answers.ts";
import { serialOrders } from "../../isolation/serial-answers.ts";

const recorded = readPostgresAnswers();

function caseNamed(name: string): IsolationCase {
  const found = ALL_CASES.find((story) => story.name === name);
  if (found === undefined) throw new Error(`there is no case "${name}"`);
  return found;
}

/** A performance with these outcomes, BEGIN and COMMIT written as they are. */
function performance(story: IsolationCase, final: string, ...others: string[]): Performance {
  const rest = others.values();
  const answers = stepsOf(story).map(({ statement }) => {
    const isPlain = /^(BEGIN|COMMIT|ROLLBACK)$/.test(statement);
    return { outcome: isPlain ? statement : (rest.next().value ?? "missing"), waited: false };
  });
  return { answers, final };
}

function problems(story: IsolationCase, seen: Performance): readonly string[] {
  return serializationProblems(story, seen, answersTo(story, recorded).serial);
}

test("the cases have different names, and letters that are told how they end", () => {
  expect(new Set(ALL_CASES.map(({ name }) => name)).size).toBe(ALL_CASES.length);
  for (const story of ALL_CASES) {
    const letters = new Set(stepsOf(story).map(({ letter }) => letter));
    expect(Object.keys(story.synod).toSorted()).toEqual([...letters].toSorted());
  }
});

test("docs/isolation.md has the tables that the cases and the recorded answers give", () => {
  const page = readPage();
  expect(page).toBe(renderPage(page, recorded));
});

/** PostgreSQL reports this race over its own catalogs as 23505, which no order of the two gives. */
const OWN_CATALOGS = "one table created twice";

test.each(ALL_CASES.filter(({ name }) => name !== OWN_CATALOGS))(
  "PostgreSQL's own performance is serializable: $name",
  (story) => {
    expect(problems(story, answersTo(story, recorded).concurrent)).toEqual([]);
  },
);

describe("anomalies are noticed", () => {
  test("write skew: both see two on call, both leave", () => {
    const story = caseNamed("doctors on call");
    const seen = performance(story, "(alice, f) (bob, f)", "(2)", "(2)", "UPDATE 1", "UPDATE 1");
    expect(problems(story, seen)).toEqual(["no order of a, b explains what they saw and left"]);
  });

  test("lost update: the second writer had read the old value", () => {
    const story = caseNamed("lost update");
    const seen = performance(story, "(1, 12) (2, 20)", "(10)", "(10)", "UPDATE 1", "UPDATE 1");
    expect(problems(story, seen)).toHaveLength(1);
  });

  test("lost write: everybody was answered as in a serial order, but the state is another", () => {
    const story = caseNamed("two increments that show nothing");
    expect(problems(story, performance(story, "(1, 12) (2, 20)", "UPDATE 1", "UPDATE 1"))).toEqual(
      [],
    );
    expect(
      problems(story, performance(story, "(1, 11) (2, 20)", "UPDATE 1", "UPDATE 1")),
    ).toHaveLength(1);
  });

  test("long fork: the readers see the two writes in different orders", () => {
    const story = caseNamed("long fork");
    const answers = ["UPDATE 1", "UPDATE 1", "(11)", "(22)", "(20)", "(10)"];
    const begun = performance(story, "(1, 11) (2, 22)", "BEGIN", "BEGIN", ...answers);
    expect(problems(story, begun)).toHaveLength(1);
  });

  test("stale read: a transaction that began after an answer does not see it", () => {
    const story = caseNamed("a reader begins after an answer and must see it");
    const fresh = performance(story, "(1, 11) (2, 20)", "UPDATE 1", "(11)", "(11)");
    const stale = performance(story, "(1, 11) (2, 20)", "UPDATE 1", "(10)", "(11)");
    expect(problems(story, fresh)).toEqual([]);
    expect(problems(story, stale)).toHaveLength(1);
  });

  test("dirty read of a transaction that fails later: it saw what never was", () => {
    const story = caseNamed("non-repeatable read by a writer");
    const torn = performance(story, "(1, 11) (2, 20)", "(10)", "UPDATE 1", "UPDATE 1", "(11)");
    const failed = torn.answers.map((answer, at) =>
      at === 5 ? { ...answer, outcome: "40001" } : answer,
    );
    expect(problems(story, { ...torn, answers: failed })).toEqual([
      "a did not commit and saw what never was",
    ]);
  });
});

test("an order does not turn around what ended before something else began", () => {
  const orders = serialOrders(caseNamed("a reader begins after an answer and must see it"));
  const names = orders.map((order) => order.join(""));
  expect(names).toContain("abc");
  expect(names).toContain("ac");
  expect(names).not.toContain("ba");
});
