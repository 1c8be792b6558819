/** What a transaction block that has failed still lets run: whatever ends it, or brings it back. */
import { SqlError } from "./errors.ts";
import type { ParsedStatement } from "./parse.ts";

/** Whether a statement may run in a block that has failed. */
export function leavesFailure({ node }: ParsedStatement): boolean {
  if (!("TransactionStmt" in node)) return false;
  const { kind = "" } = node.TransactionStmt;
  return ["TRANS_STMT_COMMIT", "TRANS_STMT_ROLLBACK", "TRANS_STMT_ROLLBACK_TO"].includes(kind);
}

/** SAVEPOINT, RELEASE and ROLLBACK TO. */
export function isAboutSavepoint({ node }: ParsedStatement): boolean {
  if (!("TransactionStmt" in node)) return false;
  const { kind = "" } = node.TransactionStmt;
  return ["TRANS_STMT_SAVEPOINT", "TRANS_STMT_RELEASE", "TRANS_STMT_ROLLBACK_TO"].includes(kind);
}

/** The error (25P02) for any other statement. */
export function inFailedBlock(): SqlError {
  return new SqlError(
    "25P02",
    "current transaction is aborted, commands ignored until end of transaction block",
  );
}
