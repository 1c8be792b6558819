/** What an open transaction has run so far, and which of it must run again before it goes on. */
import { assert } from "../base/assert.ts";
import type { TransactionItem } from "./command.ts";
import type { TableVersions } from "./table-versions.ts";
import { merged, overlap, type Touched, type TouchedPart } from "./touched.ts";

export interface Ran {
  readonly item: TransactionItem;
  /** Null: a change of the schema, or a savepoint. */
  readonly touched: Touched | null;
  /** The moment of TableVersions at which its result was last seen to hold. */
  heldAt: number;
}

/** What a plain transaction has run, table by table, so that a long one need not be gone through each time. */
export class RanSummary {
  readonly #parts = new Map<string, TouchedPart>();
  #holdsAt = -1;

  add(touched: Touched): void {
    for (const part of touched) {
      const known = this.#parts.get(part.table);
      this.#parts.set(part.table, known === undefined ? part : merged(known, part));
    }
  }

  /** All of it was seen to hold at this moment of TableVersions. */
  holds(moment: number): void {
    this.#holdsAt = moment;
  }

  /** Whether nothing of it has to run again before a statement that touches this; false: perhaps nothing. */
  isSettledFor(touched: Touched, versions: TableVersions): boolean {
    const parts = [...this.#parts.values()];
    return versions.isUnchanged(parts, this.#holdsAt) && !overlap(parts, touched);
  }
}

/** Throws for an item of which nobody knows what it touches. */
export function touchedBy(ran: Ran | undefined): Touched {
  assert(ran !== undefined && ran.touched !== null, "a plain transaction knows what it touches");
  return ran.touched;
}

/**
 * Indexes, rising, of what must have run before a statement that touches this: what may have another
 * result now, and what wrote things that one of these looks at.
 */
export function neededBefore(
  ran: readonly Ran[],
  touched: Touched,
  versions: TableVersions,
): number[] {
  const stale = staleItems(ran, versions);
  const looked: TouchedPart[] = [...touched];
  const needed: number[] = [];
  for (let index = ran.length - 1; index >= 0; index -= 1) {
    const before = touchedBy(ran[index]);
    if (!stale.has(index) && !overlap(before, looked)) continue;
    needed.push(index);
    looked.push(...before);
  }
  return needed.reverse();
}

/** What may have another result now: it touches what has changed, or read what this transaction wrote then. */
function staleItems(ran: readonly Ran[], versions: TableVersions): ReadonlySet<number> {
  const stale = new Set<number>();
  const rewritten: TouchedPart[] = [];
  for (const [index, each] of ran.entries()) {
    const touched = touchedBy(each);
    if (versions.isUnchanged(touched, each.heldAt) && !overlap(rewritten, touched)) continue;
    stale.add(index);
    rewritten.push(...touched);
  }
  return stale;
}

/** -1 if there are none. */
export function highest(indexes: Iterable<number>): number {
  let found = -1;
  for (const index of indexes) found = Math.max(found, index);
  return found;
}
