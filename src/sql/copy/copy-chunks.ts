/**
 * The data of a COPY FROM, as a client sends it in pieces cut anywhere, to texts of whole lines, each of
 * which is read by a step of one statement. What depends on where the data begins or ends is settled
 * here: the header, the end-of-data marker, which line end it is.
 */
import { TRANSACTION_BYTES_MAX } from "../../base/limits.ts";
import { SqlError } from "../errors.ts";
import { decodeText } from "../types/conversion.ts";
import { inCopy } from "./copy-context.ts";
import type { CopyFormat, Header, LineEnd } from "./copy-format.ts";
import { csvFields } from "./csv-fields.ts";
import { LineCutter } from "./line-cutter.ts";
import { textFields } from "./text-fields.ts";

export interface CopyChunk {
  readonly text: string;
  /** How many lines of the data come before it. */
  readonly linesBefore: number;
  readonly lineEnd: LineEnd;
}

/** What there is to know of the data. */
export interface CopyData {
  readonly format: CopyFormat;
  readonly header: Header;
  /** As errors name it. */
  readonly table: string;
  /** Names of the columns that a line has values for. */
  readonly columns: readonly string[];
}

/** A chunk ends with the line that goes over this many characters. */
const CHUNK_CHARACTERS = 512 * 1024;

export class CopyChunks {
  readonly #data: CopyData;
  readonly #cutter: LineCutter;
  /** Bytes of a character that is not all here. */
  #bytes: Uint8Array = new Uint8Array(0);
  /** Text that the cutter wants to see again. */
  #again = "";
  /** Texts of the chunk that is being gathered. */
  #parts: string[] = [];
  #length = 0;
  #lines = 0;
  #linesBefore = 0;
  #isHeaderDue: boolean;
  #hasEnded = false;
  #full: CopyChunk[] = [];

  constructor(data: CopyData) {
    this.#data = data;
    this.#cutter = new LineCutter(data.format);
    this.#isHeaderDue = data.header !== "none";
  }

  /** The next bytes; answers the chunks that are complete. Throws SqlError with the line as its context. */
  push(bytes: Uint8Array): readonly CopyChunk[] {
    const all = this.#bytes.length === 0 ? bytes : Buffer.concat([this.#bytes, bytes]);
    const whole = all.length - incompleteBytes(all);
    this.#bytes = all.slice(whole);
    this.#decode(all.subarray(0, whole), false);
    if (this.#length > TRANSACTION_BYTES_MAX) {
      throw this.placed(
        new SqlError("54000", `a line of COPY is longer than ${TRANSACTION_BYTES_MAX} characters`),
      );
    }
    return this.#taken();
  }

  /** Nothing more comes; answers what is left. Throws SqlError as `push`. */
  finish(): readonly CopyChunk[] {
    this.#decode(this.#bytes, true);
    const isHeaderMissing = this.#isHeaderDue && this.#data.header === "match";
    if (this.#length > 0 || isHeaderMissing) this.#endLine();
    if (this.#length > 0) this.#cut();
    return this.#taken();
  }

  /** An error in the line that is being read, or instead of it. */
  placed(error: SqlError): SqlError {
    return inCopy(error, { table: this.#data.table, line: this.#lines + 1 });
  }

  #taken(): readonly CopyChunk[] {
    const full = this.#full;
    this.#full = [];
    return full;
  }

  #decode(bytes: Uint8Array, isLast: boolean): void {
    if (this.#hasEnded) return;
    let text: string;
    try {
      text = decodeText(bytes);
    } catch (error) {
      this.#scanValid(bytes);
      throw error instanceof SqlError ? this.placed(error) : error;
    }
    this.#scan(this.#again + text, isLast);
  }

  /** Goes up to the line that cannot be decoded. */
  #scanValid(bytes: Uint8Array): void {
    for (let from = 0; from < bytes.length && !this.#hasEnded; ) {
      const end = bytes.indexOf(0x0a, from) + 1;
      const line = bytes.subarray(from, end === 0 ? bytes.length : end);
      let text: string;
      try {
        text = decodeText(line);
      } catch {
        return;
      }
      this.#scan(this.#again + text, false);
      from += line.length;
    }
  }

  #scan(text: string, isLast: boolean): void {
    try {
      this.#again = this.#cutLines(text, isLast);
    } catch (error) {
      throw error instanceof SqlError ? this.placed(error) : error;
    }
  }

  /** Answers what the cutter wants to see again. */
  #cutLines(text: string, isLast: boolean): string {
    for (let from = 0; ; ) {
      const cut = this.#cutter.next(text, from, isLast);
      this.#lines += this.#cutter.takeLinesInQuotes();
      this.#add(text.slice(from, cut.at));
      if (cut.kind !== "line") {
        this.#hasEnded = cut.kind === "end";
        return cut.kind === "more" ? text.slice(cut.at) : "";
      }
      from = cut.at;
      this.#endLine();
    }
  }

  #add(text: string): void {
    if (text === "") return;
    this.#parts.push(text);
    this.#length += text.length;
  }

  #endLine(): void {
    this.#lines += 1;
    if (this.#isHeaderDue) {
      this.#isHeaderDue = false;
      const line = withoutEnd(this.#text(), this.#cutter.lineEnd);
      if (this.#data.header === "match") this.#checkHeader(line);
      this.#linesBefore = this.#lines;
    } else if (this.#length >= CHUNK_CHARACTERS) this.#cut();
  }

  #cut(): void {
    const lineEnd = this.#cutter.lineEnd ?? "\n";
    this.#full.push({ text: this.#text(), linesBefore: this.#linesBefore, lineEnd });
    this.#linesBefore = this.#lines;
  }

  /** What was gathered; begins anew. */
  #text(): string {
    const text = this.#parts.join("");
    this.#parts = [];
    this.#length = 0;
    return text;
  }

  #checkHeader(line: string): void {
    const { format, columns, table } = this.#data;
    try {
      const names = (format.csv ? csvFields : textFields)(line, format);
      if (names.length !== columns.length) {
        throw headerError(
          `wrong number of fields in header line: got ${names.length}, expected ${columns.length}`,
        );
      }
      for (const [at, name] of names.entries()) {
        const expected = columns[at] ?? "";
        if (name === expected) continue;
        const got = name === null ? `null value ("${format.nullText}")` : `"${name}"`;
        throw headerError(
          `column name mismatch in header line field ${at + 1}: got ${got}, expected "${expected}"`,
        );
      }
    } catch (error) {
      throw error instanceof SqlError
        ? inCopy(error, { table, line: this.#lines, text: line })
        : error;
    }
  }
}

function headerError(message: string): SqlError {
  return new SqlError("22P04", message);
}

function withoutEnd(line: string, lineEnd: LineEnd | null): string {
  return lineEnd !== null && line.endsWith(lineEnd) ? line.slice(0, -lineEnd.length) : line;
}

/** How many bytes at the end are a character that goes on behind them. */
function incompleteBytes(bytes: Uint8Array): number {
  for (let back = 1; back <= Math.min(3, bytes.length); back += 1) {
    const byte = bytes[bytes.length - back] ?? 0;
    if (byte < 0x80) return 0;
    if (byte >= 0xc0) {
      const length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2;
      return length > back ? back : 0;
    }
  }
  return 0;
}
