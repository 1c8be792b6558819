/**
 * A regular expression of PostgreSQL ("advanced" ones, chapter 9.7.3 of its manual) as a tree, and what
 * can be said of it without a text.
 */
import { SqlError } from "../errors.ts";

/** One character out of a set. `body` is what stands in the brackets of an RE2 class. */
export interface CharacterSet {
  readonly kind: "set";
  readonly body: string;
  readonly negated: boolean;
  /** The code points named one by one; null where ranges or classes are among them. */
  readonly characters: readonly number[] | null;
}

export type Constraint =
  | "textStart"
  | "textEnd"
  | "lineStart"
  | "lineEnd"
  | "wordStart"
  | "wordEnd"
  | "wordBoundary"
  | "noWordBoundary";

export interface Repeat {
  readonly kind: "repeat";
  readonly item: Node;
  readonly min: number;
  /** Null: without an end. */
  readonly max: number | null;
  readonly greedy: boolean;
  /** {n}, which leaves nothing to choose; {n,n} is a quantifier with a preference like others. */
  readonly exact: boolean;
}

export type Node =
  | CharacterSet
  | Repeat
  | { readonly kind: "constraint"; readonly what: Constraint }
  | { readonly kind: "behind"; readonly negated: boolean; readonly item: Node }
  | { readonly kind: "group"; readonly captures: boolean; readonly item: Node }
  | { readonly kind: "sequence"; readonly items: readonly Node[] }
  | { readonly kind: "choice"; readonly branches: readonly Node[] };

/** 2201B, with one of PostgreSQL's reasons. */
export function invalid(reason: string): SqlError {
  return new SqlError("2201B", `invalid regular expression: ${reason}`);
}

/** The set of one character. */
export function character(code: number): CharacterSet {
  return { kind: "set", body: escaped(code), negated: false, characters: [code] };
}

/** Any character, or any but a line's end. */
export function anyCharacter(exceptNewline: boolean): CharacterSet {
  return exceptNewline
    ? { kind: "set", body: escaped(0x0a), negated: true, characters: [0x0a] }
    : { kind: "set", body: "", negated: true, characters: [] };
}

/** A character as RE2 takes it inside and outside of brackets. */
export function escaped(code: number): string {
  const text = String.fromCodePoint(code);
  return /^[0-9A-Za-z]$/.test(text) ? text : `\\x{${code.toString(16)}}`;
}

export function parts(node: Node): readonly Node[] {
  switch (node.kind) {
    case "sequence":
      return node.items;
    case "choice":
      return node.branches;
    case "repeat":
    case "behind":
    case "group":
      return [node.item];
    default:
      return [];
  }
}

export function captureCount(node: Node): number {
  const own = node.kind === "group" && node.captures ? 1 : 0;
  return parts(node).reduce((sum, part) => sum + captureCount(part), own);
}

/** How many single steps the expression has when its repetitions are written out; a large set counts more. */
export function sizeOf(node: Node): number {
  if (node.kind === "set") return 1 + Math.floor(node.body.length / 128);
  if (node.kind === "repeat") return sizeOf(node.item) * Math.max(1, node.max ?? node.min + 1);
  return parts(node).reduce((sum, part) => sum + sizeOf(part), 1);
}

export function has(node: Node, what: (node: Node) => boolean): boolean {
  return what(node) || parts(node).some((part) => has(part, what));
}

/**
 * Whether the expression as a whole prefers long matches (true) or short ones (false); null where it has
 * nothing to choose. PostgreSQL: a branch is like its first quantified part, a choice always prefers long.
 */
export function preference(node: Node): boolean | null {
  switch (node.kind) {
    case "repeat":
      return node.exact ? preference(node.item) : node.greedy;
    case "group":
      return preference(node.item);
    case "choice":
      return true;
    case "sequence":
      for (const item of node.items) {
        const own = preference(item);
        if (own !== null) return own;
      }
      return null;
    default:
      return null;
  }
}

export interface Width {
  readonly min: number;
  readonly max: number;
}

/** How many characters a match has, at least and at most (Infinity). */
export function width(node: Node): Width {
  switch (node.kind) {
    case "set":
      return { min: 1, max: 1 };
    case "group":
      return width(node.item);
    case "repeat": {
      const { min, max } = width(node.item);
      const times = node.max ?? Number.POSITIVE_INFINITY;
      return { min: min * node.min, max: max === 0 || times === 0 ? 0 : max * times };
    }
    case "sequence":
      return node.items
        .map(width)
        .reduce((sum, one) => ({ min: sum.min + one.min, max: sum.max + one.max }), {
          min: 0,
          max: 0,
        });
    case "choice": {
      const widths = node.branches.map(width);
      return {
        min: widths.reduce((least, { min }) => Math.min(least, min), Number.POSITIVE_INFINITY),
        max: widths.reduce((most, { max }) => Math.max(most, max), 0),
      };
    }
    default:
      return { min: 0, max: 0 };
  }
}
