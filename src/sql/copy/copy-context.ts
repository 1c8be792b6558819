/** Where in a COPY an error is: CONTEXT as PostgreSQL words it (CopyFromErrorCallback). */
import { SqlError } from "../errors.ts";

export interface CopyPlace {
  readonly table: string;
  /** From 1. */
  readonly line: number;
  /** The line itself, where it is known. */
  readonly text?: string;
  /** The column whose value is wrong, and that value. */
  readonly column?: string;
  readonly value?: string;
}

/** Values and lines are shown up to this many bytes. */
const SHOWN_BYTES_MAX = 100;

/** The error with its place; one that has a place already keeps it. */
export function inCopy(error: SqlError, place: CopyPlace): SqlError {
  const { sqlState, message, fields } = error;
  if (fields.context !== undefined) return error;
  return new SqlError(sqlState, message, { ...fields, context: placeText(place) });
}

function placeText({ table, line, text, column, value }: CopyPlace): string {
  const where = `COPY ${table}, line ${line}`;
  if (column !== undefined && value !== undefined) {
    return `${where}, column ${column}: "${shown(value)}"`;
  }
  return text === undefined ? where : `${where}: "${shown(text)}"`;
}

function shown(text: string): string {
  const bytes = Buffer.from(text);
  if (bytes.length <= SHOWN_BYTES_MAX) return text;
  let end = SHOWN_BYTES_MAX;
  // Never within a character.
  while (((bytes[end] ?? 0) & 0xc0) === 0x80) end -= 1;
  return `${bytes.subarray(0, end).toString()}...`;
}
