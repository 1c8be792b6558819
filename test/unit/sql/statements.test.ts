/**
 * Statements translated to SQLite and run there one after the other, against what PostgreSQL 15
 * answered to the same ones (statements.fixture.jsonl, recorded by
 * scripts/record-postgres-answers.mjs from statements.txt).
 */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { SqlError } from "../../../src/sql/errors.ts";
import { loadParser } from "../../../src/sql/parse.ts";
import { SqliteHarness } from "../../support/sqlite-harness.ts";

interface Outcome {
  readonly columns?: readonly (readonly [name: string, typeOid: number])[];
  readonly rows?: readonly (readonly (string | null)[])[];
  readonly error?: string;
}

const lines = readFileSync(new URL("statements.fixture.jsonl", import.meta.url), "utf8")
  .split("\n")
  .filter((line) => line !== "")
  .map((line) => JSON.parse(line) as Outcome & { readonly statement: string })
  .map(({ statement, ...recorded }) => ({ statement, recorded }));

function outcomeOf(harness: SqliteHarness, statement: string): Outcome {
  try {
    const { columns } = harness.translate(statement);
    const rows = harness.texts(statement);
    return { columns: (columns ?? []).map(({ name, typeOid }) => [name, typeOid]), rows };
  } catch (error) {
    if (!(error instanceof SqlError)) throw error;
    return { error: error.sqlState };
  }
}

/** Without ORDER BY the order of rows is nobody's promise. */
function comparable(statement: string, { columns, rows, error }: Outcome) {
  const texts = (rows ?? []).map((row) => JSON.stringify(row));
  return {
    columns: columns ?? [],
    rows: /order by/i.test(statement) ? texts : texts.toSorted(),
    error: error ?? null,
  };
}

await loadParser();
const harness = new SqliteHarness();

describe("statements in a row answer as in PostgreSQL", () => {
  it.each(lines)("$statement", ({ statement, recorded }) => {
    const outcome = outcomeOf(harness, statement);
    expect(comparable(statement, outcome)).toEqual(comparable(statement, recorded));
  });
});
