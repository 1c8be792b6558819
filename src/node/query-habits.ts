/**
 * What transactions did that began with a query of a certain text. Applications do the same again and
 * again: where several have run nothing but short queries, the next one's moment is held where those cost
 * least (machine/readers.ts). A query that may take long cannot run there; so whoever asks one, or begins
 * with a text that is not known, is not led there, and never meets a conflict for it.
 */

/** So many have to have run short queries only, one after the other. */
const RUNS_MIN = 3;
/** So many more after one that did not. */
const RUNS_AFTER_LONG = 20;

const TEXTS_MAX = 1_000;
const TEXT_LENGTH_MAX = 2_000;

export class QueryHabits {
  /** Runs since the last that was not short, by text; those noted last stand last. */
  readonly #runs = new Map<string, number>();

  /** Whether a transaction that begins with this query will probably ask short ones only. */
  staysShort(text: string): boolean {
    return (this.#runs.get(text) ?? 0) >= RUNS_MIN;
  }

  /** A transaction that began with this query has asked short ones only. */
  stayedShort(text: string): void {
    const runs = this.#runs.get(text) ?? 0;
    if (runs < RUNS_MIN) this.#note(text, runs + 1);
  }

  /** A transaction that began with this query has asked one that may take long. */
  metLong(text: string): void {
    this.#note(text, RUNS_MIN - RUNS_AFTER_LONG);
  }

  #note(text: string, runs: number): void {
    if (text.length > TEXT_LENGTH_MAX) return;
    this.#runs.delete(text);
    this.#runs.set(text, runs);
    if (this.#runs.size <= TEXTS_MAX) return;
    for (const oldest of this.#runs.keys()) {
      this.#runs.delete(oldest);
      return;
    }
  }
}
