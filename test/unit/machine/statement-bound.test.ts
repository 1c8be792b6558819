/** A statement of the log that would never end: every node gives it up at the same row. */
import { expect, test, vi } from "vitest";
import { Machine } from "../../../src/machine/machine.ts";
import type { Outcome } from "../../../src/machine/state-machine.ts";
import {
  entries,
  Gateway,
  NODE,
  openSession,
  returning,
  schema,
  write,
} from "../../support/machine-commands.ts";
import { temporaryDirectory } from "../../support/temporary-directory.ts";

vi.mock("../../../src/base/limits.ts", async (original) => ({
  ...(await original<object>()),
  STATEMENT_ROWS_MAX: 6400,
  RESULT_BYTES_MAX: 40_000,
}));

const NUMBERS =
  "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE synod_check(i)";

function applied(...statements: string[]): { outcomes: Outcome[]; digest: string } {
  const machine = new Machine({ directory: temporaryDirectory(), node: NODE, durability: "none" });
  machine.open();
  const gateway = new Gateway();
  const table = gateway.command([schema("CREATE TABLE t (id INTEGER PRIMARY KEY)")]);
  const commands = statements.map((sql) => [
    gateway.command([sql.includes("RETURNING") ? returning(sql) : write(sql)]),
  ]);
  const { reports, digest } = machine.apply(entries(1, [openSession(), table], ...commands));
  machine.close();
  return { outcomes: reports.slice(2).map(({ outcome }) => outcome), digest };
}

test("an endless INSERT fails with 54000, leaves nothing, and the log goes on", () => {
  const log = [
    `INSERT INTO t ${NUMBERS}) SELECT i FROM n`,
    "INSERT INTO t VALUES (1)",
    `INSERT INTO t ${NUMBERS} AND i < 6000) SELECT i + 1 FROM n`,
  ];
  const { outcomes, digest } = applied(...log);
  expect(outcomes).toMatchObject([
    { kind: "failed", statement: 0, sqlState: "54000" },
    { kind: "done", results: [{ count: 1 }] },
    { kind: "done", results: [{ count: 6000 }] },
  ]);
  expect(applied(...log).digest).toBe(digest);
});

test("rows of functions in FROM count, each statement for itself", () => {
  const fill = (from: number, to: number): string =>
    `INSERT INTO t SELECT c1 FROM integer_series(${from}, ${to}, 1)`;
  expect(applied(fill(1, 4000), fill(4001, 8000), fill(8001, 99_999)).outcomes).toMatchObject([
    { kind: "done", results: [{ count: 4000 }] },
    { kind: "done", results: [{ count: 4000 }] },
    { kind: "failed", sqlState: "54000" },
  ]);
});

test("rows that are returned have a bound together: 54000, and the statement leaves nothing", () => {
  const fill = (from: number, to: number, text: string): string =>
    `INSERT INTO t SELECT c1 FROM integer_series(${from}, ${to}, 1) RETURNING id, ${text}`;
  const log = [
    fill(1, 100, `'${"x".repeat(500)}'`),
    "INSERT INTO t VALUES (1) RETURNING id",
    fill(2, 100, `'${"x".repeat(300)}'`),
  ];
  const { outcomes, digest } = applied(...log);
  expect(outcomes).toMatchObject([
    { kind: "failed", sqlState: "54000" },
    { kind: "done", results: [{ count: 1 }] },
    { kind: "done", results: [{ count: 99 }] },
  ]);
  expect(applied(...log).digest).toBe(digest);
});
