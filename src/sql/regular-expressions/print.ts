/** Writes a tree in RE2's syntax. */

import {
  type Constraint,
  captureCount,
  type Node,
  preference,
  type Repeat,
  width,
} from "./node.ts";

/**
 * Which match of several the text is for: the longest, by a search that looks for it anyway; the
 * shortest, where each repetition takes little; or as the parts of the expression say.
 */
export type Choice = "longest" | "shortest" | "byParts";

/** The options that the text needs are set in it, but for letter case. */
export function printed(node: Node, choice: Choice): string {
  return print(node, { choice, short: choice === "shortest" ? true : null });
}

interface Style {
  readonly choice: Choice;
  /** Whether every repetition below prefers short matches; null: each its own. */
  readonly short: boolean | null;
}

function print(node: Node, style: Style): string {
  switch (node.kind) {
    case "set":
      if (node.body === "") return "(?s:.)";
      return node.negated || node.characters?.length !== 1
        ? `[${node.negated ? "^" : ""}${node.body}]`
        : node.body;
    case "constraint":
      return CONSTRAINTS[node.what];
    case "behind":
      return `(?<${node.negated ? "!" : "="}${print(node.item, style)})`;
    case "group":
      return `(${node.captures ? "" : "?:"}${print(node.item, style)})`;
    case "repeat":
      return repeat(node, style);
    case "sequence":
      return sequence(node, ownStyle(node, style));
    case "choice":
      return choice(node.branches, style);
  }
}

/** A part without groups prefers as a whole what its first repetition prefers. */
function ownStyle(node: Node, style: Style): Style {
  if (style.choice !== "byParts" || style.short !== null || captureCount(node) > 0) return style;
  const long = preference(node);
  return long === null ? style : { ...style, short: !long };
}

function repeat(node: Repeat, style: Style): string {
  const { item, min, max, greedy } = node;
  const atom = item.kind === "repeat" ? `(?:${print(item, style)})` : print(item, style);
  const short = style.short ?? !greedy;
  return `${atom}${bounds(min, max)}${short && min !== max ? "?" : ""}`;
}

function bounds(min: number, max: number | null): string {
  if (max === null) return min === 0 ? "*" : min === 1 ? "+" : `{${min},}`;
  if (min === 0 && max === 1) return "?";
  return min === max ? `{${min}}` : `{${min},${max}}`;
}

/**
 * Among branches of fixed widths the widest comes first, or the narrowest: the library takes the first
 * that matches where PostgreSQL takes the longest. Groups have to stay in order.
 */
function choice(branches: readonly Node[], style: Style): string {
  const widths = new Map(branches.map((branch) => [branch, width(branch)]));
  const widest = (branch: Node) => widths.get(branch)?.max ?? 0;
  const sortable = branches.every(
    (branch) => captureCount(branch) === 0 && widths.get(branch)?.min === widest(branch),
  );
  const direction = style.choice === "shortest" ? 1 : -1;
  const ordered = sortable
    ? branches.toSorted((left, right) => direction * (widest(left) - widest(right)))
    : branches;
  return ordered.map((branch) => print(branch, style)).join("|");
}

const WORD_START = "\\b(?<![0-9A-Za-z_])";
const WORD_END = "\\b(?<=[0-9A-Za-z_])";

const CONSTRAINTS: Readonly<Record<Constraint, string>> = {
  textStart: "\\A",
  textEnd: "\\z",
  lineStart: "(?m:^)",
  lineEnd: "(?m:$)",
  wordStart: WORD_START,
  wordEnd: WORD_END,
  wordBoundary: "\\b",
  noWordBoundary: "\\B",
};

/** Looking behind is slow, and \b says as much where the neighbour is a word's character anyway. */
function sequence({ items }: { readonly items: readonly Node[] }, style: Style): string {
  const texts = items.map((item, at) => {
    if (item.kind === "constraint") {
      const { what } = item;
      if (what === "wordStart" && isWordAt(items[at + 1], 0)) return "\\b";
      if (what === "wordEnd" && isWordAt(items[at - 1], -1)) return "\\b";
    }
    const text = print(item, style);
    return item.kind === "choice" ? `(?:${text})` : text;
  });
  return texts.join("");
}

/** Whether each match of `node` has a word's character at its start (0) or its end (-1). */
function isWordAt(node: Node | undefined, end: 0 | -1): boolean {
  switch (node?.kind) {
    case "set":
      return isWordSet(node);
    case "group":
      return isWordAt(node.item, end);
    case "repeat":
      return node.min > 0 && isWordAt(node.item, end);
    case "sequence":
      return isWordAt(node.items.at(end), end);
    case "choice":
      return node.branches.every((branch) => isWordAt(branch, end));
    default:
      return false;
  }
}

/** Named characters, or nothing but ranges and classes of letters, digits and the underscore. */
const WORD_BODY = /^(?:[0-9A-Za-z](?:-[0-9A-Za-z])?|_|\\x\{5f\}|\\p\{(?:L|Ll|Lu|Nl|Nd)\})+$/;

function isWordSet(set: Node & { kind: "set" }): boolean {
  return !set.negated && WORD_BODY.test(set.body);
}
