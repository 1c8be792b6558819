/** PostgreSQL's own grammar (libpg-query): text to statements, each with its tree. */
import { hasSqlDetails, loadModule, type Node, parseSync } from "libpg-query";
import { SqlError } from "./errors.ts";

export interface ParsedStatement {
  /** This statement's own text, without its semicolon. */
  readonly text: string;
  /** Characters of the whole text before this statement's own. */
  readonly position: number;
  /** libpg-query's tree. Its locations count UTF-8 bytes of the whole text, see `byteOffset`. */
  readonly node: Node;
  /** UTF-8 bytes of the whole text before this statement's own. */
  readonly byteOffset: number;
  /** `node` only says what kind of statement it is: the tree was looked at elsewhere (large-text.ts). */
  readonly isOutline?: boolean;
  /** Of an outline: the parameter that stands first in the text, if there is any. */
  readonly firstParameter?: FirstParameter | null;
}

/** A parameter, with its place as the tree has it. */
export interface FirstParameter {
  readonly number?: number;
  readonly location?: number;
}

/** Loads the WebAssembly parser; once a process, before the first `parseStatements`. */
export async function loadParser(): Promise<void> {
  await loadModule();
}

/**
 * The statements of `text` in order; none for an empty text or one of comments alone. Throws
 * SqlError 42601 in PostgreSQL's words, with the position.
 */
export function parseStatements(text: string): readonly ParsedStatement[] {
  if (text.includes("\0")) {
    throw new SqlError("22021", 'invalid byte sequence for encoding "UTF8": 0x00');
  }
  const statements = parse(text);
  const bytes = Buffer.from(text, "utf8");
  const parsed: ParsedStatement[] = [];
  let bytesBefore = 0;
  let charactersBefore = 0;
  for (const { stmt, stmt_location: start = 0, stmt_len: length } of statements) {
    if (stmt === undefined) {
      continue;
    }
    const end = length === undefined ? bytes.length : start + length;
    const own = bytes.subarray(start, end).toString("utf8");
    const leading = own.length - own.trimStart().length;
    charactersBefore += Array.from(bytes.subarray(bytesBefore, start).toString("utf8")).length;
    bytesBefore = start;
    parsed.push({
      text: own.trim(),
      position: charactersBefore + leading,
      node: stmt,
      byteOffset: start + leading,
    });
  }
  return parsed;
}

/** Where a location of the tree is in the whole text, in characters from 1: what a client is told. */
export function positionIn(
  { text, position, byteOffset }: Omit<ParsedStatement, "node">,
  location: number,
): number {
  const before = Buffer.from(text, "utf8").subarray(0, location - byteOffset);
  return position + Array.from(before.toString("utf8")).length + 1;
}

/** An extra position for what `parseSync` refuses; it counts characters from 0. */
function parse(text: string) {
  if (text.trim() === "") {
    return [];
  }
  try {
    return parseSync(text).stmts ?? [];
  } catch (error) {
    if (hasSqlDetails(error)) {
      const { message, cursorPosition } = error.sqlDetails ?? {
        message: error.message,
        cursorPosition: -1,
      };
      throw new SqlError(
        "42601",
        message,
        cursorPosition >= 0 ? { position: cursorPosition + 1 } : {},
      );
    }
    throw error instanceof RangeError ? tooDeep() : error;
  }
}

/** The tree is walked by recursion, so that its depth is bounded by the stack. */
export function tooDeep(): SqlError {
  return new SqlError("54001", "stack depth limit exceeded");
}
