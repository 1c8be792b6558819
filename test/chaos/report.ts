/** The figures of a run as text. */
import type { StormResult } from "./storm.ts";

export function isClean(result: StormResult): boolean {
  return (
    result.failures.length === 0 &&
    result.unexpected.size === 0 &&
    [...result.verdicts.values()].every(({ verdict }) => verdict.kind === "valid")
  );
}

export function stormReport(result: StormResult): string {
  const lines = ["", "workload        ok       failed   unknown  verdict"];
  for (const [name, { counts, verdict }] of result.verdicts) {
    const figures = [counts.ok, counts.failed, counts.unknown].map((n) => String(n).padEnd(9));
    const text =
      verdict.kind === "valid"
        ? "valid"
        : verdict.kind === "undecided"
          ? `UNDECIDED: ${verdict.reason}`
          : `INVALID, ${verdict.anomaly}: ${shortened(verdict.explanation)}`;
    lines.push(`${name.padEnd(16)}${figures.join("")}${text}`);
  }
  lines.push("", "fault                 times");
  for (const [kind, count] of [...result.faults].sort(([one], [other]) => one.localeCompare(other)))
    lines.push(`${kind.padEnd(22)}${count}`);
  for (const [kind, missing] of result.skipped) {
    lines.push(`${kind.padEnd(22)}SKIPPED: this machine lacks ${missing}`);
  }
  if (result.notes.length > 0) lines.push("", "notes", ...counted(result.notes));
  for (const [what, count] of result.unexpected) {
    lines.push(`UNEXPECTED ANSWER, ${count} times: ${what}`);
  }
  lines.push("", ...result.failures.map((failure) => `FAILED: ${failure}`));
  lines.push(isClean(result) ? "all held" : `NOT CLEAN (${result.directory})`);
  return lines.join("\n");
}

const LINES_SHOWN_MAX = 12;
const LINE_CHARACTERS_SHOWN = 240;

/** The histories have the rest. */
function shortened(text: string): string {
  const lines = text.split("\n").slice(0, LINES_SHOWN_MAX);
  return lines.map((line) => line.slice(0, LINE_CHARACTERS_SHOWN)).join("\n");
}

function counted(texts: readonly string[]): string[] {
  const counts = new Map<string, number>();
  for (const text of texts) counts.set(text, (counts.get(text) ?? 0) + 1);
  return [...counts].map(([text, count]) => `${String(count).padStart(4)} x ${text}`);
}
