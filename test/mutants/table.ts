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

const HEAD = ["mutant", "the mistake", "world", "noticed by", "median", "most", "budget"];

/** GitHub's markdown, columns padded so that it reads as plain text too. */
export function tableOf(outcomes: readonly Outcome[], missing: readonly NotApplicable[]): string {
  const rows = [
    ...outcomes.map(rowOf),
    ...missing.map(({ id, what, why }) => [
      id,
      what,
      "–",
      `not applicable yet: ${why}`,
      "",
      "",
      "",
    ]),
  ].toSorted(([left = ""], [right = ""]) => compareIds(left, right));
  const all = [HEAD, ...rows];
  const widths = HEAD.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[], fill: string) =>
    `| ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0, fill)).join(" | ")} |`;
  return [
    line(HEAD, " "),
    line(
      HEAD.map(() => ""),
      "-",
    ),
    ...rows.map((row) => line(row, " ")),
  ].join("\n");
}

function rowOf(outcome: Outcome): string[] {
  const { mutant } = outcome;
  return [
    mutant.id,
    mutant.what,
    mutant.world,
    noticedBy(outcome),
    String(medianSeeds(outcome)),
    String(mostSeeds(outcome)),
    String(mutant.seedsMax),
  ];
}
