/**
 * How far a search may read behind the match that it finds. In `a.*b|a` each a is a match, but only the end
 * of the text says that nothing longer comes: all matches together would take quadratic time.
 *
 * Whatever is still being tried behind a match has consumed every character since. It consumes all but a
 * fixed number of them in repetitions, so it ends where enough characters came that no repetition takes.
 */
import { RE2JS } from "re2js";
import { type CharacterSet, type Node, parts, type Repeat, width } from "./node.ts";
import { printed } from "./print.ts";

export class Reach {
  /** The most that a search reads behind a match. */
  readonly max: number;
  /** How many characters a match may have outside of its repetitions. */
  readonly #fixed: number;
  /** Matches what those repetitions take. */
  readonly #repeated: RE2JS;
  readonly #known = new Map<number, boolean>();

  /** `short`: the first end that comes is the match's. */
  constructor(node: Node, short: boolean, flags: number) {
    this.max = short && isAnyBetweenFixed(node) ? 0 : width(node).max;
    this.#fixed = fixedWidth(node);
    const sets = new Set(repeatedSets(node, false).map((set) => printed(set, "byParts")));
    this.#repeated = RE2JS.compile([...sets].join("|"), flags);
  }

  /** The length of what a search may read behind an `end`; they come from left to right. */
  *lengths(text: string): Generator<number, never, number> {
    // The places of the next characters that nothing repeats, as many as are needed.
    let places: number[] = [];
    let read = 0;
    let end = yield 0;
    for (;;) {
      places = places.filter((place) => place >= end);
      read = Math.max(read, end);
      while (places.length <= this.#fixed && read < text.length) {
        const code = text.codePointAt(read) ?? 0;
        if (!this.#isRepeated(code)) places.push(read);
        read += code > 0xffff ? 2 : 1;
      }
      end = yield Math.min(this.max, (places[this.#fixed] ?? text.length) - end);
    }
  }

  #isRepeated(code: number): boolean {
    const known = this.#known.get(code);
    if (known !== undefined) return known;
    const found = this.#repeated.testExact(String.fromCodePoint(code));
    this.#known.set(code, found);
    return found;
  }
}

function isMany({ max }: Repeat): boolean {
  return max === null || max > 1;
}

function fixedWidth(node: Node): number {
  switch (node.kind) {
    case "set":
      return 1;
    case "group":
      return fixedWidth(node.item);
    case "repeat":
      return isMany(node) ? 0 : fixedWidth(node.item);
    case "sequence":
      return node.items.reduce((sum, item) => sum + fixedWidth(item), 0);
    case "choice":
      return Math.max(...node.branches.map(fixedWidth));
    default:
      return 0;
  }
}

function repeatedSets(node: Node, isRepeated: boolean): readonly CharacterSet[] {
  if (node.kind === "set") return isRepeated ? [node] : [];
  if (node.kind === "behind") return [];
  const inside = isRepeated || (node.kind === "repeat" && isMany(node));
  return parts(node).flatMap((part) => repeatedSets(part, inside));
}

/**
 * Fixed, any characters, fixed: of two attempts the first is never behind the second, so it ends where the
 * second does or before.
 */
function isAnyBetweenFixed(node: Node): boolean {
  const items = flat(node);
  const open = items.filter((item) => width(item).min !== width(item).max);
  const [run] = open;
  if (open.length !== 1 || run?.kind !== "repeat") return false;
  return run.item.kind === "set" && run.item.negated && run.item.body === "";
}

/** What a group that is not repeated holds stands for the group. */
function flat(node: Node): readonly Node[] {
  if (node.kind === "group") return flat(node.item);
  return node.kind === "sequence" ? node.items.flatMap(flat) : [node];
}
