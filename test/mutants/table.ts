/** What became of the mutants, as a table: on the terminal and in docs/mutants.md. */
import { compareIds } from "./catalogue.ts";
import type { Verdict } from "./kill.ts";
import type { Mutant, NotApplicable } from "./mutant.ts";

export interface Outcome {
  readonly mutant: Mutant;
  /** One for each start. */
  readonly verdicts: readonly Verdict[];
}

export function survived(outcome: Outcome): boolean {
  return outcome.verdicts.some(({ kind }) => kind === "survived");
}

/** The middle of the seeds that were needed; survivors count with their whole budget. */
export function medianSeeds({ verdicts }: Outcome): number {
  const seeds = verdicts.map((verdict) => verdict.seeds).toSorted((left, right) => left - right);
  return seeds[Math.floor((seeds.length - 1) / 2)] ?? 0;
}

export function mostSeeds({ verdicts }: Outcome): number {
  return Math.max(...verdicts.map(({ seeds }) => seeds));
}

/** The oracles that noticed, the most frequent first. */
export function noticedBy({ verdicts }: Outcome): string {
  const counts = new Map<string, number>();
  for (const verdict of verdicts) {
    const oracle = verdict.kind === "killed" ? verdict.invariant : "SURVIVED";
    counts.set(oracle, (counts.get(oracle) ?? 0) + 1);
  }
  return [...counts]
    .toSorted(([, left], [, right]) => right - left)
    .map(([oracle, count]) => (counts.size === 1 ? oracle : `${oracle} (${count})`))
    .join("; ");
}

const HEAD = [
  "mutant",
  "the mistake",
  "world",
  "noticed by",
  "starts",
  "median",
  "most",
  "budget",
] as const;

/** The cells of one line of the table; the first one is the mutant's id. */
export type Row = readonly string[];

export function rowOf(outcome: Outcome): Row {
  const { mutant, verdicts } = outcome;
  return [
    mutant.id,
    mutant.what,
    mutant.world,
    noticedBy(outcome),
    String(verdicts.length),
    String(medianSeeds(outcome)),
    String(mostSeeds(outcome)),
    String(mutant.seedsMax),
  ];
}

export function missingRow({ id, what, why }: NotApplicable): Row {
  return [id, what, "", `not applicable yet: ${why}`, "", "", "", ""];
}

/** GitHub's markdown, columns padded so that it reads as plain text too. */
export function tableOf(rows: readonly Row[]): string {
  const sorted = rows.toSorted(([left = ""], [right = ""]) => compareIds(left, right));
  const widths = HEAD.map((_, column) =>
    Math.max(...[HEAD, ...sorted].map((row) => row[column]?.length ?? 0)),
  );
  const line = (row: Row, fill: string) =>
    `| ${widths.map((width, column) => (row[column] ?? "").padEnd(width, fill)).join(" | ")} |`;
  return [line(HEAD, " "), line([], "-"), ...sorted.map((row) => line(row, " "))].join("\n");
}

/** The rows of a table that `tableOf` printed. */
export function rowsIn(text: string): readonly Row[] {
  return text
    .split("\n")
    .filter((line) => line.startsWith("| "))
    .slice(2)
    .map((line) =>
      line
        .slice(2, -2)
        .split(" | ")
        .map((cell) => cell.trim()),
    );
}
