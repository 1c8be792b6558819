/**
 * JSON with numbers as they are written (JavaScript's would lose digits), and the canonical form of
 * jsonb: keys ordered by length in bytes and then by bytes, the last of equal keys, `, ` and `: `
 * between, numbers as numeric prints them.
 */
import { unreachable } from "../../base/assert.ts";
import { SqlError } from "../errors.ts";
import { parseNumeric } from "./numeric.ts";

export type Json =
  | { readonly kind: "null" }
  | { readonly kind: "boolean"; readonly value: boolean }
  /** `text` as written in JSON: any number of digits. */
  | { readonly kind: "number"; readonly text: string }
  | { readonly kind: "string"; readonly value: string }
  | { readonly kind: "array"; readonly items: readonly Json[] }
  | { readonly kind: "object"; readonly members: ReadonlyMap<string, Json> };

/** Nesting that is read; SQLite's own JSON functions stop here too. */
const DEPTH_MAX = 1000;

/** Reads one JSON value. Throws 22P02 in PostgreSQL's words, 54001 when nested too deep. */
export function parseJson(text: string, typeName: "json" | "jsonb" = "json"): Json {
  const reader = new JsonReader(text, typeName);
  return reader.document();
}

/** The canonical text of jsonb. Throws as parseJson; 22P05 for \u0000, which text cannot hold. */
export function canonicalJsonb(text: string): string {
  return formatJsonb(parseJson(text, "jsonb"));
}

/** Prints as jsonb does. */
export function formatJsonb(json: Json): string {
  switch (json.kind) {
    case "null":
      return "null";
    case "boolean":
      return json.value ? "true" : "false";
    case "number":
      return parseNumeric(json.text);
    case "string":
      return quoteJson(json.value);
    case "array":
      return `[${json.items.map(formatJsonb).join(", ")}]`;
    case "object":
      return formatObject(json.members);
    default:
      return unreachable(json);
  }
}

function formatObject(members: ReadonlyMap<string, Json>): string {
  const sorted = [...members].toSorted(([left], [right]) => compareJsonbKeys(left, right));
  const printed = sorted.map(([key, value]) => `${quoteJson(key)}: ${formatJsonb(value)}`);
  return `{${printed.join(", ")}}`;
}

/** The order of jsonb's keys: by length in UTF-8 bytes, then byte by byte. */
export function compareJsonbKeys(left: string, right: string): number {
  const leftBytes = Buffer.from(left);
  const rightBytes = Buffer.from(right);
  return leftBytes.length - rightBytes.length || leftBytes.compare(rightBytes);
}

/** A JSON string literal as PostgreSQL's escape_json writes it (the same escapes as JavaScript). */
export function quoteJson(text: string): string {
  return JSON.stringify(text);
}

