/** What PostgreSQL 15 answered to every case, as recorded by main.ts: one case a line. */
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { IsolationCase, Performance } from "./isolation-case.ts";
import type { SerialAnswers } from "./serial-answers.ts";

/** Used as a source by the tests and compiled by main.ts. */
const BUILT = import.meta.url.endsWith(".js") ? "../../../test/" : "../";
const PATH = fileURLToPath(new URL(`${BUILT}data/isolation/postgres.jsonl`, import.meta.url));

export interface PostgresAnswers {
  readonly name: string;
  /** The script that was performed; another one makes the answers worthless. */
  readonly script: string;
  readonly setup: string;
  readonly concurrent: Performance;
  readonly serial: SerialAnswers;
}

export function readPostgresAnswers(): ReadonlyMap<string, PostgresAnswers> {
  const lines = readFileSync(PATH, "utf8").trimEnd().split("\n");
  const answers = lines.map((line) => JSON.parse(line) as PostgresAnswers);
  return new Map(answers.map((answer) => [answer.name, answer]));
}

export function writePostgresAnswers(answers: readonly PostgresAnswers[]): void {
  writeFileSync(PATH, answers.map((answer) => `${JSON.stringify(answer)}\n`).join(""));
}

/** Throws if the case was never recorded, or has changed since. */
export function answersTo(
  story: IsolationCase,
  recorded: ReadonlyMap<string, PostgresAnswers>,
): PostgresAnswers {
  const found = recorded.get(story.name);
  if (found?.script !== story.script || found.setup !== story.setup) {
    throw new Error(`"${story.name}" is not recorded as it is now: run npm run isolation`);
  }
  return found;
}
