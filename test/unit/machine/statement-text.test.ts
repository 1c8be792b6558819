import { describe, expect, test } from "vitest";
import { checkStatementText } from "../../../src/machine/statement-text.ts";

const REFUSED_EVERYWHERE = [
  "",
  "  -- nothing",
  "ATTACH 'x' AS y",
  "/* SELECT */ attach 'x' AS y",
  "-- SELECT\nDETACH y",
  "PRAGMA synchronous = OFF",
  "\uFEFF pragma foreign_keys(0)",
  "VACUUM INTO 'x'",
  "BEGIN",
  "COMMIT",
  "END",
  "ROLLBACK",
  "SAVEPOINT s",
  "RELEASE s",
  "ANALYZE",
  "REINDEX",
  "SELECT 1\0; DROP TABLE t",
];

describe("statement text", () => {
  test.each(REFUSED_EVERYWHERE)("%j is refused in commands and reads", (text) => {
    expect(() => checkStatementText(text, "replicated")).toThrow(/may not reach/);
    expect(() => checkStatementText(text, "read")).toThrow(/may not reach/);
  });

  test.each([
    "CREATE TEMP TABLE t (a)",
    "create/**/temporary view v AS SELECT 1",
    "CREATE VIRTUAL TABLE t USING fts5(a)",
    "INSERT OR ROLLBACK INTO t VALUES (1)",
    "insert or/**/fail INTO t VALUES (1)",
    "CREATE TABLE t (a UNIQUE ON CONFLICT ROLLBACK)",
    "CREATE TRIGGER g AFTER INSERT ON t BEGIN SELECT RAISE(ROLLBACK, 'x'); END",
    "EXPLAIN SELECT 1",
  ])("%j is refused in commands", (text) => {
    expect(() => checkStatementText(text, "replicated")).toThrow(/may not reach/);
  });

  test.each([
    "SELECT 'ATTACH', \"pragma\" FROM t -- vacuum",
    "WITH a AS (SELECT 1) INSERT INTO t SELECT * FROM a ON CONFLICT (a) DO NOTHING",
    "INSERT INTO t VALUES ('or rollback; ON CONFLICT FAIL')",
    "CREATE TABLE temporary_things (a)",
    "SELECT a OR fail FROM t",
  ])("%j is let through unchanged", (text) => {
    expect(checkStatementText(text, "replicated")).toEqual({ sql: text, numbered: false });
  });

  test("a write is refused in a read", () => {
    expect(() => checkStatementText("DELETE FROM t", "read")).toThrow(/DELETE may not reach/);
  });

  test("parameters used once and in order are bound by position, others by number", () => {
    const inOrder = "SELECT ?1, '?2', ?2 -- ?3";
    expect(checkStatementText(inOrder, "read")).toEqual({
      sql: "SELECT ?, '?2', ? -- ?3",
      numbered: false,
    });
    const twice = "SELECT ?1, ?1";
    expect(checkStatementText(twice, "read")).toEqual({ sql: twice, numbered: true });
  });
});
