/** The letters behind a regular expression's functions and in its own (?…). */
import { SqlError } from "../errors.ts";
import { invalid } from "./node.ts";

export interface Options {
  readonly anyCase: boolean;
  /** Dots and [^…] do not match a line's end. */
  readonly newlineStopsDot: boolean;
  /** ^ and $ match at lines' ends. */
  readonly newlineAnchors: boolean;
  /** White space and comments in the pattern mean nothing. */
  readonly expanded: boolean;
  /** The pattern is a plain text. */
  readonly literal: boolean;
}

const NO_OPTIONS: Options = {
  anyCase: false,
  newlineStopsDot: false,
  newlineAnchors: false,
  expanded: false,
  literal: false,
};

const CHANGES: Readonly<Record<string, Partial<Options>>> = {
  c: { anyCase: false },
  i: { anyCase: true },
  m: { newlineStopsDot: true, newlineAnchors: true },
  n: { newlineStopsDot: true, newlineAnchors: true },
  p: { newlineStopsDot: true, newlineAnchors: false },
  q: { literal: true },
  s: { newlineStopsDot: false, newlineAnchors: false },
  t: { expanded: false },
  w: { newlineStopsDot: false, newlineAnchors: true },
  x: { expanded: true },
};

/** The options of a function's last argument, without "g", which is the function's own. */
export function functionOptions(flags: string): Options {
  let options = NO_OPTIONS;
  for (const flag of flags) {
    if (flag === "g") continue;
    options = { ...options, ...(changeOf(flag) ?? unknownOption(flag)) };
  }
  return options;
}

/** `options` with the letters of a pattern's own (?…). */
export function embeddedOptions(options: Options, letters: string): Options {
  let result = options;
  for (const letter of letters) {
    const change = changeOf(letter);
    if (change === undefined) throw invalid("invalid embedded option");
    result = { ...result, ...change };
  }
  return result;
}

function changeOf(letter: string): Partial<Options> | undefined {
  if (letter === "b" || letter === "e") {
    throw new SqlError("0A000", "only advanced regular expressions are supported", {
      hint: `Leave out the option "${letter}".`,
    });
  }
  return CHANGES[letter];
}

function unknownOption(flag: string): never {
  throw new SqlError("22023", `invalid regular expression option: "${flag}"`);
}
