/** Rows of a COPY TO as lines (PostgreSQL manual, COPY, "Text Format" and "CSV Format"). */
import type { CopyFormat } from "./copy-format.ts";

type Field = string | null;

export class CopyLines {
  readonly #format: CopyFormat;
  /** Columns whose values are always quoted, by place. */
  readonly #forceQuote: readonly boolean[];
  readonly #escapes: RegExp;

  constructor(format: CopyFormat, forceQuote: readonly boolean[]) {
    this.#format = format;
    this.#forceQuote = forceQuote;
    this.#escapes = new RegExp(`[\\\\\\b\\f\\n\\r\\t\\v${classMember(format.delimiter)}]`, "g");
  }

  /** One line with its end. */
  line(fields: readonly Field[]): string {
    const { csv, delimiter, nullText } = this.#format;
    const written = fields.map((field, at) => {
      if (field === null) return nullText;
      return csv ? this.#csv(field, at, fields.length) : this.#text(field);
    });
    return `${written.join(delimiter)}\n`;
  }

  /** The line that names the columns: no name is quoted without need. */
  header(names: readonly string[]): string {
    return new CopyLines(this.#format, []).line(names);
  }

  #text(field: string): string {
    return field.replace(this.#escapes, (character) => `\\${LETTERS[character] ?? character}`);
  }

  #csv(field: string, at: number, fieldCount: number): string {
    const { delimiter, nullText, quote, escape } = this.#format;
    const isQuoted =
      this.#forceQuote[at] === true ||
      field === nullText ||
      // Alone on a line it would be the end-of-data marker.
      (fieldCount === 1 && field === "\\.") ||
      [delimiter, quote, "\n", "\r"].some((mark) => field.includes(mark));
    if (!isQuoted) return field;
    const doubled = escape === quote ? field : field.replaceAll(escape, () => escape + escape);
    return quote + doubled.replaceAll(quote, () => escape + quote) + quote;
  }
}

const LETTERS: { readonly [character in string]?: string } = {
  "\b": "b",
  "\f": "f",
  "\n": "n",
  "\r": "r",
  "\t": "t",
  "\v": "v",
};

/** An ASCII character inside of the brackets of a regular expression. */
function classMember(character: string): string {
  return `\\x${character.charCodeAt(0).toString(16).padStart(2, "0")}`;
}