const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const WORD = /[A-Za-z0-9_$.+\-\u0080-\uffff]+/y;
// oxlint-disable-next-line no-control-regex -- JSON wants control characters escaped.
const PLAIN_STRING = /[^"\\\u0000-\u001f]*/y;

const ESCAPES: Readonly<Record<string, string>> = {
  '"': '"',
  "\\": "\\",
  "/": "/",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
};

class JsonReader {
  readonly #text: string;
  readonly #typeName: "json" | "jsonb";
  #at = 0;
  #depth = 0;

  constructor(text: string, typeName: "json" | "jsonb") {
    this.#text = text;
    this.#typeName = typeName;
  }

  document(): Json {
    const json = this.#value();
    this.#skipSpace();
    if (this.#at < this.#text.length) throw this.#expected("end of input");
    return json;
  }

  #value(): Json {
    this.#skipSpace();
    const first = this.#text.charAt(this.#at);
    if (first === '"') return { kind: "string", value: this.#string() };
    if (first === "{") return this.#nested(() => this.#object());
    if (first === "[") return this.#nested(() => this.#array());
    if (first === "-" || (first >= "0" && first <= "9")) return this.#number();
    const word = this.#match(WORD);
    if (word === "true" || word === "false") return { kind: "boolean", value: word === "true" };
    if (word === "null") return { kind: "null" };
    this.#at -= word.length;
    throw this.#expected("JSON value");
  }

  #nested(read: () => Json): Json {
    this.#depth += 1;
    if (this.#depth > DEPTH_MAX) throw new SqlError("54001", "stack depth limit exceeded");
    this.#at += 1;
    const json = read();
    this.#depth -= 1;
    return json;
  }

  #object(): Json {
    const members = new Map<string, Json>();
    if (this.#take("}")) return { kind: "object", members };
    for (;;) {
      this.#skipSpace();
      if (this.#text.charAt(this.#at) !== '"') {
        throw this.#expected(members.size === 0 ? 'string or "}"' : "string");
      }
      const key = this.#string();
      if (!this.#take(":")) throw this.#expected('":"');
      members.set(key, this.#value());
      if (this.#take("}")) return { kind: "object", members };
      if (!this.#take(",")) throw this.#expected('"," or "}"');
    }
  }

  #array(): Json {
    const items: Json[] = [];
    if (this.#take("]")) return { kind: "array", items };
    for (;;) {
      items.push(this.#value());
      if (this.#take("]")) return { kind: "array", items };
      if (!this.#take(",")) throw this.#expected('"," or "]"');
    }
  }

  #number(): Json {
    const start = this.#at;
    const text = this.#match(NUMBER);
    const rest = this.#match(WORD);
    if (text === "" || rest !== "") {
      this.#at = start;
      throw this.#invalidToken();
    }
    return { kind: "number", text };
  }

  /** At the opening quote. */
  #string(): string {
    this.#at += 1;
    let value = this.#match(PLAIN_STRING);
    for (;;) {
      const next = this.#text.charAt(this.#at);
      if (next === '"') {
        this.#at += 1;
        return value;
      }
      if (next === "") throw this.#invalidToken();
      if (next !== "\\") {
        const code = next.charCodeAt(0).toString(16).padStart(2, "0");
        throw this.#invalid(`Character with value 0x${code} must be escaped.`);
      }
      value += this.#escape() + this.#match(PLAIN_STRING);
    }
  }

  #escape(): string {
    const letter = this.#text.charAt(this.#at + 1);
    if (letter === "u") return this.#unicodeEscape();
    const plain = ESCAPES[letter];
    if (plain === undefined) throw this.#invalid(`Escape sequence "\\${letter}" is invalid.`);
    this.#at += 2;
    return plain;
  }

  #unicodeEscape(): string {
    const unit = this.#hexUnit(this.#at);
    this.#at += 6;
    if (unit === 0 && this.#typeName === "jsonb") {
      throw new SqlError("22P05", "unsupported Unicode escape sequence", {
        detail: "\\u0000 cannot be converted to text.",
      });
    }
    // json keeps escapes as they are, so PostgreSQL checks no more of them than their digits.
    if (this.#typeName === "json") return String.fromCharCode(unit);
    if (unit >= 0xdc00 && unit <= 0xdfff) throw this.#lowWithoutHigh();
    if (unit < 0xd800 || unit > 0xdbff) return String.fromCharCode(unit);
    if (!this.#text.startsWith("\\u", this.#at)) throw this.#lowWithoutHigh();
    const low = this.#hexUnit(this.#at);
    if (low >= 0xd800 && low <= 0xdbff) {
      throw this.#invalid("Unicode high surrogate must not follow a high surrogate.");
    }
    if (low < 0xdc00 || low > 0xdfff) throw this.#lowWithoutHigh();
    this.#at += 6;
    return String.fromCharCode(unit, low);
  }

  #hexUnit(at: number): number {
    const digits = this.#text.slice(at + 2, at + 6);
    if (!/^[0-9a-fA-F]{4}$/.test(digits)) {
      throw this.#invalid('"\\u" must be followed by four hexadecimal digits.');
    }
    return Number.parseInt(digits, 16);
  }

  #take(character: string): boolean {
    this.#skipSpace();
    if (this.#text.charAt(this.#at) !== character) return false;
    this.#at += 1;
    return true;
  }

  #skipSpace(): void {
    for (;;) {
      const code = this.#text.charCodeAt(this.#at);
      if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return;
      this.#at += 1;
    }
  }

  #match(pattern: RegExp): string {
    pattern.lastIndex = this.#at;
    const matched = pattern.exec(this.#text)?.[0] ?? "";
    this.#at += matched.length;
    return matched;
  }

  /** The word, or the single character, that stands here. */
  #token(): string {
    const start = this.#at;
    const word = this.#match(WORD) || this.#text.charAt(start);
    this.#at = start;
    return word;
  }

  #expected(what: string): SqlError {
    const token = this.#token();
    if (token === "") return this.#invalid("The input string ended unexpectedly.");
    const known = /^(?:[{}[\]:,"]|true|false|null|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)$/.test(token);
    if (!known) return this.#invalidToken();
    const found = token === '"' ? this.#quotedToken() : `"${token}"`;
    return this.#invalid(`Expected ${what}, but found ${found}.`);
  }

  #quotedToken(): string {
    const literal = /^"(?:[^"\\]|\\.)*"?/s.exec(this.#text.slice(this.#at, this.#at + 200));
    return `"${literal?.[0] ?? '"'}"`;
  }

  #invalidToken(): SqlError {
    const token = this.#text.charAt(this.#at) === "" ? this.#openString() : this.#token();
    return this.#invalid(`Token "${token}" is invalid.`);
  }

  /** The string literal that nothing closes. */
  #openString(): string {
    return this.#text.slice(this.#text.lastIndexOf('"'));
  }

  #lowWithoutHigh(): SqlError {
    return this.#invalid("Unicode low surrogate must follow a high surrogate.");
  }

  #invalid(detail: string): SqlError {
    return new SqlError("22P02", "invalid input syntax for type json", { detail });
  }
}
