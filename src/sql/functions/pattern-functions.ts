/** Regular expressions, ILIKE and SIMILAR TO. */
import { SqlError } from "../errors.ts";
import { encodeArray } from "../types/array-storage.ts";
import { internal, type LibraryEntry, lenient, native, strict } from "./signature.ts";
import { lower } from "./text-functions.ts";

const CACHE_MAX = 256;
const cache = new Map<string, RegExp>();

/** A PostgreSQL (ARE) pattern as a JavaScript one. `flags` are those of regexp_replace and the like. */
function patternOf(pattern: string, flags: string): RegExp {
  const key = `${flags}/${pattern}`;
  const known = cache.get(key);
  if (known !== undefined) {
    known.lastIndex = 0;
    return known;
  }
  const compiled = compile(pattern, flags);
  if (cache.size >= CACHE_MAX) {
    cache.clear();
  }
  cache.set(key, compiled);
  return compiled;
}

function compile(pattern: string, flags: string): RegExp {
  const unknown = /[^gicsxnmpwqt]/.exec(flags);
  if (unknown !== null) {
    throw new SqlError("22023", `invalid regular expression option: "${unknown[0]}"`);
  }
  if (/[xqwp]/.test(flags)) {
    throw new SqlError("0A000", `the regular expression options "${flags}" are not supported`);
  }
  const multiline = /[nm]/.test(flags);
  // Without newline-sensitive matching a dot takes any character, line ends included.
  const options = `u${flags.includes("i") ? "i" : ""}${multiline ? "m" : "s"}${flags.includes("g") ? "g" : ""}`;
  try {
    return new RegExp(converted(pattern), options);
  } catch {
    throw new SqlError("2201B", `invalid regular expression: ${reason(pattern)}`);
  }
}

