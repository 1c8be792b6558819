/** The characters of a pattern with a place in them, and the escapes that stand for one character. */
import { invalid } from "./node.ts";

export class Source {
  readonly #characters: readonly string[];
  #at = 0;

  constructor(pattern: string) {
    this.#characters = Array.from(pattern);
  }

  get atEnd(): boolean {
    return this.#at >= this.#characters.length;
  }

  /** The next character, or "" at the end. */
  get next(): string {
    return this.#characters[this.#at] ?? "";
  }

  /** The next character, which is passed. */
  take(): string {
    const character = this.next;
    this.#at += 1;
    return character;
  }

  startsWith(text: string): boolean {
    return this.#characters.slice(this.#at, this.#at + text.length).join("") === text;
  }

  /** Passes `text` if it is next. */
  passes(text: string): boolean {
    if (!this.startsWith(text)) return false;
    this.#at += text.length;
    return true;
  }

  /** Passes the characters up to `end` and `end` itself; undefined if it does not come. */
  upTo(end: string): string | undefined {
    let text = "";
    while (!this.atEnd) {
      if (this.passes(end)) return text;
      text += this.take();
    }
    return undefined;
  }

  /** Up to `most` digits of a base, as text. */
  digits(base: number, most: number): string {
    let digits = "";
    while (digits.length < most && isDigit(this.next, base)) digits += this.take();
    return digits;
  }

  back(count: number): void {
    this.#at -= count;
  }
}

function isDigit(character: string, base: number): boolean {
  if (base === 16) return /^[0-9a-fA-F]$/.test(character);
  return base === 8 ? /^[0-7]$/.test(character) : /^[0-9]$/.test(character);
}

const PLAIN: ReadonlyMap<string, number> = new Map([
  ["a", 0x07],
  ["b", 0x08],
  ["B", 0x5c],
  ["e", 0x1b],
  ["f", 0x0c],
  ["n", 0x0a],
  ["r", 0x0d],
  ["t", 0x09],
  ["v", 0x0b],
]);

const CODE_POINT_MAX = 0x10ffff;

/** The character that an escape stands for; its backslash and `letter` are passed already. */
export function escapedCharacter(source: Source, letter: string): number {
  const plain = PLAIN.get(letter);
  if (plain !== undefined) return plain;
  if (letter === "c" && !source.atEnd) return codeOf(source.take()) & 0x1f;
  if (letter === "u") return hexadecimal(source, 4, 4);
  if (letter === "U") return hexadecimal(source, 8, 8);
  if (letter === "x") return hexadecimal(source, 1, 255);
  if (/^[0-9]$/.test(letter)) return octal(source);
  if (letter === "" || /^[A-Za-z]$/.test(letter)) throw invalid("invalid escape \\ sequence");
  return codeOf(letter);
}

export function codeOf(character: string): number {
  return character.codePointAt(0) ?? 0;
}

function hexadecimal(source: Source, least: number, most: number): number {
  const digits = source.digits(16, most);
  const code = Number.parseInt(digits, 16);
  if (digits.length < least || code > CODE_POINT_MAX) throw invalid("invalid escape \\ sequence");
  return code;
}

/** One to three octal digits, of which the first is passed already; at most 0xff. */
function octal(source: Source): number {
  source.back(1);
  const digits = source.digits(8, 3);
  if (digits === "") throw invalid("invalid escape \\ sequence");
  const code = Number.parseInt(digits, 8);
  if (code <= 0xff) return code;
  source.back(1);
  return code >> 3;
}
