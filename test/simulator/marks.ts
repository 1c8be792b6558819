/**
 * Marks: proof that a run met what it claims to test. Every class of faults and every rare branch
 * is declared with the least number of times that it must be met in 10,000 seeds; a run that met
 * one less often is red, for it tests less than it says.
 *
 * Fewer seeds are asked for proportionally less, and of a mark so rare that chance alone could miss
 * it nothing is asked. Rates are declared at a third of what was measured, so that a mark that is
 * judged is expected 60 times: to meet it less than 20 times by chance is one in ten milliards.
 */

export interface Mark {
  /** As in the counts of a WorldResult. */
  readonly name: string;
  /** Of 10,000 seeds, so many must meet it at least, however often each of them does. */
  readonly leastPer10000: number;
}

export interface MissingMark {
  readonly name: string;
  readonly met: number;
  readonly least: number;
}

/** Below this many expected hits a run is too short to judge a mark. */
const JUDGED_FROM = 20;

/** The marks that were met in fewer of the `seeds` runs than they must; `counts` as of `tally`. */
export function missingMarks(
  marks: readonly Mark[],
  counts: ReadonlyMap<string, number>,
  seeds: number,
): readonly MissingMark[] {
  return marks.flatMap(({ name, leastPer10000 }) => {
    const least = Math.floor((leastPer10000 * seeds) / 10_000);
    const met = counts.get(name) ?? 0;
    return least >= JUDGED_FROM && met < least ? [{ name, met, least }] : [];
  });
}

/** Names that are counted but declared nowhere: nobody would notice if they went. */
export function undeclared(
  marks: readonly Mark[],
  counts: ReadonlyMap<string, number>,
): readonly string[] {
  const declared = new Set(marks.map(({ name }) => name));
  return [...counts.keys()].filter((name) => !declared.has(name));
}

/**
 * Adds one run: in how many runs each mark was met. How often within a run says little, for faults
 * come in heaps: a seed whose weather has none meets none, one with a storm of them a thousand.
 */
export function tally(into: Map<string, number>, counts: ReadonlyMap<string, number>): void {
  for (const [name, count] of counts) if (count > 0) into.set(name, (into.get(name) ?? 0) + 1);
}
