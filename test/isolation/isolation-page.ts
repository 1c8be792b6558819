/** docs/isolation.md: the table is made of the cases and of what PostgreSQL answered. */
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { CASE_GROUPS } from "./cases/all-cases.ts";
import {
  type Ends,
  endsOf,
  type IsolationCase,
  lettersOf,
  type Performance,
  stepsOf,
} from "./isolation-case.ts";
import { answersTo, type PostgresAnswers } from "./postgres-answers.ts";

const BUILT = import.meta.url.endsWith(".js") ? "../../../" : "../../";
const PATH = fileURLToPath(new URL(`${BUILT}docs/isolation.md`, import.meta.url));
/** What stands above is written by hand. */
const MARK = "<!-- From here on written by `npm run isolation`. -->";

export function readPage(): string {
  return readFileSync(PATH, "utf8");
}

/** The page as it should be, given what stands above the mark. */
export function renderPage(page: string, recorded: ReadonlyMap<string, PostgresAnswers>): string {
  const [above = ""] = page.split(MARK);
  const tables = CASE_GROUPS.map(({ title, cases }) => {
    const rows = cases.map((story) => row(story, answersTo(story, recorded)));
    return [
      `## ${title}\n`,
      "| case | idea | PostgreSQL SERIALIZABLE | Synod |",
      "| ---- | ---- | ----------------------- | ----- |",
      ...rows,
    ].join("\n");
  });
  return `${above}${MARK}\n\n${tables.join("\n\n")}\n`;
}

export function writePage(recorded: ReadonlyMap<string, PostgresAnswers>): void {
  writeFileSync(PATH, renderPage(readPage(), recorded));
}

function row(story: IsolationCase, { concurrent }: PostgresAnswers): string {
  const steps = stepsOf(story);
  const postgres = endsText(endsOf(steps, concurrent.answers), waiting(story, concurrent));
  return `| ${story.name} | ${story.idea} | ${postgres} | ${endsText(story.synod, new Set())} |`;
}

/** The transactions of which a step waited. */
function waiting(story: IsolationCase, { answers }: Performance): ReadonlySet<string> {
  const steps = stepsOf(story);
  const letters = lettersOf(steps);
  return new Set(
    letters.filter((letter) =>
      steps.some((step, at) => step.letter === letter && answers[at]?.waited === true),
    ),
  );
}

function endsText(ends: Ends, waits: ReadonlySet<string>): string {
  const texts = Object.entries(ends).toSorted(([left], [right]) => left.localeCompare(right));
  return texts
    .map(([letter, end]) => `${letter} ${waits.has(letter) ? "waits, then " : ""}${end}`)
    .join("; ");
}
