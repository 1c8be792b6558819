/**
 * Counts the rows that a statement looks at: the translator calls synod_check() wherever loops are
 * nested or may have no end (src/sql/print/check.ts), and functions in FROM count theirs.
 *
 * What the log runs is bounded by the count alone, which is the same on every node. What one node
 * runs for a client is stopped when its owner asks for it.
 */
import { SqlError } from "../sql/errors.ts";
import { threadCall } from "./thread-call.ts";

/** How many rows come between two looks: counting costs less than looking. */
const ROWS_BETWEEN_LOOKS = 64;

export class StatementProgress {
  readonly #rowsMax: number;
  #rows = 0;

  constructor(rowsMax: number) {
    this.#rowsMax = rowsMax;
  }

  /** Another statement begins. */
  restart(): void {
    this.#rows = 0;
  }

  /** One more row. Throws 54000 above the bound, 57014 if the statement is to end. */
  row(): void {
    this.#rows += 1;
    if (this.#rows % ROWS_BETWEEN_LOOKS !== 0) return;
    threadCall.check();
    if (this.#rows > this.#rowsMax) throw tooLong(this.#rowsMax);
  }
}

function tooLong(rowsMax: number): SqlError {
  return new SqlError("54000", `the statement looks at more than ${rowsMax} rows`, {
    detail: "A statement that changes something holds up all others on every node.",
    hint: "Split it into several statements.",
  });
}
