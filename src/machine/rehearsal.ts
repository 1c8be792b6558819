import { isAboutResources } from "../sql/errors.ts";
import type { CommandStatement } from "./command.ts";
import type { SpeculationResult, TransactionStart } from "./speculation.ts";
import type { TransactionExecutor } from "./transaction-executor.ts";
import { TransactionRun } from "./transaction-run.ts";
import type { TrialTransaction } from "./trial-transaction.ts";

const NO_ANSWER = { digest: new Uint8Array(0), sequenceValues: [] } as const;

/** What has nothing to tell. */
export const DONE: Extract<SpeculationResult, { readonly kind: "done" }> = {
  ...NO_ANSWER,
  kind: "done",
  outcome: { count: 0, rows: null, fromMemory: false },
};

/** Runs a statement as the log would now, and undoes it: see Rehearsal. Nothing else is being tried. */
export function rehearse(
  statement: CommandStatement,
  start: TransactionStart,
  executor: TransactionExecutor,
  transaction: TrialTransaction,
): SpeculationResult {
  const { sequences } = executor;
  const movesBefore = sequences.moves;
  const run = new TransactionRun(executor, start);
  const begun = transaction.begin(statement.rebuildsTables);
  try {
    const result = run.rehearse(statement);
    const keepsValues = statement.kind !== "schema" && sequences.moves !== movesBefore;
    if (result.kind === "done" || (keepsValues && !isAboutResources(result.error))) return DONE;
    const { sqlState, message, fields } = result.error;
    return { ...NO_ANSWER, kind: "failed", error: { sqlState, message, fields } };
  } finally {
    transaction.rollBack(begun, run.changedSchema);
  }
}
