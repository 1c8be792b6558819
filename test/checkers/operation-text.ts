import type { Operation } from "./history.ts";

/** One line on an operation: when, who, where, what, in the same order everywhere. */
export function operationText<Input, Output>(
  operation: Operation<Input, Output>,
  what: string,
): string {
  const until = operation.outcome === "unknown" ? "?" : String(operation.completedAt);
  const { outcome } = operation;
  return (
    `[${operation.invokedAt}..${until}] process ${operation.process} at ${operation.node}: ${what}` +
    (outcome === "ok" ? "" : ` (${outcome})`)
  );
}