function reason(pattern: string): string {
  const times = (character: string) => pattern.split(character).length - 1;
  if (times("(") !== times(")")) return "parentheses () not balanced";
  if (times("[") !== times("]")) return "brackets [] not balanced";
  return /(?:^|[(|])[*+?]/.test(pattern)
    ? "quantifier operand invalid"
    : "invalid escape \\ sequence";
}

const CLASSES: Readonly<Record<string, string>> = {
  alpha: "\\p{L}",
  digit: "\\p{Nd}",
  alnum: "\\p{L}\\p{Nd}",
  upper: "\\p{Lu}",
  lower: "\\p{Ll}",
  space: "\\s",
  blank: " \\t",
  punct: "!-\\/:-@\\[-`\\{-~",
  xdigit: "0-9a-fA-F",
  cntrl: "\\x00-\\x1f\\x7f",
  print: "\\x20-\\x7e\\u00a0-\\u{10ffff}",
  graph: "\\x21-\\x7e\\u00a1-\\u{10ffff}",
  word: "\\p{L}\\p{Nd}_",
};

const ESCAPES: Readonly<Record<string, string>> = {
  m: "\\b(?=\\w)",
  M: "\\b(?<=\\w)",
  y: "\\b",
  Y: "\\B",
  A: "(?<![\\s\\S])",
  Z: "(?![\\s\\S])",
  a: "\\x07",
  e: "\\x1b",
};

/** Bracket expressions and the escapes that the two dialects do not share. */
function converted(pattern: string): string {
  let result = "";
  let at = 0;
  while (at < pattern.length) {
    const character = pattern.charAt(at);
    if (character === "\\") {
      const next = pattern.charAt(at + 1);
      result += ESCAPES[next] ?? escaped(next);
      at += 2;
    } else if (character === "[") {
      const bracket = bracketAt(pattern, at);
      result += bracket.text;
      at = bracket.end;
    } else {
      result +=
        character === "{" && !/^\{\d+(?:,\d*)?\}/.test(pattern.slice(at)) ? "\\{" : character;
      at += 1;
    }
  }
  return result;
}

/** With the u flag JavaScript refuses escapes of characters that need none. */
function escaped(character: string): string {
  if (/[\^$\\.*+?()[\]{}|/dDsSwWbBnrtfv0-9xu]/.test(character)) return `\\${character}`;
  return character === "-" ? "-" : /[A-Za-z]/.test(character) ? `\\${character}` : character;
}

function bracketAt(pattern: string, start: number): { text: string; end: number } {
  let at = start + 1;
  let text = "[";
  if (pattern.charAt(at) === "^") {
    text += "^";
    at += 1;
  }
  let first = true;
  while (at < pattern.length && (first || pattern.charAt(at) !== "]")) {
    const named = /^\[:([a-z]+):\]/.exec(pattern.slice(at));
    if (named !== null) {
      text += CLASSES[named[1] ?? ""] ?? unknownClass(named[1] ?? "");
      at += named[0].length;
    } else if (pattern.charAt(at) === "\\") {
      text += pattern.slice(at, at + 2);
      at += 2;
    } else {
      const character = pattern.charAt(at);
      text += "[]&^~".includes(character) ? `\\${character}` : character;
      at += 1;
    }
    first = false;
  }
  return { text: `${text}]`, end: at + 1 };
}

function unknownClass(_name: string): never {
  throw new SqlError("2201B", "invalid regular expression: invalid character class");
}

function matches(text: string, pattern: string, flags: string): bigint {
  return patternOf(pattern, flags).test(text) ? 1n : 0n;
}

/** \1 … and \& of the replacement, each other character as it is. */
function replace(text: string, pattern: string, replacement: string, flags: string): string {
  return text.replace(patternOf(pattern, flags), (...found) => {
    const groups = found.slice(
      0,
      found.findIndex((part) => typeof part === "number"),
    );
    return replacement.replace(/\\([0-9&\\])/g, (_all, code: string) => {
      if (code === "\\") return "\\";
      const group: unknown = groups[code === "&" ? 0 : Number(code)];
      return typeof group === "string" ? group : "";
    });
  });
}

function match(text: string, pattern: string, flags: string): string | null {
  if (flags.includes("g")) {
    throw new SqlError("22023", 'regexp_match() does not support the "global" option', {
      hint: "Use the regexp_matches function instead.",
    });
  }
  const found = patternOf(pattern, flags).exec(text);
  if (found === null) return null;
  const [whole, ...groups] = found;
  const parts: readonly (string | undefined)[] = groups.length === 0 ? [whole] : groups;
  return encodeArray(parts.map((group) => group ?? null));
}

export function splitByPattern(text: string, pattern: string, flags: string): readonly string[] {
  const expression = patternOf(pattern, flags.includes("g") ? flags : `${flags}g`);
  const parts: string[] = [];
  let from = 0;
  for (const found of text.matchAll(expression)) {
    if (found[0] === "" && (found.index === 0 || found.index >= text.length)) continue;
    parts.push(text.slice(from, found.index));
    from = found.index + found[0].length;
  }
  return [...parts, text.slice(from)];
}

function count(text: string, pattern: string, flags: string): bigint {
  return BigInt([...text.matchAll(patternOf(pattern, `${flags}g`))].length);
}

function ilike(text: string, pattern: string): bigint {
  return likeExpression(pattern).test(lower(text)) ? 1n : 0n;
}

function likeExpression(pattern: string): RegExp {
  const key = `ilike/${pattern}`;
  const known = cache.get(key);
  if (known !== undefined) return known;
  const source = lower(pattern).replace(
    /\\([\s\S])|([%_])|([\s\S])/gu,
    (_all, escape: string | undefined, wild: string | undefined, plain: string | undefined) => {
      if (wild !== undefined) return wild === "%" ? "[\\s\\S]*" : "[\\s\\S]";
      return (escape ?? plain ?? "").replace(/[\^$\\.*+?()[\]{}|/-]/g, "\\$&");
    },
  );
  const expression = new RegExp(`^${source}$`, "u");
  if (cache.size >= CACHE_MAX) cache.clear();
  cache.set(key, expression);
  return expression;
}

/** LIKE … ESCAPE: the pattern with backslashes in place of the other escape character. */
function likeEscape(pattern: string, escape: string): string {
  if (Array.from(escape).length > 1) {
    throw new SqlError("22019", "invalid escape string", {
      hint: "Escape string must be empty or one character.",
    });
  }
  if (escape === "\\") return pattern;
  const doubled = pattern.replaceAll("\\", "\\\\");
  return escape === ""
    ? doubled
    : doubled.replace(likeEscapeParts(escape), (_all, next: string) => `\\${next}`);
}

function likeEscapeParts(escape: string): RegExp {
  const quoted = escape.replace(/[\^$\\.*+?()[\]{}|/-]/g, "\\$&");
  return new RegExp(`${quoted}([\\s\\S])`, "gu");
}

/** SIMILAR TO's pattern as a regular expression. */
function similarToEscape(pattern: string | null, escape: string | null): string | null {
  if (pattern === null || escape === null) return null;
  let result = "";
  let inBracket = false;
  const characters = Array.from(pattern);
  for (let at = 0; at < characters.length; at += 1) {
    const character = characters[at] ?? "";
    if (escape !== "" && character === escape) {
      at += 1;
      result += `\\${characters[at] ?? ""}`;
    } else if (inBracket) {
      result += character === "\\" ? "\\\\" : character;
      inBracket = character !== "]";
    } else {
      result += SIMILAR[character] ?? character;
      inBracket = character === "[";
    }
  }
  return `^(?:${result})$`;
}

const SIMILAR: Readonly<Record<string, string>> = {
  "%": ".*",
  _: ".",
  "(": "(?:",
  ".": "\\.",
  "^": "\\^",
  $: "\\$",
  "\\": "\\\\",
};

export const patternFunctions: readonly LibraryEntry[] = [
  strict(
    "~(text, text) bool",
    (text: string, pattern: string) => matches(text, pattern, ""),
    "regex_match",
  ),
  native("!~(text, text) bool", "(NOT regex_match($*))"),
  strict(
    "~*(text, text) bool",
    (text: string, pattern: string) => matches(text, pattern, "i"),
    "regex_match_any_case",
  ),
  native("!~*(text, text) bool", "(NOT regex_match_any_case($*))"),
  native("~(name, text) bool", "regex_match($*)"),
  strict("regexp_replace(text, text, text) text", (text: string, pattern: string, by: string) =>
    replace(text, pattern, by, ""),
  ),
  strict("regexp_replace(text, text, text, text) text", replace),
  strict("regexp_match(text, text) text[]", (text: string, pattern: string) =>
    match(text, pattern, ""),
  ),
  strict("regexp_match(text, text, text) text[]", match),
  strict("regexp_like(text, text) bool", (text: string, pattern: string) =>
    matches(text, pattern, ""),
  ),
  strict("regexp_like(text, text, text) bool", matches),
  strict("regexp_count(text, text) int4", (text: string, pattern: string) =>
    count(text, pattern, ""),
  ),
  strict("regexp_split_to_array(text, text) text[]", (text: string, pattern: string) =>
    encodeArray(splitByPattern(text, pattern, "")),
  ),
  strict(
    "regexp_split_to_array(text, text, text) text[]",
    (text: string, pattern: string, flags: string) =>
      encodeArray(splitByPattern(text, pattern, flags)),
  ),
  strict(
    "substring(text, text) text",
    (text: string, pattern: string) => {
      const found = patternOf(pattern, "").exec(text);
      return found === null ? null : found.length > 1 ? (found[1] ?? null) : found[0];
    },
    "substring_by_pattern",
  ),
  strict("like_escape(text, text) text", likeEscape),
  lenient("similar_to_escape(text) text", (pattern: string | null) =>
    similarToEscape(pattern, "\\"),
  ),
  lenient("similar_to_escape(text, text) text", similarToEscape),
  internal("pg_ilike", 2, ilike),
];
