/** What a client writes must never become other SQL than it wrote. */
import { describe, expect, it } from "vitest";
import { loadParser } from "../../../src/sql/parse.ts";
import { SqliteHarness } from "../../support/sqlite-harness.ts";

await loadParser();

describe("the text that SQLite gets", () => {
  // Two minus signs begin a comment, and a line break within a string ends it: the rest of the
  // string would then be SQL of SQLite's, which reads what clients must not see.
  const REST = "'\n5.0), group_concat(name) FROM _synod_catalog --'";

  it.each([
    `SELECT -('-5'::float8), ${REST}`,
    `SELECT -('-5'::int4), ${REST}`,
    `SELECT -('-Infinity'::float8), ${REST}`,
    `SELECT 5 - '-5'::int4, ${REST}`,
    `SELECT date '2020-01-05' - '-1'::int4, ${REST}`,
    `SELECT -('-9223372036854775807'::int8), ${REST}`,
  ])("a negative number after a minus sign begins no comment: %s", (query) => {
    const [row] = new SqliteHarness().texts(query);
    expect(row).toHaveLength(2);
    expect(row?.[1]).toContain("_synod_catalog");
  });

  it("a string, an identifier or a comment that holds dashes: taken as it is", () => {
    const harness = new SqliteHarness();
    expect(harness.texts(`SELECT '--', '/*', 'it''s --' AS "a--b" -- end`)).toEqual([
      ["--", "/*", "it's --"],
    ]);
  });
});
