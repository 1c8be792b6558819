/**
 * Classes of characters, as the inside of RE2's brackets. The Unicode tables are the library's own, so
 * that they are the same on every node whatever its Node.js is.
 */
import { invalid } from "./node.ts";

const SPACE =
  "\\t-\\r \\x{1680}\\x{2000}-\\x{2006}\\x{2008}-\\x{200a}\\x{2028}\\x{2029}\\x{205f}\\x{3000}";
const NO_SPACE =
  "\\x{0}-\\x{8}\\x{e}-\\x{1f}!-\\x{167f}\\x{1681}-\\x{1fff}\\x{2007}\\x{200b}-\\x{2027}" +
  "\\x{202a}-\\x{205e}\\x{2060}-\\x{2fff}\\x{3001}-\\x{10ffff}";
const LETTERS = "\\p{L}\\p{Nl}";
const GRAPH = "\\p{L}\\p{M}\\p{N}\\p{P}\\p{S}\\p{Cf}";

const CLASSES: ReadonlyMap<string, string> = new Map([
  ["alpha", LETTERS],
  ["digit", "0-9"],
  ["alnum", `${LETTERS}\\p{Nd}`],
  ["upper", "\\p{Lu}"],
  ["lower", "\\p{Ll}"],
  ["space", SPACE],
  ["blank", "\\t \\x{1680}\\x{2000}-\\x{2006}\\x{2008}-\\x{200a}\\x{205f}\\x{3000}"],
  ["punct", "\\p{P}\\p{S}"],
  ["xdigit", "0-9a-fA-F"],
  ["cntrl", "\\p{Cc}\\x{2028}\\x{2029}"],
  ["print", `${GRAPH}\\p{Zs}`],
  ["graph", GRAPH],
  ["word", `${LETTERS}\\p{Nd}_`],
]);

/** [:name:] */
export function namedClass(name: string): string {
  const body = CLASSES.get(name);
  if (body === undefined) throw invalid("invalid character class");
  return body;
}

const ESCAPED: ReadonlyMap<string, { readonly body: string; readonly negated: boolean }> = new Map([
  ["d", { body: "0-9", negated: false }],
  ["D", { body: "\\x{0}-/:-\\x{10ffff}", negated: false }],
  ["s", { body: SPACE, negated: false }],
  ["S", { body: NO_SPACE, negated: false }],
  ["w", { body: namedClass("word"), negated: false }],
  ["W", { body: namedClass("word"), negated: true }],
]);

/** \d, \s, \w and their opposites; undefined for other letters. */
export function escapedClass(letter: string) {
  return ESCAPED.get(letter);
}
