import type { Catalog } from "../sql/catalog/catalog.ts";
import { overlap, type Touched, type TouchedPart } from "./touched.ts";
import type { TransactionRun } from "./transaction-run.ts";

/** What others may have written in one trial. */
const PARTS_MAX = 500;

/** One transaction's part in a trial. */
export interface Trying {
  readonly run: TransactionRun;
  /** Its items that were run in the trial, by index. */
  readonly done: Set<number>;
}

/**
 * A SQLite transaction that will be rolled back, in which items of open transactions are tried.
 *
 * Several transactions may share one: as long as none looks at what another has written, each sees
 * what it would see alone. Whoever does more than that (a savepoint, a change of the schema, a sequence
 * that it sets) has it alone.
 */
export class Trial {
  readonly catalogBefore: Catalog;
  readonly rebuilds: boolean;
  /** It stands behind what was applied and is not committed yet, in the same SQLite transaction. */
  readonly isInside: boolean;
  readonly #trying = new Map<number, Trying>();
  /** What each transaction has written in it. */
  readonly #written = new Map<number, TouchedPart[]>();
  #alone: number | null = null;

  constructor(given: Pick<Trial, "catalogBefore" | "rebuilds" | "isInside">) {
    this.catalogBefore = given.catalogBefore;
    this.rebuilds = given.rebuilds;
    this.isInside = given.isInside;
  }

  get all(): Iterable<Trying> {
    return this.#trying.values();
  }

  of(transaction: number): Trying | undefined {
    return this.#trying.get(transaction);
  }

  add(transaction: number, trying: Trying): void {
    this.#trying.set(transaction, trying);
  }

  /** Whether no other transaction has run anything in it. */
  isFor(transaction: number): boolean {
    return this.#trying.size === 1 && this.#trying.has(transaction);
  }

  /** Whether it takes its time by now to look at what others have written. */
  isFullFor(transaction: number): boolean {
    let parts = 0;
    for (const [writer, written] of this.#written) {
      if (writer !== transaction) parts += written.length;
    }
    return parts >= PARTS_MAX;
  }

  /** Nobody but this transaction runs anything in it any more. */
  keepFor(transaction: number): void {
    this.#alone = transaction;
  }

  /** Whether a transaction that comes to all this would see nothing of the others. */
  isOpenTo(transaction: number, touched: Touched): boolean {
    if (this.#alone !== null && this.#alone !== transaction) return false;
    for (const [writer, written] of this.#written) {
      if (writer !== transaction && overlap(written, touched)) return false;
    }
    return true;
  }

  /** The transaction has run a statement that touches this. */
  ran(transaction: number, touched: Touched): void {
    const known = this.#written.get(transaction);
    const written = touched.filter(({ isWritten }) => isWritten);
    if (known === undefined) this.#written.set(transaction, written);
    else known.push(...written);
  }
}
