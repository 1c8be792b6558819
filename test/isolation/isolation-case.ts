/**
 * A story of a few transactions whose statements are sent in a given order, each transaction over a
 * connection of its own. A step is a line `a: STATEMENT`: the transaction's letter and what it sends.
 * A letter without BEGIN is one statement that commits by itself.
 */

/** How a transaction ends: by COMMIT, by a ROLLBACK that it asked for, or with this SQLSTATE. */
type End = "commits" | "rolls back" | `${number}${string}`;

export type Ends = Readonly<Record<string, End>>;

export interface IsolationCase {
  readonly name: string;
  /** The anomaly's name in the literature, or that of PostgreSQL's isolation test with this idea. */
  readonly idea: string;
  /** Statements before the story, separated by semicolons. */
  readonly setup: string;
  readonly script: string;
  /** A query for the state after the story. */
  readonly final: string;
  /** How Synod lets each transaction end. */
  readonly synod: Ends;
}

export interface Step {
  readonly letter: string;
  readonly statement: string;
}

/** What one step was answered, as text (outcome.ts). */
export interface Answer {
  readonly outcome: string;
  /** The server let it wait for another transaction. */
  readonly waited: boolean;
}

/** One performance of a case: an answer for each step, and the state after it. */
export interface Performance {
  readonly answers: readonly Answer[];
  readonly final: string;
}

export function stepsOf({ name, script }: IsolationCase): readonly Step[] {
  const lines = script.split("\n").map((line) => line.trim());
  return lines.filter((line) => line !== "").map((line) => step(name, line));
}

function step(name: string, line: string): Step {
  const [, letter, statement] = /^([a-z]): (.+)$/.exec(line) ?? [];
  if (letter === undefined || statement === undefined) {
    throw new Error(`case "${name}": not a step: ${line}`);
  }
  return { letter, statement };
}

/** The transactions' letters in the order in which they begin. */
export function lettersOf(steps: readonly Step[]): readonly string[] {
  return [...new Set(steps.map(({ letter }) => letter))];
}

/** What the steps of one transaction were answered. */
export function outcomesOf(
  steps: readonly Step[],
  answers: readonly Answer[],
  letter: string,
): readonly string[] {
  return steps.flatMap((each, at) =>
    each.letter === letter ? [answers[at]?.outcome ?? "nothing"] : [],
  );
}

/** How each transaction ended, from what its steps were answered. */
export function endsOf(steps: readonly Step[], answers: readonly Answer[]): Ends {
  const ends = lettersOf(steps).map((letter) => [
    letter,
    endOf(outcomesOf(steps, answers, letter)),
  ]);
  return Object.fromEntries(ends) as Ends;
}

function isSqlState(outcome: string): boolean {
  return /^[0-9A-Z]{5}$/.test(outcome) && /\d/.test(outcome);
}

function endOf(outcomes: readonly string[]): End {
  const last = outcomes.at(-1) ?? "";
  if (last !== "ROLLBACK" && !isSqlState(last)) return "commits";
  // 25P02 only repeats that something failed before.
  const failures = outcomes.filter((outcome) => isSqlState(outcome) && outcome !== "25P02");
  return (failures.at(-1) as End | undefined) ?? "rolls back";
}
