/**
 * Regular expressions, against what PostgreSQL 15 finds with them (regular-expressions.fixture.jsonl, recorded
 * by scripts/record-regexp-answers.mjs from regular-expressions.cases.jsonl), and how long they may take.
 */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { SqlError } from "../../../src/sql/errors.ts";
import { loadParser } from "../../../src/sql/parse.ts";
import { expressionOf } from "../../../src/sql/regular-expressions/expression.ts";
import { SqliteHarness } from "../../support/sqlite-harness.ts";

type Answer = readonly [marked: string | null, groups: unknown, split: unknown] | readonly [string];

function jsonLines<T>(name: string): readonly T[] {
  const text = readFileSync(new URL(name, import.meta.url), "utf8");
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as T);
}

/** Answers that differ on purpose; the reasons are in docs/sql.md. */
const DIFFERENT: ReadonlySet<string> = new Set([
  // A group that took no part in the last round of the repetition around it keeps what it had.
  "(a(b)?)+",
  // Ways through the expression that give the same match, and other groups.
  "(|a)+",
  "(^\\m|b(a{1,2}){1,2})??",
]);

const recorded = jsonLines<Answer>("regular-expressions.fixture.jsonl");
const cases = jsonLines<readonly [string, string, string?]>("regular-expressions.cases.jsonl")
  .map(([pattern, text, flags = ""], at) => ({ pattern, text, flags, answer: recorded[at] }))
  .filter(({ pattern }) => !DIFFERENT.has(pattern));

await loadParser();
const harness = new SqliteHarness();

function quoted(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

function value(expression: string): string | null {
  return harness.texts(`SELECT ${expression} AS x`)[0]?.[0] ?? null;
}

function json(expression: string): unknown {
  const text = value(`array_to_json(${expression})`);
  return text === null ? null : JSON.parse(text);
}

function errorOf(run: () => unknown): string {
  try {
    run();
    return "none";
  } catch (error) {
    if (!(error instanceof SqlError)) throw error;
    return `${error.sqlState} ${error.message}`;
  }
}

function ask(pattern: string, text: string, flags: string): Answer {
  const given = `${quoted(text)}, ${quoted(pattern)}`;
  try {
    return [
      value(`regexp_replace(${given}, '<\\&>', ${quoted(`${flags}g`)})`),
      json(`regexp_match(${given}, ${quoted(flags)})`),
      json(`regexp_split_to_array(${given}, ${quoted(flags)})`),
    ];
  } catch (error) {
    if (!(error instanceof SqlError)) throw error;
    return [`${error.sqlState} ${error.message}`];
  }
}

describe("regular expressions find what PostgreSQL finds", () => {
  it.each(cases)("$pattern $flags in $text", ({ pattern, text, flags, answer }) => {
    expect(ask(pattern, text, flags)).toEqual(answer);
    if (answer?.length !== 3) return;
    const likes = value(`regexp_like(${quoted(text)}, ${quoted(pattern)}, ${quoted(flags)})`);
    expect(likes).toBe(answer[1] === null ? "f" : "t");
  });
});

const repeated = "'" + "ab".repeat(20_000) + "!'";
const many = `'${"a".repeat(100_000)}!'`;

describe("the time of a regular expression is bounded", () => {
  it.each([
    `${many} ~ '^(a+)+$'`,
    `${many} ~ '^(a|aa)+$'`,
    `${many} ~ '(a*)*b'`,
    `${many} ~ '^(([a-z])+.)+[A-Z]([a-z])+$'`,
    `${many} ~* '(A+){10}b'`,
    `${many} ~ '(.*)(.*)(.*)(.*)(.*)b$'`,
    `regexp_match(${many}, '^(a+)+$') IS NOT NULL`,
    `regexp_match(${many}, '^(a+?)*$') IS NOT NULL`,
    `regexp_match(${many}, '(?<=b)(a*)*$') IS NOT NULL`,
    `substring(${many} from '(x+x+)+y') IS NOT NULL`,
    `${many} SIMILAR TO '(a+)+b'`,
    `${repeated} ~ '(a|b)*a(a|b){30}c'`,
    `${many} ILIKE '%a%a%a%a%a%a%a%a%b'`,
    `regexp_replace(${many}, '(a+)+$', '', 'g') = ''`,
    // Expressions of our own over what clients give.
    "('1' || repeat('0', 60000) || '.1')::numeric < 0",
    "(repeat(' ', 200000) || 'x')::bpchar = 'x'",
    "trim_scale(('0.' || repeat('0', 16000) || '1')::numeric) = 0",
  ])("%s", (expression) => {
    const start = performance.now();
    expect(value(expression)).toBe("f");
    expect(performance.now() - start).toBeLessThan(5000);
  });

  it("bounds the text that a replacement makes", () => {
    const replaced = "regexp_replace(repeat('a', 100000), 'a', repeat('b', 2000), 'g')";
    expect(errorOf(() => value(`length(${replaced})`))).toBe("54000 requested length too large");
  });

  it("refuses what no engine can bound", () => {
    for (const pattern of ["(a)\\1", "a(?=b)", "a(?!b)"]) {
      const found = errorOf(() => value(`'a' ~ '${pattern}'`));
      expect(found).toMatch(/^0A000 .* in a regular expression is not supported$/);
    }
  });

  it("refuses patterns that are very large when they are written out", () => {
    for (const pattern of [
      "((x{255}){255}){255}",
      "(x{200}){200}",
      `${"(".repeat(5000)}a${")".repeat(5000)}`,
      "abc|".repeat(5000),
    ]) {
      expect(errorOf(() => value(`'a' ~ '${pattern}'`))).toBe(
        "2201B invalid regular expression: regular expression is too complex",
      );
    }
  });
});

describe("a large expression and a long text", () => {
  it("are refused together", () => {
    const large = expressionOf("(\\w{255}){3}!", "");
    expect(large.test("a".repeat(10_000))).toBe(false);
    const long = "a".repeat(3_000_000);
    for (const search of [
      () => large.test(long),
      () => large.find(long),
      () => [...large.matches(long)],
    ]) {
      expect(errorOf(search)).toBe("54000 the regular expression is too large for so long a text");
    }
    expect(expressionOf("\\w{25}!", "").test(long)).toBe(false);
  });
});

describe("all matches in a long text", () => {
  const text = "ab <c> ".repeat(20_000);
  /** Much less than a search to the text's end for each match. */
  const workMax = 300 * text.length;

  it.each([
    ["<[^>]+>", 20_000],
    ["<.*?>", 20_000],
    ["\\s+", 40_000],
    ["[a-z]{1,20}", 40_000],
    ["[a-z]{1,200}", 40_000],
    ["<(\\w+)[^>]*>", 20_000],
    ["(?<=<)\\w+", 20_000],
    ["(\\w+)\\s*<(\\w+)", 20_000],
    ["(?:a|b)+|<\\w*>", 40_000],
  ])("%s is found where the end of each match is near", (pattern, expected) => {
    expect([...expressionOf(pattern, "").matches(text, workMax)]).toHaveLength(expected);
  });

  it.each(["a.*x|a", "a.{200}x|[a-z]", "(?:[a-z<> ]+x)|[a-z]", "a(?:b| |<|c|>|a)*?x|a"])(
    "%s ends with 54000 where each match needs the text to its end",
    (pattern) => {
      const matches = expressionOf(pattern, "").matches(text, workMax);
      expect(errorOf(() => [...matches])).toBe(
        "54000 the text has too many matches of the regular expression",
      );
    },
  );
});
