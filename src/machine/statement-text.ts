/**
 * The second wall in front of SQLite. The translator writes every statement that gets here, but a
 * replica believes no text: what would change the connection, leave the transaction of the entry or
 * reach other files is refused whoever wrote it (faults section 5).
 */
import { SqlError } from "../sql/errors.ts";
import type { SqliteValue } from "../sql/values.ts";

/** `replicated`: a step of a command; `read`: a query on one node. */
export type StatementUse = "replicated" | "read";

/** How a statement's parameters are bound. */
export interface CheckedText {
  /** The text to prepare. */
  readonly sql: string;
  /** Parameters are numbered (?1, ?2 …) and bound by number; else by position. */
  readonly numbered: boolean;
}

const FIRST_WORDS: Readonly<Record<StatementUse, ReadonlySet<string>>> = {
  replicated: new Set([
    "SELECT",
    "VALUES",
    "WITH",
    "INSERT",
    "REPLACE",
    "UPDATE",
    "DELETE",
    "CREATE",
    "DROP",
    "ALTER",
  ]),
  read: new Set(["SELECT", "VALUES", "WITH", "EXPLAIN"]),
};

/** Literals, quoted names, comments, and the numbered parameters outside of them. */
const TOKENS =
  /'(?:[^']|'')*'|"(?:[^"]|"")*"|`(?:[^`]|``)*`|\[[^\]]*\]|--[^\n]*|\/\*[\s\S]*?(?:\*\/|$)|\?\d+/g;

/**
 * Conflict clauses that end the whole transaction, or keep half of a statement: the machine relies
 * on a failed statement leaving nothing behind and the transaction open.
 */
const UNSAFE_CLAUSE =
  /\b(?:insert|update|replace)\s+or\s+(?:rollback|fail)\b|\bon\s+conflict\s+(?:rollback|fail)\b|\braise\s*\(\s*(?:rollback|fail)\b/i;

/** State of one connection, which no other node would see; and modules, which have their own rules. */
const UNSAFE_CREATE = /^\s*create\s+(?:temp|temporary|virtual)\b/i;

/** Checks one statement's text; throws SqlError (42501) for what must not reach SQLite. */
export function checkStatementText(text: string, use: StatementUse): CheckedText {
  if (text.includes("\0")) throw refused("a NUL character");
  const parameters: string[] = [];
  const bare = text.replace(TOKENS, (token) => {
    if (!token.startsWith("?")) return isComment(token) ? " " : '""';
    parameters.push(token);
    return "?";
  });
  const word = /^[\s\uFEFF]*([a-z]+)/i.exec(bare)?.[1]?.toUpperCase() ?? "";
  if (!FIRST_WORDS[use].has(word)) throw refused(word === "" ? "this text" : word);
  if (UNSAFE_CREATE.test(bare)) throw refused("CREATE TEMPORARY or VIRTUAL");
  if (UNSAFE_CLAUSE.test(bare)) throw refused("ON CONFLICT ROLLBACK or FAIL");
  const inOrder = parameters.every((parameter, index) => parameter === `?${index + 1}`);
  if (parameters.length === 0) return { sql: text, numbered: false };
  if (!inOrder) return { sql: text, numbered: true };
  // Binding by position is faster than by number, and the same where each is used once in order.
  const sql = text.replace(TOKENS, (token) => (token.startsWith("?") ? "?" : token));
  return { sql, numbered: false };
}

function isComment(token: string): boolean {
  return token.startsWith("--") || token.startsWith("/*");
}

function refused(what: string): SqlError {
  return new SqlError("42501", `${what} may not reach the replicated database`);
}

/**
 * Characters and bytes of a text and its parameters up to which it does not matter what is done with
 * them. A longer text may be a list of any length, and takes its time to be looked at.
 */
const SHORT_LENGTH_MAX = 16 * 1024;

/**
 * Queries in a text up to which it does not matter what SQLite makes of them: an expression over one
 * that is taken in can double with each level.
 */
const SHORT_SELECTS_MAX = 8;

/** Whether a text with its parameters is so short that looking at it takes no time. */
export function isShortText(text: string, parameters: readonly SqliteValue[]): boolean {
  return hasShortLength(text, parameters) && hasFewSelects(text);
}

export function hasShortLength(text: string, parameters: readonly SqliteValue[]): boolean {
  return text.length + lengthOf(parameters) <= SHORT_LENGTH_MAX;
}

export function hasFewSelects(text: string): boolean {
  let selects = 0;
  for (let at = text.indexOf("SELECT"); at !== -1; at = text.indexOf("SELECT", at + 1)) {
    selects += 1;
    if (selects > SHORT_SELECTS_MAX) return false;
  }
  return true;
}

function lengthOf(parameters: readonly SqliteValue[]): number {
  let length = 0;
  for (const value of parameters) {
    if (typeof value === "string" || value instanceof Uint8Array) length += value.length;
  }
  return length;
}
