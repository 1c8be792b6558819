/** What a session's time zone changes; the answers are those of PostgreSQL 15. */
import { describe, expect, it } from "vitest";
import { loadParser } from "../../../src/sql/parse.ts";
import { SqliteHarness } from "../../support/sqlite-harness.ts";

await loadParser();

/** 02:00 in July is 22:00 of the day before in New York, four hours behind. */
const MOMENT = "timestamptz '2020-07-01 02:00+00'";

function inNewYork(): SqliteHarness {
  const harness = new SqliteHarness();
  harness.timeZone = "America/New_York";
  return harness;
}

describe("expressions in a session whose zone is not UTC", () => {
  it.each([
    [`${MOMENT}::date`, "2020-06-30"],
    [`${MOMENT}::timestamp`, "2020-06-30 22:00:00"],
    [`${MOMENT}::time`, "22:00:00"],
    [`${MOMENT}::text`, "2020-06-30 22:00:00-04"],
    [`concat(${MOMENT})`, "2020-06-30 22:00:00-04"],
    [`extract(hour FROM ${MOMENT})`, "22"],
    [`extract(timezone FROM ${MOMENT})`, "-14400"],
    [`extract(epoch FROM ${MOMENT})`, "1593568800.000000"],
    [`date_trunc('day', ${MOMENT})`, "2020-06-30 00:00:00-04"],
    [`to_char(${MOMENT}, 'DD HH24')`, "30 22"],
    ["'2020-01-01'::timestamptz", "2020-01-01 00:00:00-05"],
    ["'2020-01-01 00:00+00'::timestamptz", "2019-12-31 19:00:00-05"],
    ["('2020-01' || '-01')::timestamptz", "2020-01-01 00:00:00-05"],
    ["timestamp '2020-07-01 00:00'::timestamptz", "2020-07-01 00:00:00-04"],
    ["timestamptz '2020-03-07 12:00' + interval '1 day'", "2020-03-08 12:00:00-04"],
    ["timestamptz '2020-03-07 12:00' + interval '24 hours'", "2020-03-08 13:00:00-04"],
    [`timestamp '2020-06-30 22:00' = ${MOMENT}`, "t"],
    ["'today'::timestamptz", "2024-02-29 00:00:00-05"],
    ["localtime", "07:34:56.789012"],
  ])("%s is %s", (expression, expected) => {
    expect(inNewYork().texts(`SELECT ${expression}`)).toEqual([[expected]]);
  });

  it("rows of moments: refused, for their steps depend on the zone", () => {
    const query = `SELECT * FROM generate_series(${MOMENT}, ${MOMENT}, '1 day')`;
    expect(() => inNewYork().texts(query)).toThrow(/time zone other than UTC/);
  });

  it("an index over the date of a moment: refused, as it is not immutable", () => {
    const harness = inNewYork();
    harness.script("CREATE TABLE t (at timestamptz)");
    expect(() => harness.run("CREATE INDEX ON t ((at::date))")).toThrow(/IMMUTABLE/);
  });
});
