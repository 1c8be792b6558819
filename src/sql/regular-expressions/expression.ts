/**
 * Searching with PostgreSQL's regular expressions in time linear in the text, by RE2 in JavaScript. Why
 * not the engine that JavaScript has: docs/decisions/0013-regular-expressions.md.
 */
import { type Matcher, RE2JS } from "re2js";
import { REGEXP_SIZE_MAX, REGEXP_WORK_MAX } from "../../base/limits.ts";
import { SqlError } from "../errors.ts";
import { captureCount, has, invalid, type Node, preference, sizeOf } from "./node.ts";
import { functionOptions, type Options } from "./options.ts";
import { type Choice, printed } from "./print.ts";
import { Reach } from "./reach.ts";
import { readPattern } from "./reader.ts";

/** One match: where it is, and, until the next one is looked for, what its groups hold. */
export interface Match {
  readonly start: number;
  readonly end: number;
  /** The n-th group's text, from 1; null if it took no part. */
  group(number: number): string | null;
}

export class Expression {
  readonly groupCount: number;
  readonly #node: Node;
  readonly #size: number;
  readonly #options: Options;
  readonly #search: RE2JS;
  readonly #reach: Reach;
  /** Finds the groups of a match; null where the search does. */
  readonly #groups: RE2JS | null;

  /** Throws 2201B, or 0A000 for what has no bound. */
  constructor(pattern: string, given: Options) {
    const { node, options } = readPattern(pattern, given);
    this.#size = sizeOf(node);
    if (this.#size > REGEXP_SIZE_MAX) throw tooComplex();
    this.#node = node;
    this.#options = options;
    this.groupCount = captureCount(node);
    const short = preference(node) === false;
    const isMixed = short || has(node, (part) => part.kind === "repeat" && !part.greedy);
    this.#search = this.#compiled(short ? "shortest" : "longest");
    this.#groups = isMixed && this.groupCount > 0 ? this.#compiled("byParts") : null;
    this.#reach = new Reach(node, short, options.anyCase ? RE2JS.CASE_INSENSITIVE : 0);
  }

  test(text: string): boolean {
    this.#assertShort(text);
    return this.#search.test(text);
  }

  /** The first match. */
  find(text: string): Match | null {
    this.#assertShort(text);
    const matcher = this.#search.matcher(text);
    return matcher.find(0) ? this.#found(matcher, text) : null;
  }

  /**
   * All matches from left to right that do not overlap; one without characters may follow one with some.
   * Throws 54000 where that would take more than linear time, and the text is long.
   */
  *matches(text: string, workMax = REGEXP_WORK_MAX): Generator<Match> {
    this.#assertShort(text);
    const matcher = this.#search.matcher(text);
    const work = new Work(this.#reach, text, workMax / this.#size);
    for (let from = 0; from <= text.length && matcher.find(from); ) {
      const match = this.#found(matcher, text);
      const { start, end } = match;
      yield match;
      from = end > start ? end : end + ((text.codePointAt(end) ?? 0) > 0xffff ? 2 : 1);
      work.passed(end);
    }
  }

  /** Throws 54000 if one search could take too long. */
  #assertShort(text: string): void {
    if (this.#size * text.length <= REGEXP_WORK_MAX) return;
    throw new SqlError("54000", "the regular expression is too large for so long a text", {
      detail: `It has ${this.#size} steps, and the text ${text.length} characters.`,
      hint: "Split the text, or use a smaller expression.",
    });
  }

  #found(matcher: Matcher, text: string): Match {
    const [start, end] = [matcher.start(), matcher.end()];
    const group = (number: number): string | null => {
      const alone = this.#groups?.matcher(text.slice(start, end));
      // What looks beyond the match may refuse it alone.
      return alone?.find(0) ? alone.group(number) : matcher.group(number);
    };
    return { start, end, group };
  }

  #compiled(choice: Choice): RE2JS {
    let flags = this.#options.anyCase ? RE2JS.CASE_INSENSITIVE : 0;
    if (choice === "longest") flags |= RE2JS.LONGEST_MATCH;
    const text = printed(this.#node, choice);
    if (text.includes("(?<")) flags |= RE2JS.LOOKBEHINDS;
    try {
      return RE2JS.compile(choice === "byParts" ? `\\A(?:${text})\\z` : text, flags);
    } catch {
      // The pattern is right: its reader said so.
      throw tooComplex();
    }
  }
}

/** The characters that a search for all matches may read more than once. */
class Work {
  readonly #reach: Reach;
  readonly #text: string;
  readonly #max: number;
  /** As if each search read as far as any may: enough to know for most texts. */
  #atMost = 0;
  #lengths: Generator<number, never, number> | null = null;
  #read = 0;

  constructor(reach: Reach, text: string, max: number) {
    this.#reach = reach;
    this.#text = text;
    this.#max = max;
  }

  /** A match that ends at `end` was found; throws 54000 above the bound. */
  passed(end: number): void {
    this.#atMost += Math.min(this.#reach.max, this.#text.length - end);
    if (this.#atMost <= this.#max) return;
    if (this.#lengths === null) {
      this.#lengths = this.#reach.lengths(this.#text);
      this.#lengths.next(0);
    }
    this.#read += this.#lengths.next(end).value;
    if (this.#read > this.#max) throw tooLong();
  }
}

function tooComplex(): SqlError {
  return invalid("regular expression is too complex");
}

function tooLong(): SqlError {
  return new SqlError("54000", "the text has too many matches of the regular expression", {
    detail: "Behind each of them the search may have to read to the end of the text.",
    hint: "Split the text, or use an expression whose matches have an end of their own.",
  });
}

/** Each may hold some megabytes of what it learnt about its texts. */
const CACHE_MAX = 64;
const cache = new Map<string, Expression>();

/** The expression of a pattern with the letters of a function's last argument. */
export function expressionOf(pattern: string, flags: string): Expression {
  const key = `${flags}/${pattern}`;
  const expression = cache.get(key) ?? new Expression(pattern, functionOptions(flags));
  // The one that was used longest ago is the first.
  cache.delete(key);
  cache.set(key, expression);
  for (const oldest of cache.keys()) {
    if (cache.size <= CACHE_MAX) break;
    cache.delete(oldest);
  }
  return expression;
}
