/**
 * What PostgreSQL 15 answered for each input, recorded once from a real server: the text it prints,
 * the bytes its send function makes, or the error. Each group was a column of the declared type.
 */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { SqlError } from "../../../../src/sql/errors.ts";
import {
  DEFAULT_TEXT_SETTINGS,
  type PgType,
  type TextSettings,
} from "../../../../src/sql/types/pg-type.ts";
import { typeByName } from "../../../../src/sql/types/registry.ts";

interface ExpectedError {
  readonly code: string;
  readonly message: string;
  readonly detail?: string;
}

interface Answer {
  readonly input: string;
  readonly text?: string;
  readonly binary?: string;
  readonly error?: ExpectedError;
}

interface Group {
  readonly declared: string;
  readonly type: string;
  readonly modifier: number;
  readonly timeZone: string;
  readonly cases: readonly Answer[];
}

const groups = JSON.parse(
  readFileSync(new URL("postgres-answers.json", import.meta.url), "utf8"),
) as readonly Group[];

function find(name: string): PgType {
  const type = typeByName(name);
  if (type === undefined) throw new Error(`no type ${name}`);
  return type;
}

function outcome(type: PgType, group: Group, input: string): Answer {
  const settings: TextSettings = { ...DEFAULT_TEXT_SETTINGS, timeZone: group.timeZone };
  try {
    const stored = type.fromText(input, group.modifier, settings);
    const text = type.toText(stored, settings);
    const binary = Buffer.from(type.toBinary(stored, settings)).toString("hex");
    return { input, text, binary };
  } catch (error) {
    if (!(error instanceof SqlError)) throw error;
    const { detail } = error.fields;
    const fields = { code: error.sqlState, message: error.message };
    return { input, error: detail === undefined ? fields : { ...fields, detail } };
  }
}

describe.each(groups)("$declared in time zone $timeZone", (group) => {
  const type = find(group.type);

  it.each(group.cases)("$input gives PostgreSQL's text and bytes, or its error", (answer) => {
    expect(outcome(type, group, answer.input)).toEqual(answer);
  });

  it("bytes read back give the same text", () => {
    const settings = { ...DEFAULT_TEXT_SETTINGS, timeZone: group.timeZone };
    for (const { text, binary } of group.cases) {
      if (text === undefined || binary === undefined) continue;
      const stored = type.fromBinary(Buffer.from(binary, "hex"), group.modifier);
      expect(type.toText(stored, settings)).toBe(text);
    }
  });
});
