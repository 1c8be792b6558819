/** What PostgreSQL says of numbers that leave the range of their type, word for word. */
import { describe, expect, it } from "vitest";
import { SqlError } from "../../../src/sql/errors.ts";
import { loadParser } from "../../../src/sql/parse.ts";
import { SqliteHarness } from "../../support/sqlite-harness.ts";

await loadParser();
const harness = new SqliteHarness();
harness.script("CREATE TABLE measure (big float8, small float4, object oid)");

const FAILURES: readonly (readonly [statement: string, message: string])[] = [
  [
    "INSERT INTO measure (big) VALUES (1e310)",
    `"1${"0".repeat(310)}" is out of range for type double precision`,
  ],
  [
    "INSERT INTO measure (big) VALUES (-1e310)",
    `"-1${"0".repeat(310)}" is out of range for type double precision`,
  ],
  [
    "INSERT INTO measure (small) VALUES (1e39)",
    `"1${"0".repeat(39)}" is out of range for type real`,
  ],
  ["SELECT 1e-50::float4", `"0.${"0".repeat(49)}1" is out of range for type real`],
  ["INSERT INTO measure (small) VALUES (1e39::float8)", "value out of range: overflow"],
  ["SELECT 1e-46::float8::float4", "value out of range: underflow"],
  ["SELECT 1e308::float8 * 10", "value out of range: overflow"],
  ["SELECT 1e-308::float8 * 1e-308::float8", "value out of range: underflow"],
  ["SELECT 3e38::float4 + 3e38::float4", "value out of range: overflow"],
  ["SELECT exp(-1000::float8)", "value out of range: underflow"],
  ["SELECT power(10::float8, -400)", "value out of range: underflow"],
  ["INSERT INTO measure (object) VALUES (4294967296)", "OID out of range"],
  ["SELECT (-1)::bigint::oid", "OID out of range"],
];

function failure(statement: string): SqlError {
  try {
    harness.run(statement);
  } catch (error) {
    if (error instanceof SqlError) return error;
    throw error;
  }
  throw new Error(`ran: ${statement}`);
}

describe("a number out of range", () => {
  it.each(FAILURES)("%s", (statement, message) => {
    const { sqlState, message: words } = failure(statement);
    expect([sqlState, words]).toEqual(["22003", message]);
  });

  it("an infinity that was one before is none", () => {
    const statement =
      "SELECT 'inf'::float8 * 2, 'inf'::float8 - 1, 1 / 'inf'::float8, exp('-inf'::float8)";
    expect(harness.texts(statement)).toEqual([["Infinity", "Infinity", "0", "0"]]);
  });

  it("what would be no number is refused instead of stored as NULL", () => {
    expect(failure("INSERT INTO measure (big) VALUES ('inf'::float8 * 0)").sqlState).toBe("0A000");
    expect(failure("SELECT 'nan'::numeric::float8").sqlState).toBe("0A000");
  });
});

describe("-0", () => {
  it("is kept by a parameter, and equal to 0", () => {
    expect(harness.texts("SELECT $1::float8, $1::float8 = 0", [-0])).toEqual([["-0", "t"]]);
  });

  it("becomes 0 where a table stores it (docs/sql.md)", () => {
    harness.run("INSERT INTO measure (big) VALUES ($1)", [-0]);
    expect(harness.texts("SELECT big FROM measure")).toEqual([["0"]]);
  });
});
