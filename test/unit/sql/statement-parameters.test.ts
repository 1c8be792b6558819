/** Parameters where there are no values for them: the error names the one that PostgreSQL names. */
import { describe, expect, it } from "vitest";
import { SqlError } from "../../../src/sql/errors.ts";
import { loadParser, parseStatements } from "../../../src/sql/parse.ts";
import { refuseParameters } from "../../../src/sql/statement-parameters.ts";

await loadParser();

function refused(text: string): readonly [string, string, number | undefined] | null {
  try {
    for (const statement of parseStatements(text)) refuseParameters(statement);
    return null;
  } catch (error) {
    if (!(error instanceof SqlError)) throw error;
    return [error.sqlState, error.message, error.fields.position];
  }
}

describe("parameters of a simple query", () => {
  it.each([
    ["SELECT $1", 1, 8],
    ["SELECT $7 + $2", 7, 8],
    ["SELECT 'ä$', $3", 3, 14],
    ["SELECT 'ä'; INSERT INTO t VALUES (1, $2)", 2, 38],
    ["UPDATE t SET a = $2 WHERE b IN (SELECT c FROM d WHERE e = $1)", 2, 18],
  ])("%s: the first in the text is named", (text, number, position) => {
    expect(refused(text)).toEqual(["42P02", `there is no parameter $${number}`, position]);
  });

  it.each(["SELECT '$1'", 'SELECT "$1" FROM t', "SELECT $$ $1 $$", "PREPARE p AS SELECT $1"])(
    "%s has none",
    (text) => {
      expect(refused(text)).toBeNull();
    },
  );
});
