/** Large texts are translated elsewhere: the same statements, translations and errors come out. */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { EMPTY_CATALOG } from "../../../src/sql/catalog/catalog.ts";
import { SqlError } from "../../../src/sql/errors.ts";
import {
  LARGE_TEXT_MIN,
  type LargeTexts,
  translateLargeText,
} from "../../../src/sql/large-text.ts";
import { loadParser, type ParsedStatement, parseStatements } from "../../../src/sql/parse.ts";
import { refuseParameters } from "../../../src/sql/statement-parameters.ts";
import { type TranslationContext, translate } from "../../../src/sql/translate.ts";
import type { Translation } from "../../../src/sql/translation.ts";
import { NotPrepared, TranslationCache } from "../../../src/sql/translation-cache.ts";
import { OID } from "../../../src/sql/types/oids.ts";
import { SqliteHarness } from "../../support/sqlite-harness.ts";

await loadParser();

/** What is sent to a thread, and what comes from it, is cloned. */
const elsewhere: LargeTexts = {
  async translate(text, context) {
    return structuredClone(translateLargeText(text, structuredClone(context)));
  },
};
const never = new AbortController().signal;

function contextOf(
  { catalog }: SqliteHarness,
  parameterTypes: readonly number[] = [],
): TranslationContext {
  return { catalog, databaseName: "synod", parameterTypes };
}

function resultOf(make: () => unknown): unknown {
  try {
    return make();
  } catch (error) {
    if (!(error instanceof SqlError)) throw error;
    const { sqlState, message, fields } = error;
    return { sqlState, message, fields };
  }
}

type Translate = (statement: ParsedStatement) => Translation;

/** All that a session sees of the statements of a text. */
function seen(statements: readonly ParsedStatement[], translated: Translate) {
  return statements.map((statement) => ({
    text: statement.text,
    position: statement.position,
    kind: Object.keys(statement.node),
    withoutValues: resultOf(() => refuseParameters(statement)),
    translation: resultOf(() => translated(statement)),
  }));
}

function here(text: string, context: TranslationContext): unknown {
  return resultOf(() => seen(parseStatements(text), (statement) => translate(statement, context)));
}

async function there(text: string, context: TranslationContext): Promise<unknown> {
  const cache = new TranslationCache(elsewhere);
  try {
    const statements = await cache.parseLarge(text, context, never);
    return seen(statements, (statement) => cache.translate(statement, context));
  } catch (error) {
    return resultOf(() => {
      throw error;
    });
  }
}

describe("translated elsewhere", () => {
  it("are all statements that were recorded from PostgreSQL", async () => {
    const harness = new SqliteHarness();
    const recorded = readFileSync(new URL("statements.fixture.jsonl", import.meta.url), "utf8");
    const lines = recorded.split("\n").filter((line) => line !== "");
    expect(lines.length).toBeGreaterThan(100);
    for (const line of lines) {
      const { statement } = JSON.parse(line) as { readonly statement: string };
      const context = contextOf(harness);
      expect(await there(statement, context)).toEqual(here(statement, context));
      try {
        harness.run(statement);
      } catch {
        // Many are there to fail; what the schema is by then is the same for both.
      }
    }
  });

  const harness = new SqliteHarness();
  harness.script("CREATE TABLE item (id int PRIMARY KEY, name text, price numeric, made date)");

  it.each([
    ["no statement", " -- nothing\n"],
    [
      "several",
      "SELECT 'é€𝄞'; INSERT INTO item VALUES (1); DELETE FROM item WHERE nosuch = 1; SELECT 2",
    ],
    [
      "one with a change of the schema before it",
      "SELECT 1; CREATE TABLE t (a int); SELECT a FROM t",
    ],
    ["a transaction", "BEGIN; UPDATE item SET id = 2; SET a.b = 'c'; SHOW a.b; COMMIT"],
    [
      "one that comes again",
      "SELECT id FROM item; SELECT nosuch; SELECT id FROM item; SELECT nosuch",
    ],
    ["a syntax error", "SELECT 'é'; SELEC 1"],
    ["a NUL", "SELECT '\0'"],
    ["an unknown column, after characters of several bytes", "SELECT 'é€𝄞', nosuch FROM item"],
    ["an unknown table", "  /* é */ SELECT * FROM nosuch"],
    ["a value of the wrong type", "INSERT INTO item VALUES (1, 'a', 'b')"],
    [
      "a parameter",
      "SELECT 'é', id + $2, $1::text FROM item; SELECT '$1'; DELETE FROM item WHERE id = $1",
    ],
    ["a query that asks the session", "SELECT pg_sleep(1); SELECT set_config('a.b', 'c', false)"],
    ["advisory locks", "SELECT pg_advisory_lock(1); SELECT pg_advisory_lock(id) FROM item"],
    ["preparations", "PREPARE p AS SELECT $1::int; EXECUTE p(1); DEALLOCATE p"],
    ["COPY and EXPLAIN", "COPY item FROM STDIN; EXPLAIN SELECT * FROM item"],
    ["what is too deep", `SELECT ${"1+".repeat(50_000)}1`],
    ["a long preparation", `PREPARE p AS SELECT 1 WHERE 1 IN (${"1,".repeat(20_000)}2)`],
    [
      "values of many types",
      `INSERT INTO item VALUES (1, E'\\'', 1e3, '2024-02-29'), (2, NULL, 'NaN', now()) RETURNING *`,
    ],
    ["a long list", `INSERT INTO item (id) VALUES ${"(1),".repeat(20_000)}(2)`],
  ])("is %s", async (_name, text) => {
    for (const types of [[], [OID.int8, 0]]) {
      const context = contextOf(harness, types);
      expect(await there(text, context)).toEqual(here(text, context));
    }
  });

  it("is nothing of a short text, nor of any without a place for it", () => {
    const long = " ".repeat(LARGE_TEXT_MIN);
    expect(new TranslationCache(elsewhere).isLarge(long)).toBe(true);
    expect(new TranslationCache(elsewhere).isLarge(long.slice(1))).toBe(false);
    expect(new TranslationCache().isLarge(long)).toBe(false);
  });

  const padding = `/* ${"é".repeat(LARGE_TEXT_MIN)} */`;

  it.each([
    ["makes sense by now", `SELECT 'é' ${padding}, id FROM item`],
    ["has an error", `SELECT 'é' ${padding}, nosuch FROM item`],
    ["has an error, after another", `SELECT 'é'; INSERT INTO item ${padding} VALUES (1, nosuch)`],
  ])("is, when the schema has changed, a statement that %s", async (_name, text) => {
    const cache = new TranslationCache(elsewhere);
    const before = { ...contextOf(harness), catalog: EMPTY_CATALOG };
    const now = contextOf(harness);
    const statements = await cache.parseLarge(text, before, never);
    const last = statements.at(-1);
    if (last === undefined) throw new Error("no statement");
    let missing: unknown = null;
    try {
      cache.translate(last, now);
    } catch (error) {
      missing = error;
    }
    if (!(missing instanceof NotPrepared)) throw new Error("was translated here");
    await cache.prepare(missing, never);
    expect(seen(statements, (statement) => cache.translate(statement, now))).toEqual(
      here(text, now),
    );
  });
});
