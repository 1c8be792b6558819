/**
 * Write skew: two people share a duty, and each may leave it in a transaction that has seen the other
 * on it. One by one that keeps somebody on duty for ever; two that leave at once, each having seen the
 * other, do not. So no read may find a duty with nobody.
 */
import type { History, Verdict } from "../history.ts";
import { operationText } from "../operation-text.ts";
import { Findings } from "./findings.ts";

export type OnCallInput =
  | { readonly kind: "change"; readonly duty: string }
  | { readonly kind: "read"; readonly duty: string };

/** How many were on the duty when the transaction looked. */
export type OnCallOutput = number;

export function checkOnCall(history: History<OnCallInput, OnCallOutput>): Verdict {
  const findings = new Findings();
  for (const operation of history) {
    if (operation.outcome !== "ok" || operation.output !== 0) continue;
    const { kind, duty } = operation.input;
    findings.add(
      "nobody-on-call",
      operationText(operation, `${kind} of duty ${duty} found nobody`),
    );
  }
  return findings.verdict();
}
