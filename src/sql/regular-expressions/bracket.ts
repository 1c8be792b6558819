/** Bracket expressions: [abc], [^a-z], [[:alpha:]\d]. */
import { notSupported } from "../errors.ts";
import { escapedClass, namedClass } from "./classes.ts";
import { escaped, invalid, type Node } from "./node.ts";
import { codeOf, escapedCharacter, type Source } from "./source.ts";

interface Contents {
  body: string;
  /** Null once something else than single characters was seen. */
  characters: number[] | null;
  /** \W, whose body is the word characters'. */
  noWord: string | null;
}

/** The expression whose "[" is passed already. */
export function readBracket(source: Source, newlineStopsDot: boolean): Node {
  if (source.passes("[:<:]]")) return { kind: "constraint", what: "wordStart" };
  if (source.passes("[:>:]]")) return { kind: "constraint", what: "wordEnd" };
  const negated = source.passes("^");
  const contents: Contents = { body: "", characters: [], noWord: null };
  for (let first = true; first || source.next !== "]"; first = false) {
    if (source.atEnd) throw invalid("brackets [] not balanced");
    readPart(source, contents, first);
  }
  source.take();
  if (negated && newlineStopsDot) single(contents, 0x0a);
  return setOf(contents, negated);
}

function setOf({ body, characters, noWord }: Contents, negated: boolean): Node {
  const set: Node = { kind: "set", body, negated, characters };
  if (noWord === null) return set;
  const others: Node = { kind: "set", body: noWord, negated: !negated, characters: null };
  if (body === "") return others;
  if (negated) throw notSupported("\\W among others in [^…] of a regular expression");
  return { kind: "group", captures: false, item: { kind: "choice", branches: [others, set] } };
}

function readPart(source: Source, contents: Contents, first: boolean): void {
  if (source.passes("[:")) {
    const name = source.upTo(":]");
    if (name === undefined) throw invalid("brackets [] not balanced");
    several(contents, namedClass(name));
    return;
  }
  if (source.passes("\\")) {
    const letter = source.take();
    const named = escapedClass(letter);
    if (named !== undefined) {
      if (named.negated) contents.noWord = named.body;
      else several(contents, named.body);
      return;
    }
    readRange(source, contents, plainEscape(source, letter));
    return;
  }
  // A hyphen is itself at the start, at the end and as a range's second end.
  if (source.next === "-" && !first && !source.startsWith("-]")) {
    throw invalid("invalid character range");
  }
  readRange(source, contents, collatingElement(source) ?? codeOf(source.take()));
}

function readRange(source: Source, contents: Contents, from: number): void {
  if (source.next !== "-" || source.startsWith("-]")) {
    single(contents, from);
    return;
  }
  source.take();
  const to = rangeEnd(source);
  if (to < from) throw invalid("invalid character range");
  several(contents, `${escaped(from)}-${escaped(to)}`);
}

function rangeEnd(source: Source): number {
  if (source.atEnd) throw invalid("brackets [] not balanced");
  if (source.startsWith("[:")) throw invalid("invalid character range");
  if (!source.passes("\\")) return collatingElement(source) ?? codeOf(source.take());
  const letter = source.take();
  if (escapedClass(letter) !== undefined) throw invalid("invalid character range");
  return plainEscape(source, letter);
}

/** Constraints and back references mean nothing in brackets. */
function plainEscape(source: Source, letter: string): number {
  if (/^[1-9AmMyYZ]$/.test(letter)) throw invalid("invalid escape \\ sequence");
  return escapedCharacter(source, letter);
}

/** [.x.] and [=x=] of one character. */
function collatingElement(source: Source): number | undefined {
  for (const mark of [".", "="]) {
    if (!source.passes(`[${mark}`)) continue;
    const name = source.upTo(`${mark}]`);
    if (name === undefined) throw invalid("brackets [] not balanced");
    if (Array.from(name).length !== 1) throw invalid("invalid collating element");
    return codeOf(name);
  }
  return undefined;
}

function single(contents: Contents, code: number): void {
  contents.body += escaped(code);
  contents.characters?.push(code);
}

function several(contents: Contents, body: string): void {
  contents.body += body;
  contents.characters = null;
}
