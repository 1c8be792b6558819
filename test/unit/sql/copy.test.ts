/**
 * COPY statements and data, against what PostgreSQL 15 made of the same ones (copy.fixture.jsonl, recorded
 * by scripts/record-copy-answers.mjs from copy.cases.jsonl).
 */
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { CopyChunks } from "../../../src/sql/copy/copy-chunks.ts";
import { CopyLines } from "../../../src/sql/copy/copy-lines.ts";
import { SqlError } from "../../../src/sql/errors.ts";
import { loadParser } from "../../../src/sql/parse.ts";
import type { CopyInTranslation, CopyOutTranslation } from "../../../src/sql/translation.ts";
import { SqliteHarness } from "../../support/sqlite-harness.ts";

interface Case {
  readonly setup: string;
  readonly copy: string;
  readonly data?: string;
  /** Data that is no UTF-8. */
  readonly hex?: string;
}

interface Answer {
  readonly tag?: string;
  readonly rows?: readonly (readonly (string | null)[])[];
  readonly output?: string;
  readonly error?: Readonly<Record<string, string>>;
}

function jsonLines<T>(name: string): readonly T[] {
  const text = readFileSync(new URL(name, import.meta.url), "utf8");
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as T);
}

const recorded = jsonLines<Answer & { readonly copy: string }>("copy.fixture.jsonl");
const cases = jsonLines<Case>("copy.cases.jsonl").map((each, at) => {
  const { copy, ...answer } = recorded[at] ?? { copy: "" };
  return { ...each, answer, isRecorded: copy === each.copy, number: at + 1 };
});

await loadParser();

/** `pieces`: the size of the parts in which the client sends the data. */
function answerTo({ setup, copy, data = "", hex }: Case, pieces: number): Answer {
  const harness = new SqliteHarness();
  harness.script(setup.replace("SET ROLE other; ", ""));
  const bytes = hex === undefined ? Buffer.from(data) : Buffer.from(hex, "hex");
  try {
    const translation = harness.translate(copy);
    if (translation.kind === "copyOut") return sent(harness, translation);
    if (translation.kind !== "copyIn") throw new Error(`no COPY: ${copy}`);
    const tag = `COPY ${taken(harness, translation, bytes, pieces)}`;
    return { tag, rows: harness.texts("SELECT * FROM t") };
  } catch (error) {
    if (!(error instanceof SqlError)) throw error;
    const { hint, context, position } = error.fields;
    return {
      error: {
        code: error.sqlState,
        message: error.message,
        ...(hint === undefined ? {} : { hint }),
        ...(context === undefined ? {} : { context }),
        ...(position === undefined ? {} : { position: position.toString() }),
      },
    };
  }
}

function taken(
  harness: SqliteHarness,
  { insert, data }: CopyInTranslation,
  bytes: Uint8Array,
  pieces: number,
): number {
  const chunks = new CopyChunks(data);
  let count = 0;
  const all = [];
  for (let at = 0; at < bytes.length; at += pieces) {
    all.push(...chunks.push(bytes.subarray(at, at + pieces)));
  }
  for (const { text, linesBefore, lineEnd } of [...all, ...chunks.finish()]) {
    count += harness.change(insert.step, [text, BigInt(linesBefore), lineEnd]);
  }
  return count;
}

function sent(
  harness: SqliteHarness,
  { query, format, forceQuote, header }: CopyOutTranslation,
): Answer {
  const lines = new CopyLines(format, forceQuote);
  const rows = harness.textsOf(query, []);
  const all = rows.map((row) => lines.line(row));
  const output = (header === null ? "" : lines.header(header)) + all.join("");
  return output === "" ? { tag: `COPY ${rows.length}` } : { output, tag: `COPY ${rows.length}` };
}

describe("COPY answers as PostgreSQL", () => {
  it("has an answer recorded for every case", () => {
    expect(cases.filter(({ isRecorded }) => !isRecorded)).toEqual([]);
    expect(recorded).toHaveLength(cases.length);
  });

  it.each(cases)("$number: $copy", ({ answer, ...each }) => {
    expect(answerTo(each, 1_000_000)).toEqual(answer);
  });

  it("wherever the client's messages are cut", () => {
    for (const { answer, ...each } of cases) {
      for (const pieces of [1, 2, 3, 7]) expect(answerTo(each, pieces)).toEqual(answer);
    }
  });
});

describe("what COPY TO wrote, COPY FROM reads", () => {
  const NASTY = Array.from("aé😀\\.N,|\t\n\r\"' \u0001\b");
  const text = fc.array(fc.constantFrom(...NASTY), { maxLength: 6 }).map((each) => each.join(""));
  const rows = fc.array(fc.tuple(fc.option(text), fc.option(text)), { maxLength: 5 });
  const harness = new SqliteHarness();
  harness.script("CREATE TABLE t (a text, b text)");

  it.each([
    "",
    "(HEADER)",
    "(DELIMITER '|')",
    "(FORMAT csv)",
    "(FORMAT csv, HEADER match, QUOTE '''', ESCAPE '\\', NULL 'N')",
    "(FORMAT csv, ESCAPE '.', DELIMITER ' ')",
  ])("with the options %s", (options) => {
    const into = harness.translate(`COPY t FROM STDIN ${options}`);
    const out = harness.translate(`COPY t TO STDOUT ${options.replace(" match", "")}`);
    if (into.kind !== "copyIn" || out.kind !== "copyOut") throw new Error("no COPY");
    const property = fc.property(rows, fc.integer({ min: 1, max: 9 }), (given, pieces) => {
      const lines = new CopyLines(out.format, out.forceQuote);
      const header = out.header === null ? "" : lines.header(out.header);
      const written = header + given.map((row) => lines.line(row)).join("");
      harness.run("DELETE FROM t");
      expect(taken(harness, into, Buffer.from(written), pieces)).toBe(given.length);
      expect(harness.texts("SELECT * FROM t")).toEqual(given);
    });
    fc.assert(property, { numRuns: 300 });
  });
});
