/** Regular expressions, ILIKE and SIMILAR TO. */
import { LIKE_PATTERN_BYTES_MAX, LIKE_WORK_MAX } from "../../base/limits.ts";
import { SqlError } from "../errors.ts";
import { expressionOf, type Match } from "../regular-expressions/expression.ts";
import { encodeArray } from "../types/array-storage.ts";
import { internal, type LibraryEntry, lenient, native, strict } from "./signature.ts";
import { assertLength, lower } from "./text-functions.ts";

function matches(text: string, pattern: string, flags: string): bigint {
  return expressionOf(pattern, flags).test(text) ? 1n : 0n;
}

function like(text: string, pattern: string, flags: string): bigint {
  refuseGlobal("regexp_like", flags);
  return matches(text, pattern, flags);
}

/** \1 … and \& of the replacement, each other character as it is. */
function replace(text: string, pattern: string, replacement: string, flags: string): string {
  const parts = replacementParts(replacement);
  let result = "";
  let from = 0;
  for (const match of expressionOf(pattern, flags).matches(text)) {
    result += text.slice(from, match.start);
    for (const part of parts) {
      result += typeof part === "string" ? part : groupText(text, match, part);
      assertLength(result.length);
    }
    from = match.end;
    if (!flags.includes("g")) break;
  }
  return result + text.slice(from);
}

/** Plain texts, and the numbers of groups, of which 0 is the whole match. */
function replacementParts(replacement: string): readonly (string | number)[] {
  return (replacement.match(/\\[0-9&\\]|[^\\]+|\\/g) ?? []).map((part) => {
    if (part.length !== 2 || !part.startsWith("\\")) return part;
    const code = part.charAt(1);
    return code === "\\" ? code : code === "&" ? 0 : Number(code);
  });
}

function groupText(text: string, match: Match, group: number): string {
  return group === 0 ? text.slice(match.start, match.end) : (match.group(group) ?? "");
}

function match(text: string, pattern: string, flags: string): string | null {
  refuseGlobal("regexp_match", flags, "Use the regexp_matches function instead.");
  const expression = expressionOf(pattern, flags);
  const found = expression.find(text);
  if (found === null) return null;
  return encodeArray(
    expression.groupCount === 0
      ? [text.slice(found.start, found.end)]
      : Array.from({ length: expression.groupCount }, (_, index) => found.group(index + 1)),
  );
}

/** The first group of the first match, or all of it. */
function substring(text: string, pattern: string): string | null {
  const expression = expressionOf(pattern, "");
  const found = expression.find(text);
  if (found === null) return null;
  return expression.groupCount > 0 ? found.group(1) : text.slice(found.start, found.end);
}

/** The texts between matches, where empty ones at the ends and behind another do not count. */
export function splitByPattern(
  text: string,
  pattern: string,
  flags: string,
  name = "regexp_split_to_table",
): readonly string[] {
  refuseGlobal(name, flags);
  const parts: string[] = [];
  let from = 0;
  for (const { start, end } of expressionOf(pattern, flags).matches(text)) {
    if (start >= text.length || end <= from) continue;
    parts.push(text.slice(from, start));
    from = end;
  }
  return [...parts, text.slice(from)];
}

function count(text: string, pattern: string): bigint {
  let found = 0n;
  for (const _match of expressionOf(pattern, "").matches(text)) found += 1n;
  return found;
}

function refuseGlobal(name: string, flags: string, hint?: string): void {
  if (!flags.includes("g")) return;
  throw new SqlError(
    "22023",
    `${name}() does not support the "global" option`,
    hint === undefined ? {} : { hint },
  );
}

function ilike(text: string, pattern: string): bigint {
  return isLike(lower(text), lower(pattern)) ? 1n : 0n;
}

/** SQLite's LIKE, which a pattern that ends with a lone backslash never matches. */
function ownLike(text: string, pattern: string): bigint {
  return !/(?:^|[^\\])(?:\\\\)*\\$/.test(pattern) && isLike(text, pattern) ? 1n : 0n;
}

/** Throws 54000 for what SQLite's LIKE should not or cannot do. */
function fitsLike(text: string, pattern: string): bigint {
  assertLikeFits(text, pattern);
  if (Buffer.byteLength(pattern) > LIKE_PATTERN_BYTES_MAX) {
    throw new SqlError("54000", "the pattern is too long", {
      detail: `It has more than ${LIKE_PATTERN_BYTES_MAX} bytes.`,
    });
  }
  return 1n;
}

function assertLikeFits(text: string, pattern: string): void {
  if (text.length * pattern.length <= LIKE_WORK_MAX) return;
  throw new SqlError("54000", "the pattern is too long for so long a text", {
    detail: `It has ${pattern.length} characters, and the text ${text.length}.`,
  });
}

const ANY_ONE = -1;
const ANY_NUMBER = -2;

/** The characters of a pattern. */
function likeParts(pattern: string): Int32Array {
  const parts = pattern.match(/\\?[\s\S]/gu) ?? [];
  return Int32Array.from(parts, (part) => {
    if (part === "%") return ANY_NUMBER;
    if (part === "_") return ANY_ONE;
    return part.codePointAt(part.length > 1 && part.startsWith("\\") ? 1 : 0) ?? 0;
  });
}

function codePointsOf(text: string): Int32Array {
  const codes = new Int32Array(text.length);
  let count = 0;
  for (const character of text) {
    codes[count] = character.codePointAt(0) ?? 0;
    count += 1;
  }
  return codes.subarray(0, count);
}

/**
 * Whatever the last % has taken is enough for those before it: only that one is tried again. So it takes the length of
 * the text times that of the pattern at most. Throws 54000 where that is too much.
 */
function isLike(given: string, wanted: string): boolean {
  assertLikeFits(given, wanted);
  const [text, pattern] = [codePointsOf(given), likeParts(wanted)];
  let [at, place] = [0, 0];
  let [retryAt, retryPlace] = [0, -1];
  while (at < text.length) {
    const part = pattern[place];
    if (part === ANY_NUMBER) {
      place += 1;
      retryAt = at;
      retryPlace = place;
    } else if (part !== undefined && (part === ANY_ONE || part === text[at])) {
      at += 1;
      place += 1;
    } else {
      if (retryPlace < 0) return false;
      retryAt += 1;
      at = retryAt;
      place = retryPlace;
    }
  }
  return pattern.subarray(place).every((part) => part === ANY_NUMBER);
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
  strict("regexp_like(text, text, text) bool", like),
  strict("regexp_count(text, text) int4", count),
  strict("regexp_split_to_array(text, text) text[]", (text: string, pattern: string) =>
    encodeArray(splitByPattern(text, pattern, "", "regexp_split_to_array")),
  ),
  strict(
    "regexp_split_to_array(text, text, text) text[]",
    (text: string, pattern: string, flags: string) =>
      encodeArray(splitByPattern(text, pattern, flags, "regexp_split_to_array")),
  ),
  strict("substring(text, text) text", substring, "substring_by_pattern"),
  strict("like_escape(text, text) text", likeEscape),
  lenient("similar_to_escape(text) text", (pattern: string | null) =>
    similarToEscape(pattern, "\\"),
  ),
  lenient("similar_to_escape(text, text) text", similarToEscape),
  internal("pg_ilike", 2, ilike),
  internal("pg_like", 2, ownLike),
  internal("like_fits", 2, fitsLike),
];
