/**
 * Marks: proof that a run met what it claims to test. Every class of faults and every rare branch
 * is declared with the least number of times that it must be met in 10,000 seeds; a run that met
 * one less often is red, for it tests less than it says.
 *
 * Goal of the scaling: fewer seeds are asked for proportionally less, and of a mark that is so rare
 * that chance alone could miss it nothing is asked.
 */

export interface Mark {
  /** As in the counts of a WorldResult. */
  readonly name: string;
  /** How often it must be met in 10,000 seeds, at least. */
  readonly leastPer10000: number;
}

export interface MissingMark {
  readonly name: string;
  readonly met: number;
  readonly least: number;
}

/** Below this many expected hits a run is too short to judge a mark. */
const JUDGED_FROM = 20;

/** The marks that `counts`, summed over `seeds` runs, met less often than they must. */
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

/** Adds the counts of one run to those of many. */
export function addCounts(into: Map<string, number>, counts: ReadonlyMap<string, number>): void {
  for (const [name, count] of counts) into.set(name, (into.get(name) ?? 0) + count);
}
