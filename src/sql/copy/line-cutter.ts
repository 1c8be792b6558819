/**
 * Finds where the lines of a COPY end, in texts that come piece by piece. The first line end decides
 * which one it is for all.
 *
 * | character | in text                             | in CSV, outside of quotes               |
 * | CR, LF    | ends the line                       | ends the line                           |
 * | backslash | the next character is data          | data                                    |
 * | \.        | the end of all data, anywhere       | the same, on a line of its own          |
 *
 * What cannot be told without the characters that follow is left to the next piece.
 */
import { SqlError } from "../errors.ts";
import type { CopyFormat, LineEnd } from "./copy-format.ts";

const BACKSLASH = 0x5c;
const CR = 0x0d;
const LF = 0x0a;
const DOT = 0x2e;

/** What a step through the text came to. */
export type Cut =
  /** A line, with what ends it, goes up to here. */
  | { readonly kind: "line"; readonly at: number }
  /** The end-of-data marker begins here. */
  | { readonly kind: "end"; readonly at: number }
  /** Nothing more can be told: what stands from here on has to come again with the next piece. */
  | { readonly kind: "more"; readonly at: number };

export class LineCutter {
  readonly #csv: boolean;
  readonly #quote: number;
  /** -1: the quote itself, or none. */
  readonly #escape: number;
  #lineEnd: LineEnd | null = null;
  #inQuote = false;
  #afterEscape = false;
  #isFirst = true;
  #linesInQuotes = 0;

  constructor({ csv, quote, escape }: CopyFormat) {
    this.#csv = csv;
    this.#quote = csv ? quote.charCodeAt(0) : -1;
    this.#escape = csv && escape !== quote ? escape.charCodeAt(0) : -1;
  }

  /** Null: no line has ended yet. */
  get lineEnd(): LineEnd | null {
    return this.#lineEnd;
  }

  /** How often quoted values went over a line end since this was asked. */
  takeLinesInQuotes(): number {
    const count = this.#linesInQuotes;
    this.#linesInQuotes = 0;
    return count;
  }

  /**
   * Goes on from `from`; `isLast`: nothing follows the text. Throws SqlError 22P04 for a line end that
   * is not that of the first line, and for a broken end-of-data marker.
   */
  next(text: string, from: number, isLast: boolean): Cut {
    for (let at = from; at < text.length; at += 1) {
      const code = text.charCodeAt(at);
      if (!isLast && at + 1 === text.length && this.#looksAhead(code)) return { kind: "more", at };
      if (this.#csv) this.#noteQuotes(code);
      if ((code === CR || code === LF) && !this.#inQuote) {
        return { kind: "line", at: this.#endLine(text, at) };
      }
      if (code === BACKSLASH && (!this.#csv || this.#isFirst)) {
        const isDot = text.charCodeAt(at + 1) === DOT;
        const marker = isDot ? this.#marker(text, at, isLast) : "data";
        if (marker !== "data") return { kind: marker, at };
        if (!this.#csv) at += 1;
      }
      this.#isFirst = false;
    }
    return { kind: "more", at: text.length };
  }

  #looksAhead(code: number): boolean {
    if (code === BACKSLASH) return !this.#csv || this.#isFirst;
    return code === CR && !this.#inQuote && this.#lineEnd !== "\n" && this.#lineEnd !== "\r";
  }

  #noteQuotes(code: number): void {
    if (this.#inQuote && code === this.#escape) this.#afterEscape = !this.#afterEscape;
    if (code === this.#quote && !this.#afterEscape) this.#inQuote = !this.#inQuote;
    if (code !== this.#escape) this.#afterEscape = false;
    if (!this.#inQuote) return;
    // As PostgreSQL counts: in the first line, whose end is not known yet, CR.
    if (code === (this.#lineEnd === "\n" ? LF : CR)) this.#linesInQuotes += 1;
  }

  /** Where the next line begins. */
  #endLine(text: string, at: number): number {
    const isPair = text.charCodeAt(at) === CR && text.charCodeAt(at + 1) === LF;
    this.#lineEnd ??= isPair ? "\r\n" : text.charCodeAt(at) === CR ? "\r" : "\n";
    if (!text.startsWith(this.#lineEnd, at)) throw this.#literalLineEnd(text.charCodeAt(at));
    this.#isFirst = true;
    this.#afterEscape = false;
    return at + this.#lineEnd.length;
  }

  #literalLineEnd(code: number): SqlError {
    const [name, escape] = code === CR ? ["carriage return", "\\r"] : ["newline", "\\n"];
    return this.#csv
      ? new SqlError("22P04", `unquoted ${name} found in data`, {
          hint: `Use quoted CSV field to represent ${name}.`,
        })
      : new SqlError("22P04", `literal ${name} found in data`, {
          hint: `Use "${escape}" to represent ${name}.`,
        });
  }

  /** Whether "\." at `at` ends the data, is data, or is not all there. */
  #marker(text: string, at: number, isLast: boolean): "end" | "more" | "data" {
    const behind = text.slice(at + 2, at + 4);
    const needed = this.#lineEnd === "\r\n" ? 2 : 1;
    if (behind.length < needed && !isLast) return "more";
    const ends = /^\r\n|^[\r\n]/.exec(behind)?.[0];
    const isEnd = this.#lineEnd === null ? ends !== undefined : behind.startsWith(this.#lineEnd);
    if (isEnd) return "end";
    if (this.#csv && ends === undefined) return "data";
    throw new SqlError(
      "22P04",
      ends === undefined
        ? "end-of-copy marker corrupt"
        : "end-of-copy marker does not match previous newline style",
    );
  }
}
