/** SET CONSTRAINTS says yes only where what it asks for is so. */
import { describe, expect, it } from "vitest";
import { SqlError } from "../../../src/sql/errors.ts";
import { loadParser } from "../../../src/sql/parse.ts";
import { SqliteHarness } from "../../support/sqlite-harness.ts";

await loadParser();

const PARENT = "CREATE TABLE p (id int PRIMARY KEY, n int CONSTRAINT positive CHECK (n > 0));";
const fixed = "CREATE TABLE f (p int CONSTRAINT fixed REFERENCES p);";
const late = "CREATE TABLE l (p int CONSTRAINT late REFERENCES p DEFERRABLE INITIALLY DEFERRED);";
const early = "CREATE TABLE e (p int CONSTRAINT early REFERENCES p DEFERRABLE);";

function answer(tables: string, text: string): string {
  const harness = new SqliteHarness();
  harness.script(PARENT + tables);
  try {
    expect(harness.translate(text)).toMatchObject({
      kind: "noEffect",
      onlyInBlock: "warned",
      tag: "SET CONSTRAINTS",
    });
    return "accepted";
  } catch (error) {
    if (error instanceof SqlError) return `${error.sqlState} ${error.message}`;
    throw error;
  }
}

describe.each([
  ["no deferrable constraint", fixed, true, true],
  ["constraints that are deferred anyway", fixed + late, true, false],
  ["constraints that could be deferred and are not", fixed + early, false, true],
  ["both", late + early, false, false],
])("a schema with %s", (_name, tables, takesDeferred, takesImmediate) => {
  it(`${takesDeferred ? "takes" : "refuses"} ALL DEFERRED`, () => {
    const refusal =
      '0A000 SET CONSTRAINTS … DEFERRED for "early", which is INITIALLY IMMEDIATE, is not supported';
    expect(answer(tables, "SET CONSTRAINTS ALL DEFERRED")).toBe(
      takesDeferred ? "accepted" : refusal,
    );
  });

  it(`${takesImmediate ? "takes" : "refuses"} ALL IMMEDIATE`, () => {
    const refusal =
      '0A000 SET CONSTRAINTS … IMMEDIATE for "late", which is INITIALLY DEFERRED, is not supported';
    expect(answer(tables, "SET CONSTRAINTS ALL IMMEDIATE")).toBe(
      takesImmediate ? "accepted" : refusal,
    );
  });
});

it.each([
  ["late DEFERRED", "accepted"],
  ["public.late DEFERRED", "accepted"],
  ["early IMMEDIATE", "accepted"],
  ["fixed IMMEDIATE", "accepted"],
  ["positive IMMEDIATE", "accepted"],
  ["early DEFERRED", "0A000"],
  ["late IMMEDIATE", "0A000"],
  ["late, early DEFERRED", "0A000"],
  ["fixed DEFERRED", '42809 constraint "fixed" is not deferrable'],
  ["p_pkey DEFERRED", '42809 constraint "p_pkey" is not deferrable'],
  ["nope IMMEDIATE", '42704 constraint "nope" does not exist'],
  ["other.late IMMEDIATE", '3F000 schema "other" does not exist'],
])("SET CONSTRAINTS %s: %s", (what, expected) => {
  const given = answer(fixed + late + early, `SET CONSTRAINTS ${what}`);
  expect(given.slice(0, expected.length)).toBe(expected);
});
