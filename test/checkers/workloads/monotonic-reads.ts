/**
 * Each key has a version that only grows. Within a session, whichever nodes it asks, no read may show an
 * older version than one that the session has read or written before.
 */
import type { History, Operation, Verdict } from "../history.ts";
import { operationText } from "../operation-text.ts";
import { Findings } from "./findings.ts";

export interface VersionInput {
  readonly kind: "read" | "write";
  readonly key: string;
}

/** The version that a read saw, or that a write made. */
export type VersionOutput = number;

type VersionOperation = Operation<VersionInput, VersionOutput>;

export function checkMonotonicReads(history: History<VersionInput, VersionOutput>): Verdict {
  const findings = new Findings();
  const newestOf = new Map<string, VersionOperation>();
  const byInvocation = history.toSorted((a, b) => a.invokedAt - b.invokedAt);
  for (const operation of byInvocation) {
    if (operation.outcome !== "ok") continue;
    const { process, input } = operation;
    const sessionKey = `${process} ${input.key}`;
    const newest = newestOf.get(sessionKey);
    if (newest === undefined || version(operation) >= version(newest)) {
      newestOf.set(sessionKey, operation);
      continue;
    }
    const anomaly = newest.input.kind === "read" ? "non-monotonic" : "own-write-missed";
    findings.add(anomaly, `\n  ${text(newest)}\n  ${text(operation)}`);
  }
  return findings.verdict();
}

function version({ output }: VersionOperation): number {
  return output ?? -Infinity;
}

function text(operation: VersionOperation): string {
  const { input, output } = operation;
  return operationText(operation, `${input.kind} ${input.key} -> version ${String(output)}`);
}
