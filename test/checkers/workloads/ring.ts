/**
 * Rows that each name the next, in one ring over all of them; transactions move rows to another place in it.
 * Every read of all rows must show one ring over the same rows. A cheap sign of broken isolation.
 */
import type { History, Verdict } from "../history.ts";
import { operationText } from "../operation-text.ts";
import { Findings } from "./findings.ts";

export type RingInput =
  | { readonly kind: "read" }
  /** Takes the row out and puts it behind another. */
  | { readonly kind: "move"; readonly row: number; readonly behind: number };

/** From each row to the next, as pairs; of a move it is of no interest. */
export type RingOutput = readonly (readonly [row: number, next: number])[];

export function checkRing(history: History<RingInput, RingOutput>, rows: number): Verdict {
  const findings = new Findings();
  for (const read of history) {
    if (read.input.kind !== "read" || read.outcome !== "ok") continue;
    const wrong = whatIsWrong(read.output ?? [], rows);
    if (wrong === null) continue;
    const pairs = (read.output ?? []).map(([row, next]) => `${row}->${next}`).join(" ");
    findings.add("broken-ring", `${wrong} in ${operationText(read, `read of ${pairs}`)}`);
  }
  return findings.verdict();
}

function whatIsWrong(pairs: RingOutput, rows: number): string | null {
  const next = new Map(pairs);
  if (pairs.length !== rows || next.size !== rows) {
    return `${pairs.length} rows, ${next.size} of them different, where there are ${rows}`;
  }
  const first = pairs[0]?.[0];
  const visited = new Set<number>();
  let row = first;
  while (row !== undefined && !visited.has(row)) {
    visited.add(row);
    row = next.get(row);
  }
  if (row === undefined) return `a row that leads to none after ${[...visited].join(" ")}`;
  if (row !== first) return `a path that runs into its own middle, at ${row}`;
  return visited.size === rows ? null : `a ring of ${visited.size} rows only`;
}
