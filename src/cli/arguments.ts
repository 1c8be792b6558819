/** Command-line arguments: `--flag value`, `--flag=value`, `--switch`, and words. */

/** The arguments make no sense; the message is for the user. Exit code 2. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

export interface FlagSpecification {
  /** Without the dashes. */
  readonly name: string;
  /** What stands for the value in the help; null: a switch without a value. */
  readonly value: string | null;
  readonly help: string;
}

export interface Arguments {
  /** What stood after the command and is no flag. */
  readonly words: readonly string[];
  /** Values as typed; "" for a switch. */
  readonly flags: ReadonlyMap<string, string>;
}

/** Throws UsageError on a flag that is unknown, given twice, or lacks its value. */
export function parseArguments(
  typed: readonly string[],
  known: readonly FlagSpecification[],
): Arguments {
  const words: string[] = [];
  const flags = new Map<string, string>();
  for (let at = 0; at < typed.length; at += 1) {
    const argument = typed[at] ?? "";
    if (!argument.startsWith("-") || argument === "-") {
      words.push(argument);
      continue;
    }
    const [flag = "", inline] = splitFlag(argument);
    const specification = findFlag(flag, known);
    if (flags.has(specification.name)) throw new UsageError(`${flag} is given twice`);
    if (specification.value === null) {
      if (inline !== undefined) throw new UsageError(`${flag} takes no value`);
      flags.set(specification.name, "");
      continue;
    }
    const value = inline ?? typed[at + 1];
    if (value === undefined || value === "" || (inline === undefined && value.startsWith("--"))) {
      throw new UsageError(`${flag} needs a value: ${flag} ${specification.value}`);
    }
    if (inline === undefined) at += 1;
    flags.set(specification.name, value);
  }
  return { words, flags };
}

/** The known word that `typed` was probably meant to be; null if none is near. */
export function nearest(typed: string, known: readonly string[]): string | null {
  let best: string | null = null;
  let bestDistance = Math.max(2, Math.floor(typed.length / 3)) + 1;
  for (const word of known) {
    const distance = editDistance(typed, word);
    if (distance < bestDistance) {
      best = word;
      bestDistance = distance;
    }
  }
  return best;
}

function splitFlag(argument: string): string[] {
  const at = argument.indexOf("=");
  return at < 0 ? [argument] : [argument.slice(0, at), argument.slice(at + 1)];
}

function findFlag(flag: string, known: readonly FlagSpecification[]): FlagSpecification {
  const found = known.find((specification) => `--${specification.name}` === flag);
  if (found !== undefined) return found;
  const guess = nearest(
    flag,
    known.map((specification) => `--${specification.name}`),
  );
  throw new UsageError(`unknown flag ${flag}${guess === null ? "" : `; did you mean ${guess}?`}`);
}

/** Levenshtein's: insertions, deletions and replacements from one word to the other. */
function editDistance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, at) => at);
  for (let i = 1; i <= from.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= to.length; j += 1) {
      const replaced = (row[j - 1] ?? 0) + (from[i - 1] === to[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[to.length] ?? 0;
}
