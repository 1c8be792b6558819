/** Reads a pattern of PostgreSQL's advanced regular expressions. */
import { SqlError } from "../errors.ts";
import { readBracket } from "./bracket.ts";
import { escapedClass } from "./classes.ts";
import {
  anyCharacter,
  type Constraint,
  character,
  invalid,
  type Node,
  type Repeat,
} from "./node.ts";
import { embeddedOptions, type Options } from "./options.ts";
import { codeOf, escapedCharacter, Source } from "./source.ts";

/** The most that {m,n} may say, as in PostgreSQL. */
const REPEAT_MAX = 255;
/** Groups within groups: what reads and prints them is recursive. */
const DEPTH_MAX = 250;

const CONSTRAINTS: ReadonlyMap<string, Constraint> = new Map([
  ["A", "textStart"],
  ["Z", "textEnd"],
  ["m", "wordStart"],
  ["M", "wordEnd"],
  ["y", "wordBoundary"],
  ["Y", "noWordBoundary"],
]);

/** The tree of `pattern`, and the options with those that the pattern itself sets. */
export function readPattern(pattern: string, given: Options): { node: Node; options: Options } {
  if (given.literal) return { node: literalText(pattern), options: given };
  const source = new Source(pattern);
  if (source.passes("***=")) {
    return { node: literalText(pattern.slice(4)), options: given };
  }
  if (!source.passes("***:") && source.startsWith("***")) {
    throw invalid("quantifier operand invalid");
  }
  const options = readOptions(source, given);
  if (options.literal) {
    let rest = "";
    while (!source.atEnd) rest += source.take();
    return { node: literalText(rest), options };
  }
  const node = new Reader(source, options).whole();
  return { node, options };
}

function literalText(text: string): Node {
  return { kind: "sequence", items: Array.from(text, (one) => character(codeOf(one))) };
}

function readOptions(source: Source, given: Options): Options {
  if (!source.passes("(?")) return given;
  if (!/^[A-Za-z]$/.test(source.next)) {
    source.back(2);
    return given;
  }
  const letters = source.upTo(")");
  if (letters === undefined) throw invalid("invalid embedded option");
  return embeddedOptions(given, letters);
}

type Bounds = Pick<Repeat, "min" | "max" | "exact">;

class Reader {
  readonly #source: Source;
  readonly #options: Options;
  /** Groups that capture and are closed: what a back reference may name. */
  #closed = 0;
  #depth = 0;
  #insideBehind = false;

  constructor(source: Source, options: Options) {
    this.#source = source;
    this.#options = options;
  }

