import { SqlError } from "../errors.ts";
import type { CopyFormat } from "./copy-format.ts";

/**
 * The values of a line in CSV format, without what ends it; null for NULL, which never stands in quotes.
 * Throws SqlError 22P04 for a quoted value without end.
 */
export function csvFields(line: string, format: CopyFormat): (string | null)[] {
  const { delimiter, nullText, quote } = format;
  if (!line.includes(quote)) {
    const fields: (string | null)[] = line.split(delimiter);
    for (const [at, field] of fields.entries()) if (field === nullText) fields[at] = null;
    return fields;
  }
  const fields: (string | null)[] = [];
  for (let at = 0; ; ) {
    const field = csvField(line, at, format);
    fields.push(field.isQuoted || field.text !== nullText ? field.text : null);
    if (field.end >= line.length) return fields;
    at = field.end + 1;
    if (at === line.length) {
      fields.push(nullText === "" ? null : "");
      return fields;
    }
  }
}

interface CsvField {
  readonly text: string;
  readonly isQuoted: boolean;
  /** Where its delimiter stands, or the end of the line. */
  readonly end: number;
}

/** A field may be quoted in parts. */
function csvField(line: string, start: number, { delimiter, quote, escape }: CopyFormat): CsvField {
  let text = "";
  let isQuoted = false;
  let at = start;
  for (; at < line.length && line[at] !== delimiter; at += 1) {
    if (line[at] !== quote) {
      text += line[at];
      continue;
    }
    isQuoted = true;
    for (at += 1; ; at += 1) {
      if (at >= line.length) throw new SqlError("22P04", "unterminated CSV quoted field");
      const next = line[at + 1];
      if (line[at] === escape && (next === escape || next === quote)) {
        text += next;
        at += 1;
      } else if (line[at] === quote) break;
      else text += line[at];
    }
  }
  return { text, isQuoted, end: at };
}
