/** Does each transaction agree with itself? */
import type { Appends } from "./appends.ts";
import type { Anomaly } from "./levels.ts";
import { listText, type Transaction } from "./transaction.ts";
import { simpleAnomaly, transactionText } from "./version-order.ts";

/** A read must show what the same transaction read and appended before. */
export function reportInternal(appends: Appends, report: (anomaly: Anomaly) => void): void {
  for (const [index, transaction] of appends.history.entries()) {
    if (transaction.outcome !== "ok" || transaction.input.length < 2) continue;
    for (const [step, asked] of transaction.input.entries()) {
      if (asked.kind !== "read") continue;
      const wrong = disagreement(transaction, step, asked.key);
      if (wrong === null) continue;
      report(simpleAnomaly("internal", `${wrong}\n  ${transactionText(appends, index)}`));
    }
  }
}

function disagreement(transaction: Transaction, step: number, key: string): string | null {
  const list = transaction.output?.[step] ?? [];
  const early = ownAppends(transaction, key, step + 1).find((value) => list.includes(value));
  if (early !== undefined) {
    return `${key} is ${listText(list)}, with ${early} that it appended only afterwards`;
  }
  const readBefore = lastRead(transaction, step, key);
  const own = ownAppends(transaction, key, Math.max(readBefore, 0), step);
  const from = list.length - own.length;
  const endsInOwn = from >= 0 && own.every((value, at) => list[from + at] === value);
  if (!endsInOwn) return `${key} is ${listText(list)}, without its own ${listText(own)} at the end`;
  if (readBefore === -1) return null;
  const base = transaction.output?.[readBefore] ?? [];
  if (base.length === from && base.every((value, at) => list[at] === value)) return null;
  return `${key} is ${listText(list)} where it was ${listText(base)} before its own ${listText(own)}`;
}

function ownAppends(
  { input }: Transaction,
  key: string,
  from: number,
  to = input.length,
): readonly number[] {
  const own: number[] = [];
  for (let at = from; at < to; at += 1) {
    const step = input[at];
    if (step?.kind === "append" && step.key === key) own.push(step.value);
  }
  return own;
}

/** The read of the key before this step, or -1. */
function lastRead({ input }: Transaction, step: number, key: string): number {
  for (let at = step - 1; at >= 0; at -= 1) {
    const earlier = input[at];
    if (earlier?.kind === "read" && earlier.key === key) return at;
  }
  return -1;
}
