/**
 * A ledger: every operation adds one entry with an id of its own and an amount, and in the same transaction
 * its amount to a counter. Whoever gets no answer may try again elsewhere under the same id; that is one
 * operation, ended by its last answer.
 *
 * | anomaly      | meaning                                                                        |
 * | doubled      | an id is in the ledger more than once                                          |
 * | lost         | an id that was acknowledged before the read began is not in it                 |
 * | undone       | an id whose operation failed is in the ledger                                  |
 * | unexpected   | an id that nobody used is                                                      |
 * | wrong-amount | an entry has another amount than was asked                                     |
 * | wrong-sum    | the counter is not the sum of the ledger's entries                             |
 */
import type { History, Operation, Verdict } from "../history.ts";
import { operationText } from "../operation-text.ts";
import { Findings } from "./findings.ts";

export type LedgerInput =
  | { readonly kind: "add"; readonly id: string; readonly amount: number }
  | { readonly kind: "read" };

/** What a read saw in one transaction; of an add it is of no interest. */
export interface LedgerOutput {
  /** As in the table: an id that is there twice is here twice. */
  readonly entries: readonly { readonly id: string; readonly amount: number }[];
  readonly counter: number;
}

type LedgerOperation = Operation<LedgerInput, LedgerOutput>;

interface Add {
  readonly operation: LedgerOperation;
  readonly amount: number;
}

export function checkExactlyOnce(history: History<LedgerInput, LedgerOutput>): Verdict {
  const findings = new Findings();
  const adds = new Map<string, Add>();
  for (const operation of history) {
    const { input } = operation;
    if (input.kind !== "add") continue;
    if (adds.has(input.id)) throw new Error(`${input.id} is the id of two operations`);
    adds.set(input.id, { operation, amount: input.amount });
  }
  for (const read of history) {
    if (read.input.kind === "read" && read.outcome === "ok") checkRead(read, adds, findings);
  }
  return findings.verdict();
}

function checkRead(
  read: LedgerOperation,
  adds: ReadonlyMap<string, Add>,
  findings: Findings,
): void {
  const { entries, counter } = read.output ?? { entries: [], counter: 0 };
  const text = operationText(read, `read of ${entries.length} entries`);
  const seen = new Set<string>();
  for (const { id, amount } of entries) {
    const add = adds.get(id);
    if (seen.has(id)) findings.add("doubled", `${id} in ${text}`);
    seen.add(id);
    if (add === undefined) findings.add("unexpected", `${id} in ${text}`);
    else checkEntry(add, { id, amount }, text, findings);
  }
  for (const [id, { operation }] of adds) {
    const due = operation.outcome === "ok" && operation.completedAt < read.invokedAt;
    if (due && !seen.has(id)) findings.add("lost", `${addText(operation, id)}, not in ${text}`);
  }
  const sum = entries.reduce((total, { amount }) => total + amount, 0);
  if (sum !== counter) {
    findings.add("wrong-sum", `the entries come to ${sum}, the counter to ${counter} in ${text}`);
  }
}

function checkEntry(
  { operation, amount }: Add,
  entry: { readonly id: string; readonly amount: number },
  text: string,
  findings: Findings,
): void {
  if (operation.outcome === "failed") {
    findings.add("undone", `${addText(operation, entry.id)}, but it is in ${text}`);
  }
  if (entry.amount !== amount) {
    findings.add("wrong-amount", `${entry.id} has ${entry.amount} and not ${amount} in ${text}`);
  }
}

function addText(operation: LedgerOperation, id: string): string {
  return operationText(operation, `add ${id}`);
}
