/**
 * Errors of the machine are not results (faults rule 20): a full disk or a damaged file on one node
 * must not become an outcome, because the other nodes would have another one.
 */
import { AssertionError } from "../base/assert.ts";
import type { Catalog } from "../sql/catalog/catalog.ts";
import { SqlError } from "../sql/errors.ts";
import { sqlErrorFromSqlite } from "../sql/sqlite-errors.ts";

/** This node's copy of the state cannot go on: the disk, a file or the process is broken. */
export class MachineError extends Error {
  override readonly name = "MachineError";
}

/** A run was broken off for a reason of its caller's: neither the statement's nor the machine's error. */
export class BrokenOff extends Error {
  override readonly name: string = "BrokenOff";
}

/** SQLite's codes that speak of this machine and not of the statement. */
const MACHINE_CODES =
  /^SQLITE_(FULL|IOERR|NOMEM|CORRUPT|CANTOPEN|READONLY|INTERRUPT|PROTOCOL|BUSY|LOCKED|NOTADB|NOLFS|PERM|MISUSE|INTERNAL|ABORT|SCHEMA|EMPTY|FORMAT|NOTFOUND)/;

/**
 * The statement's error, or a MachineError thrown: `error` is what better-sqlite3 or one of our SQL
 * functions threw while a statement was prepared or ran.
 */
export function statementError(error: unknown, catalog: Catalog): SqlError {
  if (error instanceof SqlError) return error;
  if (error instanceof AssertionError || error instanceof MachineError) throw error;
  if (error instanceof BrokenOff) throw error;
  const code = sqliteCode(error);
  if (code === null) return programError(error);
  const message = error instanceof Error ? error.message : String(error);
  const mapped = MACHINE_CODES.test(code) ? null : sqlErrorFromSqlite(code, message, catalog);
  if (mapped === null) throw new MachineError(`${code}: ${message}`, { cause: error });
  return mapped;
}

/** SQLite's extended result code, or null if `error` did not come from SQLite. */
export function sqliteCode(error: unknown): string | null {
  if (!(error instanceof Error) || !("code" in error)) return null;
  const { code } = error;
  return typeof code === "string" && code.startsWith("SQLITE_") ? code : null;
}

/**
 * What is neither SQLite's nor an SqlError: a wrong number of parameters, or a function that does
 * not expect its argument. It is the same on every node, so it is the statement's error, with a
 * text that does not depend on the version of Node. Running out of memory is the machine's.
 */
function programError(error: unknown): SqlError {
  const message = error instanceof Error ? error.message : String(error);
  if (/allocation failed|out of memory/i.test(message)) {
    throw new MachineError(message, { cause: error });
  }
  if (/call stack/i.test(message)) return new SqlError("54001", "stack depth limit exceeded");
  if (/parameter values|named parameter/i.test(message)) {
    return new SqlError("08P01", "the statement was given a wrong number of parameters");
  }
  return new SqlError("XX000", "internal error in a function or statement");
}
