/**
 * The table function that every node runs to read a chunk of a COPY FROM:
 *
 *   copy_rows_N(chunk, lines before it, line end, shape, time zone)
 *
 * gives rows of N columns c1, c2 …, of which the first are the values of the shape's columns in storage
 * form and the others NULL: SQLite wants to know the number of columns beforehand.
 */
import { assert } from "../../base/assert.ts";
import { SqlError } from "../errors.ts";
import type { FunctionContext, TableFunction } from "../functions/function.ts";
import type { SqliteValue } from "../values.ts";
import { inCopy } from "./copy-context.ts";
import type { CopyFormat } from "./copy-format.ts";
import { type ValueInput, type ValueType, valueInput } from "./copy-values.ts";
import { csvFields } from "./csv-fields.ts";
import { textFields } from "./text-fields.ts";

/** What the lines of a COPY FROM are; goes to the log as JSON. */
export interface CopyShape {
  readonly format: CopyFormat;
  /** As errors name it. */
  readonly table: string;
  readonly columns: readonly CopyColumn[];
}

export interface CopyColumn extends ValueType {
  readonly name: string;
  readonly forceNotNull: boolean;
  readonly forceNull: boolean;
}

/** The numbers of columns that there are functions for; a table of SQLite has no more than the last. */
const WIDTHS = [4, 8, 16, 32, 64, 128, 256, 512, 1024, 2000] as const;

/** The function for so many columns. */
export function copyRowsFunction(columns: number): string {
  const width = WIDTHS.find((each) => each >= columns);
  assert(width !== undefined, `a table of ${columns} columns`);
  return `copy_rows_${width}`;
}

export const copyRowsFunctions: readonly TableFunction[] = WIDTHS.map((width) => ({
  name: `copy_rows_${width}`,
  parameters: ["chunk", "lines_before", "line_end", "shape", "time_zone"],
  columns: Array.from({ length: width }, (_, index) => `c${index + 1}`),
  rows: (context, args) => rowsOf(context, args, width),
}));

function* rowsOf(
  context: FunctionContext,
  [chunk, linesBefore, lineEnd, shape, timeZone]: readonly SqliteValue[],
  width: number,
): Generator<readonly SqliteValue[]> {
  const reader = new CopyReader(JSON.parse(String(shape)) as CopyShape, context, String(timeZone));
  context.locateErrors((error) => reader.located(error));
  yield* reader.rows(
    { text: String(chunk), linesBefore: Number(linesBefore), width },
    String(lineEnd),
  );
}

interface Chunk {
  readonly text: string;
  readonly linesBefore: number;
  readonly width: number;
}

/** Rows of one chunk, and where in it the reader is. */
class CopyReader {
  readonly #shape: CopyShape;
  readonly #inputs: readonly ValueInput[];
  #line = 0;
  #text = "";
  /** What is being read now. */
  #at: { readonly column: string; readonly value: string } | null = null;

  constructor(shape: CopyShape, context: FunctionContext, timeZone: string) {
    this.#shape = shape;
    this.#inputs = shape.columns.map((column) => valueInput(column, context, timeZone));
  }

  *rows({ text, linesBefore, width }: Chunk, lineEnd: string): Generator<readonly SqliteValue[]> {
    const blank: readonly null[] = Array.from({ length: width }, () => null);
    this.#line = linesBefore;
    for (let from = 0; from < text.length; ) {
      const end = this.#lineAt(text, from, lineEnd);
      this.#text = text.slice(from, end);
      this.#line += 1 + this.#linesInQuotes(lineEnd);
      from = end + lineEnd.length;
      yield this.#row(blank);
    }
  }

  /** An error of the statement with its place: none for what is found when all rows are there. */
  located(error: SqlError): SqlError {
    if (error.sqlState === FOREIGN_KEY_VIOLATION) return error;
    const { table } = this.#shape;
    const line = this.#line;
    // PostgreSQL has forgotten the line when it looks at the indexes.
    if (error.sqlState === UNIQUE_VIOLATION) return inCopy(error, { table, line });
    return inCopy(error, { table, line, text: this.#text, ...this.#at });
  }

  #row(blank: readonly null[]): SqliteValue[] {
    const { format, columns } = this.#shape;
    const fields = format.csv ? csvFields(this.#text, format) : textFields(this.#text, format);
    if (fields.length > columns.length) {
      throw new SqlError("22P04", "extra data after last expected column");
    }
    const row: SqliteValue[] = [...blank];
    for (const [at, column] of columns.entries()) {
      const field = fields[at];
      if (field === undefined) {
        throw new SqlError("22P04", `missing data for column "${column.name}"`);
      }
      const value = this.#forced(field, column);
      if (value === null) continue;
      this.#at = { column: column.name, value };
      row[at] = this.#inputs[at]?.(value) ?? null;
      this.#at = null;
    }
    return row;
  }

  #forced(field: string | null, { forceNotNull, forceNull }: CopyColumn): string | null {
    const { nullText } = this.#shape.format;
    if (field === null) return forceNotNull ? nullText : null;
    return forceNull && field === nullText ? null : field;
  }

  /** Where the line that begins at `from` ends: behind escapes and quotes as LineCutter sees them. */
  #lineAt(text: string, from: number, lineEnd: string): number {
    const { format } = this.#shape;
    const quotes = format.csv ? new QuoteWatch(format) : null;
    for (let search = from; ; ) {
      const end = text.indexOf(lineEnd, search);
      if (end === -1) return text.length;
      quotes?.pass(text, search, end);
      if (!(quotes?.isOpen ?? isEscaped(text, end))) return end;
      search = end + lineEnd.length;
    }
  }

  #linesInQuotes(lineEnd: string): number {
    if (!this.#shape.format.csv) return 0;
    // As LineCutter counts.
    const mark = lineEnd === "\n" && this.#line > 0 ? "\n" : "\r";
    return this.#text.includes(mark) ? this.#text.split(mark).length - 1 : 0;
  }
}

/** Whether a line has an open quote so far. */
class QuoteWatch {
  readonly #quote: number;
  /** -1: the quote itself. */
  readonly #escape: number;
  #afterEscape = false;
  isOpen = false;

  constructor({ quote, escape }: CopyFormat) {
    this.#quote = quote.charCodeAt(0);
    this.#escape = escape === quote ? -1 : escape.charCodeAt(0);
  }

  pass(text: string, from: number, end: number): void {
    for (let at = from; at < end; at += 1) {
      const code = text.charCodeAt(at);
      if (this.isOpen && code === this.#escape) this.#afterEscape = !this.#afterEscape;
      if (code === this.#quote && !this.#afterEscape) this.isOpen = !this.isOpen;
      if (code !== this.#escape) this.#afterEscape = false;
    }
  }
}

const UNIQUE_VIOLATION = "23505";
const FOREIGN_KEY_VIOLATION = "23503";

/** An odd number of backslashes makes what follows them data. */
function isEscaped(text: string, at: number): boolean {
  let backslashes = 0;
  while (text[at - 1 - backslashes] === "\\") backslashes += 1;
  return backslashes % 2 === 1;
}
