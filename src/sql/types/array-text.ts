/** Reads PostgreSQL's array literals: {1,2,NULL}, {{a,b},{c,d}}, {"a \"b\"", c\,d}. */
import { notSupported, SqlError } from "../errors.ts";

/** The text of an element, NULL, or one more dimension. */
export type TextElement = string | null | readonly TextElement[];

const DIMENSIONS_MAX = 6;

/** The elements of an array literal. Throws 22P02, and 0A000 for bounds that do not start at 1. */
export function parseArrayText(text: string): readonly TextElement[] {
  const reader = new ArrayReader(text);
  return reader.literal();
}

class ArrayReader {
  readonly #text: string;
  #at = 0;
  #depth = 0;

  constructor(text: string) {
    this.#text = text;
  }

  literal(): readonly TextElement[] {
    this.#skipSpace();
    if (this.#peek() === "[") this.#bounds();
    if (this.#peek() !== "{") {
      throw this.#malformed('Array value must start with "{" or dimension information.');
    }
    const elements = this.#braces();
    this.#skipSpace();
    if (this.#at < this.#text.length) throw this.#malformed("Junk after closing right brace.");
    shapeOf(elements, () => this.#malformed(UNEVEN));
    return withoutEmpty(elements);
  }

  /** [1:3][1:2]= in front; our storage has no place for other lower bounds. */
  #bounds(): void {
    const bounds = /^((?:\[[+-]?\d+(?::[+-]?\d+)?\])+)[ \t\n\r\v\f]*=/.exec(
      this.#text.slice(this.#at),
    );
    if (bounds === null) throw this.#malformed('Missing "=" after array dimensions.');
    for (const bound of (bounds[1] ?? "").matchAll(/\[([+-]?\d+)(:?)/g)) {
      if (bound[2] === ":" && Number(bound[1]) !== 1) {
        throw notSupported("an array whose lower bound is not 1");
      }
    }
    this.#at += bounds[0].length;
    this.#skipSpace();
  }

  /** At "{". */
  #braces(): readonly TextElement[] {
    this.#depth += 1;
    if (this.#depth > DIMENSIONS_MAX) {
      throw new SqlError(
        "54000",
        `number of array dimensions (${this.#depth}) exceeds the maximum allowed ` +
          `(${DIMENSIONS_MAX})`,
      );
    }
    this.#at += 1;
    const elements: TextElement[] = [];
    this.#skipSpace();
    if (this.#peek() !== "}") {
      elements.push(this.#element());
      while (this.#separator()) elements.push(this.#element());
    }
    this.#at += 1;
    this.#depth -= 1;
    return elements;
  }

  /** True behind a comma, false at the closing brace. */
  #separator(): boolean {
    this.#skipSpace();
    const next = this.#peek();
    if (next === "}") return false;
    if (next !== ",") throw this.#unexpected(next === "" ? "" : '"');
    this.#at += 1;
    return true;
  }

  #element(): TextElement {
    this.#skipSpace();
    const next = this.#peek();
    if (next === "{") return this.#braces();
    if (next === '"') return this.#quoted();
    return this.#bare();
  }

  #quoted(): string {
    let value = "";
    this.#at += 1;
    for (;;) {
      const next = this.#text[this.#at];
      if (next === undefined) throw this.#malformed("Unexpected end of input.");
      this.#at += 1;
      if (next === '"') return value;
      value += next === "\\" ? this.#escaped() : next;
    }
  }

  #bare(): string | null {
    let value = "";
    let significant = 0;
    let plain = true;
    for (;;) {
      const next = this.#peek();
      if (next === "" || next === '"' || next === "{") throw this.#unexpected(next);
      if (next === "," || next === "}") break;
      this.#at += 1;
      plain &&= next !== "\\";
      value += next === "\\" ? this.#escaped() : next;
      if (next === "\\" || !/[ \t\n\r\v\f]/.test(next)) significant = value.length;
    }
    if (significant === 0) throw this.#unexpected(this.#peek());
    const element = value.slice(0, significant);
    return plain && /^null$/i.test(element) ? null : element;
  }

  #escaped(): string {
    const next = this.#text[this.#at];
    if (next === undefined) throw this.#malformed("Unexpected end of input.");
    this.#at += 1;
    return next;
  }

  #peek(): string {
    return this.#text.charAt(this.#at);
  }

  #skipSpace(): void {
    while (/[ \t\n\r\v\f]/.test(this.#peek())) this.#at += 1;
  }

  #unexpected(character: string): SqlError {
    if (character === "") return this.#malformed("Unexpected end of input.");
    return this.#malformed(
      character === "{" || character === '"'
        ? "Unexpected array element."
        : `Unexpected "${character}" character.`,
    );
  }

  #malformed(detail: string): SqlError {
    return new SqlError("22P02", `malformed array literal: "${this.#text}"`, { detail });
  }
}

const UNEVEN = "Multidimensional arrays must have sub-arrays with matching dimensions.";

/** Lengths a dimension, checking that all parts have the same. */
function shapeOf(elements: readonly TextElement[], uneven: () => SqlError): string {
  const shapes = new Set(
    elements.map((element) => (Array.isArray(element) ? shapeOf(element, uneven) : "")),
  );
  if (shapes.size > 1) throw uneven();
  return `${elements.length},${shapes.values().next().value ?? ""}`;
}

/** {{},{}} is the empty array. */
function withoutEmpty(elements: readonly TextElement[]): readonly TextElement[] {
  let inner: TextElement | undefined = elements;
  while (Array.isArray(inner)) {
    if (inner.length === 0) return [];
    inner = inner[0];
  }
  return elements;
}
