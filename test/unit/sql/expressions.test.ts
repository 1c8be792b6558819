/**
 * Expressions translated to SQLite and run there, against what PostgreSQL 15 answers
 * (expressions.fixture.tsv, recorded by scripts/record-postgres-answers.mjs from expressions.txt).
 */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { SqlError } from "../../../src/sql/errors.ts";
import { loadParser } from "../../../src/sql/parse.ts";
import { SqliteHarness } from "../../support/sqlite-harness.ts";

interface Answer {
  readonly kind: string;
  readonly text: string;
  readonly typeOid: string;
}

/** Answers that differ on purpose; each reason is in docs/sql.md. */
const DIFFERENT: ReadonlySet<string> = new Set([
  // 3, where that PostgreSQL's C library is one unit in the last place off.
  "cbrt(27)",
]);

const cases = readFileSync(new URL("expressions.fixture.tsv", import.meta.url), "utf8")
  .split("\n")
  .filter((line) => line !== "")
  .map((line) => line.split("\t"))
  .map(([expression = "", kind = "", text = "", typeOid = ""]) => ({
    expression,
    answer: { kind, text: unescaped(text), typeOid },
  }))
  .filter(({ expression }) => !DIFFERENT.has(expression));

function unescaped(text: string): string {
  return text.replace(/\\(.)/g, (_all, code: string) =>
    code === "n" ? "\n" : code === "t" ? "\t" : code,
  );
}

function ask(expression: string): Answer {
  const text = `SELECT ${expression} AS x`;
  try {
    const translation = harness.translate(text);
    const [row] = harness.texts(text);
    const value = row?.[0] ?? null;
    const typeOid = String(translation.columns?.[0]?.typeOid);
    return value === null
      ? { kind: "null", text: "", typeOid }
      : { kind: "value", text: value, typeOid };
  } catch (error) {
    if (!(error instanceof SqlError)) throw error;
    return { kind: "error", text: error.sqlState, typeOid: "" };
  }
}

await loadParser();
const harness = new SqliteHarness();

describe("expressions answer as in PostgreSQL", () => {
  it.each(cases)("$expression", ({ expression, answer }) => {
    expect(ask(expression)).toEqual(answer);
  });
});
