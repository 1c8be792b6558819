/** From a text to its statements. */
import { beforeAll, expect, test } from "vitest";
import { loadParser, parseStatements } from "../../../src/sql/parse.ts";

beforeAll(loadParser);

test("each statement has its own text, and knows what stands before it in characters and bytes", () => {
  const text = "SELECT 'ä€😀';\n  SELECT '😀' ;-- a remark\n;SELECT 3";
  const statements = parseStatements(text);
  expect(statements.map((each) => each.text)).toEqual([
    "SELECT 'ä€😀'",
    "SELECT '😀'",
    "-- a remark\n;SELECT 3".slice(13),
  ]);
  const characters = Array.from(text);
  for (const { text: own, position, byteOffset } of statements) {
    expect(characters.slice(position).join("").startsWith(own)).toBe(true);
    expect(Buffer.from(text).subarray(byteOffset).toString().startsWith(own)).toBe(true);
  }
});

test("a text of many statements takes no longer than its length", () => {
  const text = "INSERT INTO t VALUES (1, 'some text that is not so short');\n".repeat(20_000);
  expect(parseStatements(text)).toHaveLength(20_000);
});