  whole(): Node {
    const node = this.#choice();
    if (!this.#source.atEnd) throw invalid("parentheses () not balanced");
    return node;
  }

  #choice(): Node {
    const branches = [this.#sequence()];
    while (this.#source.passes("|")) branches.push(this.#sequence());
    const [only] = branches;
    return branches.length === 1 && only !== undefined ? only : { kind: "choice", branches };
  }

  #sequence(): Node {
    const items: Node[] = [];
    for (;;) {
      this.#skipUnsaid();
      if (this.#source.atEnd || this.#source.next === "|" || this.#source.next === ")") break;
      items.push(this.#item());
    }
    const [only] = items;
    return items.length === 1 && only !== undefined ? only : { kind: "sequence", items };
  }

  /** Comments, and with the option "x" white space. */
  #skipUnsaid(): void {
    for (;;) {
      if (this.#source.passes("(?#")) {
        this.#source.upTo(")");
      } else if (this.#options.expanded && /^[ \t-\r]$/.test(this.#source.next)) {
        this.#source.take();
      } else if (this.#options.expanded && this.#source.passes("#")) {
        while (!this.#source.atEnd && this.#source.take() !== "\n");
      } else {
        return;
      }
    }
  }

  #item(): Node {
    const atom = this.#atom();
    if (atom.kind === "constraint" || atom.kind === "behind") return atom;
    this.#skipUnsaid();
    const bounds = this.#quantifier();
    if (bounds === null) return atom;
    const greedy = !this.#source.passes("?");
    return { kind: "repeat", item: atom, ...bounds, greedy };
  }

  #atom(): Node {
    const one = this.#source.take();
    switch (one) {
      case "(":
        return this.#parenthesis();
      case "[":
        return readBracket(this.#source, this.#options.newlineStopsDot);
      case ".":
        return anyCharacter(this.#options.newlineStopsDot);
      case "^":
        return constraint(this.#options.newlineAnchors ? "lineStart" : "textStart");
      case "$":
        return constraint(this.#options.newlineAnchors ? "lineEnd" : "textEnd");
      case "\\":
        return this.#escape();
      case "*":
      case "+":
      case "?":
        throw invalid("quantifier operand invalid");
      case "{":
        if (/^[0-9]$/.test(this.#source.next)) throw invalid("quantifier operand invalid");
        return character(codeOf(one));
      default:
        return character(codeOf(one));
    }
  }

  #parenthesis(): Node {
    if (!this.#source.passes("?")) return this.#group(!this.#insideBehind);
    if (this.#source.passes(":")) return this.#group(false);
    if (this.#source.startsWith("=") || this.#source.startsWith("!")) {
      throw unbounded("Look-ahead");
    }
    for (const [mark, negated] of [
      ["<=", false],
      ["<!", true],
    ] as const) {
      if (this.#source.passes(mark)) return this.#behind(negated);
    }
    throw invalid("quantifier operand invalid");
  }

  #behind(negated: boolean): Node {
    const outside = this.#insideBehind;
    this.#insideBehind = true;
    const { item } = this.#group(false);
    this.#insideBehind = outside;
    return { kind: "behind", negated, item };
  }

  #group(captures: boolean): Node & { kind: "group" } {
    this.#depth += 1;
    if (this.#depth > DEPTH_MAX) throw invalid("regular expression is too complex");
    const item = this.#choice();
    if (!this.#source.passes(")")) throw invalid("parentheses () not balanced");
    this.#depth -= 1;
    if (captures) this.#closed += 1;
    return { kind: "group", captures, item };
  }

  #escape(): Node {
    const letter = this.#source.take();
    const what = CONSTRAINTS.get(letter);
    if (what !== undefined) return constraint(what);
    const named = escapedClass(letter);
    if (named !== undefined) return { kind: "set", ...named, characters: null };
    if (/^[1-9]$/.test(letter)) this.#refuseReference(letter);
    return character(escapedCharacter(this.#source, letter));
  }

  /** \1 … \9 are back references, and longer numbers if there are as many groups; else they are octal. */
  #refuseReference(first: string): void {
    const more = this.#source.digits(10, REPEAT_MAX);
    const group = Number(first + more);
    if (more === "" || group <= this.#closed) {
      if (group > this.#closed) throw invalid("invalid backreference number");
      throw unbounded("A back reference");
    }
    this.#source.back(more.length);
  }

  #quantifier(): Bounds | null {
    if (this.#source.passes("*")) return { min: 0, max: null, exact: false };
    if (this.#source.passes("+")) return { min: 1, max: null, exact: false };
    if (this.#source.passes("?")) return { min: 0, max: 1, exact: false };
    if (!this.#source.passes("{")) return null;
    if (!/^[0-9]$/.test(this.#source.next)) {
      this.#source.back(1);
      return null;
    }
    const min = this.#bound();
    const exact = !this.#source.passes(",");
    const max = exact ? min : /^[0-9]$/.test(this.#source.next) ? this.#bound() : null;
    if (this.#source.atEnd) throw invalid("braces {} not balanced");
    if (!this.#source.passes("}") || (max !== null && max < min)) {
      throw invalid("invalid repetition count(s)");
    }
    return { min, max, exact };
  }

  #bound(): number {
    const count = Number(this.#source.digits(10, REPEAT_MAX));
    if (count > REPEAT_MAX) throw invalid("invalid repetition count(s)");
    return count;
  }
}

function constraint(what: Constraint): Node {
  return { kind: "constraint", what };
}

/** What no engine finds in time linear in the text. */
function unbounded(what: string): SqlError {
  return new SqlError("0A000", `${what} in a regular expression is not supported`, {
    detail: "Its time could not be bounded, and statements in the log cannot be stopped.",
    hint: "Use several expressions joined by AND, or a group with what comes behind.",
  });
}
