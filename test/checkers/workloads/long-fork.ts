/**
 * Keys in groups; each key is written once, and reads are of one whole group. Under snapshot isolation
 * and everything stronger all reads of a group agree on an order of its writes: of any two, one shows all
 * that the other does. If each shows a write that the other misses, time has forked.
 *
 * Reads of a group are put in the order of how much they show; then each need only be compared with the
 * one before it.
 */
import type { History, Operation, Verdict } from "../history.ts";
import { operationText } from "../operation-text.ts";
import { Findings } from "./findings.ts";

export type LongForkInput =
  | { readonly kind: "write"; readonly group: string; readonly key: string }
  | { readonly kind: "read"; readonly group: string };

/** The keys of the group that a read found written; of a write it is of no interest. */
export type LongForkOutput = readonly string[];

type LongForkOperation = Operation<LongForkInput, LongForkOutput>;

export function checkLongFork(history: History<LongForkInput, LongForkOutput>): Verdict {
  const findings = new Findings();
  const readsOf = new Map<string, LongForkOperation[]>();
  for (const operation of history) {
    const { input, outcome } = operation;
    if (input.kind !== "read" || outcome !== "ok") continue;
    const reads = readsOf.get(input.group);
    if (reads === undefined) readsOf.set(input.group, [operation]);
    else reads.push(operation);
  }
  for (const reads of readsOf.values()) checkGroup(reads, findings);
  return findings.verdict();
}

function checkGroup(reads: readonly LongForkOperation[], findings: Findings): void {
  const sizeOf = ({ output }: LongForkOperation): number => new Set(output).size;
  const byKeys = reads.toSorted((a, b) => sizeOf(a) - sizeOf(b));
  for (const [at, read] of byKeys.entries()) {
    const less = byKeys[at - 1];
    if (less === undefined) continue;
    const shown = new Set(read.output);
    const missed = less.output?.find((key) => !shown.has(key));
    if (missed === undefined) continue;
    const other = read.output?.find((key) => less.output?.includes(key) !== true);
    findings.add(
      "long-fork",
      `one shows ${missed} but not ${String(other)}, one the other way round:\n` +
        `  ${readText(less)}\n  ${readText(read)}`,
    );
  }
}

function readText(read: LongForkOperation): string {
  return operationText(read, `read of ${read.input.group}: ${(read.output ?? []).join(" ")}`);
}
