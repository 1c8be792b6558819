/** pg_sleep() and set_config(): which queries the session answers itself, and which are refused. */
import { describe, expect, it } from "vitest";
import { EMPTY_CATALOG } from "../../../src/sql/catalog/catalog.ts";
import { SqlError } from "../../../src/sql/errors.ts";
import { loadParser, parseStatements } from "../../../src/sql/parse.ts";
import { isSessionQuery } from "../../../src/sql/session-query.ts";
import { translate } from "../../../src/sql/translate.ts";
import type { ValueSource } from "../../../src/sql/translation.ts";
import type { SqliteValue } from "../../../src/sql/values.ts";

await loadParser();

function translated(text: string, parameterTypes: readonly number[] = []) {
  const [statement] = parseStatements(text);
  if (statement === undefined) throw new Error("no statement");
  const context = { catalog: EMPTY_CATALOG, databaseName: "d", parameterTypes };
  return { isMeant: isSessionQuery(statement.node), ...translate(statement, context) };
}

const constant = (value: SqliteValue): ValueSource => ({ from: "constant", value });
const client = (number: number): ValueSource => ({ from: "client", number });

describe("pg_sleep()", () => {
  it.each([
    ["SELECT pg_sleep(0.25)", 0.25],
    ["SELECT pg_sleep(2)", 2],
    ["SELECT pg_sleep('1e-1')", 0.1],
    ["SELECT pg_sleep(-1)", -1],
    ["SELECT pg_catalog.pg_sleep(NULL)", null],
    ["SELECT pg_sleep('0.5'::float8)", 0.5],
  ])("%s", (text, seconds) => {
    expect(translated(text)).toMatchObject({
      kind: "sleep",
      isMeant: true,
      seconds: constant(seconds),
      columns: [{ name: "pg_sleep", typeOid: 2278 }],
    });
  });

  it("takes a parameter of any type of number; float8 where none is said", () => {
    expect(translated("SELECT pg_sleep($1) AS slept")).toMatchObject({
      seconds: client(1),
      parameterTypes: [701],
      columns: [{ name: "slept" }],
    });
    expect(translated("SELECT pg_sleep($1)", [1700])).toMatchObject({ parameterTypes: [1700] });
    expect(translated("SELECT pg_sleep($1::int)")).toMatchObject({ parameterTypes: [23] });
  });
});

describe("set_config()", () => {
  it("takes constants, one call for each column", () => {
    const text =
      "SELECT pg_catalog.set_config('search_path', '', false), set_config('a.b', NULL, 'on') AS b";
    expect(translated(text)).toMatchObject({
      kind: "setConfig",
      isMeant: true,
      settings: [
        { name: constant("search_path"), value: constant(""), isLocal: constant(0n) },
        { name: constant("a.b"), value: constant(null), isLocal: constant(1n) },
      ],
      columns: [
        { name: "set_config", typeOid: 25 },
        { name: "b", typeOid: 25 },
      ],
    });
  });

  it("takes parameters", () => {
    expect(translated("SELECT set_config('app.tenant', $1, $2)")).toMatchObject({
      settings: [{ value: client(1), isLocal: client(2) }],
      parameterTypes: [25, 16],
    });
    expect(translated("SELECT set_config($1, $2::text, true)", [1043])).toMatchObject({
      settings: [{ name: client(1), value: client(2) }],
      parameterTypes: [1043, 25],
    });
  });
});

it.each([
  ["SELECT pg_sleep(1 + 1)", "0A000"],
  ["SELECT 1, pg_sleep(1)", "0A000"],
  ["SELECT pg_sleep(1), pg_sleep(1)", "0A000"],
  ["SELECT pg_sleep(1) WHERE true", "0A000"],
  ["SELECT pg_sleep(1) FROM generate_series(1, 2)", "0A000"],
  ["SELECT * FROM pg_sleep(1)", "0A000"],
  ["WITH x AS (SELECT pg_sleep(1)) SELECT 1 FROM x", "0A000"],
  ["EXPLAIN SELECT pg_sleep(1)", "0A000"],
  ["DECLARE c CURSOR FOR SELECT pg_sleep(1)", "0A000"],
  ["COPY (SELECT pg_sleep(1)) TO STDOUT", "0A000"],
  ["SELECT pg_sleep()", "42883"],
  ["SELECT pg_sleep(1, 2)", "42883"],
  ["SELECT pg_sleep('x')", "22P02"],
  ["SELECT other.pg_sleep(1)", "42883"],
  ["SELECT set_config('a.b', 'x' || 'y', true)", "0A000"],
  ["SELECT set_config('a.b', 5, true)", "0A000"],
  ["SELECT set_config('a.b', 'x', true), 1", "0A000"],
  ["SELECT set_config('a.b', 'x', true), pg_sleep(1)", "0A000"],
  ["SELECT set_config('a.b', 'x', true) LIMIT 0", "0A000"],
  ["SELECT set_config('a.b', 'x')", "42883"],
  ["SELECT set_config('a.b', 'x', 'z')", "22P02"],
])("%s: %s", (text, sqlState) => {
  let error: unknown;
  try {
    translated(text);
  } catch (caught) {
    error = caught;
  }
  expect(error).toBeInstanceOf(SqlError);
  expect(error).toMatchObject({ sqlState });
});

it("a refusal says where the call stands and what can be done", () => {
  expect(() => translated("SELECT 1, pg_sleep(1)")).toThrow(
    expect.objectContaining({
      message: "pg_sleep() is not supported in this place",
      fields: {
        position: 11,
        hint: "Call it in a SELECT of its own, with constants and parameters: SELECT pg_sleep(…).",
      },
    }),
  );
});
