import { describe, expect, test, vi } from "vitest";
import { type Connection, openScratch } from "../../../src/machine/connection.ts";
import { registerFunctions } from "../../../src/machine/function-registration.ts";
import { readOnlySequences, StatementContext } from "../../../src/machine/statement-context.ts";
import { EMPTY_CATALOG } from "../../../src/sql/catalog/catalog.ts";
import { SqlError } from "../../../src/sql/errors.ts";
import type { SqliteValue } from "../../../src/sql/values.ts";
import { seedOf } from "../../support/machine-commands.ts";

vi.mock("../../../src/sql/functions/registry.ts", () => ({
  scalarFunctions: [
    scalar("moment", 0, ({ timestampMicros }) => BigInt(timestampMicros)),
    scalar("pair", 2, (_context, args) => args.map(String).join("+")),
    scalar("pair", 1, (_context, args) => `${String(args[0])} alone`),
    scalar("total_of", null, (_context, args) => BigInt(args.length)),
    scalar("bump", 1, (context, [name]) => context.nextval(String(name))),
    scalar("fail", 0, () => {
      throw new SqlError("22012", "division by zero", { hint: "none" });
    }),
  ],
  aggregateFunctions: [
    {
      name: "joined",
      arity: 1,
      start: () => [],
      step: (_context: unknown, state: string[], [value]: SqliteValue[]) => [
        ...state,
        String(value),
      ],
      inverse: (_context: unknown, state: string[]) => state.slice(1),
      finish: (_context: unknown, state: string[]) => state.join(""),
    },
  ],
  tableFunctions: [
    {
      name: "countdown",
      parameters: ["first", "last"],
      columns: ["value", "squared"],
      *rows(_context: unknown, [first, last]: SqliteValue[]) {
        const end = last === null ? 1n : BigInt(Number(last));
        for (let at = BigInt(Number(first)); at >= end; at -= 1n) yield [at, at * at];
      },
    },
  ],
}));

function scalar(
  name: string,
  arity: number | null,
  call: (context: StatementContext, args: readonly SqliteValue[]) => SqliteValue,
): unknown {
  return { name, arity, deterministic: false, call };
}

function connected(): Connection {
  const connection = openScratch();
  const context = new StatementContext(readOnlySequences, () => EMPTY_CATALOG);
  registerFunctions(connection, context);
  context.enter(1_000_001, seedOf(1));
  return connection;
}

function rows(sql: string): unknown[] {
  return connected().prepare(sql).raw(true).all();
}

describe("registered functions", () => {
  test("are told apart by their number of arguments, and get integers as bigint", () => {
    expect(rows("SELECT pair(1, 'a'), pair(2.5), total_of(), total_of(1, 2, 3)")).toEqual([
      ["1+a", "2.5 alone", 0n, 3n],
    ]);
    expect(() => rows("SELECT pair(1, 2, 3)")).toThrow(/wrong number of arguments/);
  });

  test("ask the statement's context", () => {
    expect(rows("SELECT moment()")).toEqual([[1_000_001n]]);
    expect(() => rows("SELECT bump('s')")).toThrow(expect.objectContaining({ sqlState: "25006" }));
  });

  test("throw their own errors through SQLite, fields and all", () => {
    expect(() => rows("SELECT fail()")).toThrow(
      expect.objectContaining({ sqlState: "22012", fields: { hint: "none" } }),
    );
  });

  test("aggregate, over groups and over moving windows", () => {
    const letters = "(SELECT 1 n, 'a' v UNION ALL SELECT 2, 'b' UNION ALL SELECT 3, 'c')";
    expect(rows(`SELECT joined(v) FROM ${letters}`)).toEqual([["abc"]]);
    expect(rows(`SELECT joined(v) FROM ${letters} WHERE false`)).toEqual([[""]]);
    expect(rows(`SELECT joined(v) OVER (ORDER BY n ROWS 1 PRECEDING) FROM ${letters}`)).toEqual([
      ["a"],
      ["ab"],
      ["bc"],
    ]);
  });

  test("stand in FROM, with arguments that may be left out", () => {
    expect(rows("SELECT value, squared FROM countdown(3, 2)")).toEqual([
      [3n, 9n],
      [2n, 4n],
    ]);
    expect(rows("SELECT count(*) FROM countdown(5)")).toEqual([[5n]]);
  });
});
