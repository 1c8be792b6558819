/**
 * Transactions with an id of which the log may not have heard: COMMIT or ROLLBACK was not answered
 * in time. Each is told to the log as given up until the log has answered, so that
 * pg_xact_status() says `in progress` no longer than it must: what the log heard first counts, a
 * COMMIT that is still on its way included (database-file.ts).
 */
import type { Clock } from "../base/clock.ts";
import { SqlError } from "../sql/errors.ts";
import type { CommitCommand } from "./gateway.ts";

export interface UndecidedTransactionsParts {
  readonly clock: Clock;
  /** Resolves when the log has decided. Rejects with SqlError. */
  readonly commit: (command: CommitCommand) => Promise<unknown>;
}

/** A try waits for a quorum by itself, as long as a client would. */
const PAUSE_MS = 500;

/** Beyond it the oldest stay in progress until the gateway's session is closed: 16 bytes each in a row. */
const UNDECIDED_MAX = 10_000;

export class UndecidedTransactions {
  readonly #parts: UndecidedTransactionsParts;
  /** By id, in the order of their time. */
  readonly #waiting = new Map<number, CommitCommand>();
  #isTelling = false;

  constructor(parts: UndecidedTransactionsParts) {
    this.#parts = parts;
  }

  /** `command` was not answered: neither the client nor this node knows what became of it. */
  add(command: CommitCommand): void {
    if (command.xid === 0) return;
    this.#waiting.set(command.xid, { ...command, aborts: true, items: [] });
    const [oldest] = this.#waiting.keys();
    if (this.#waiting.size > UNDECIDED_MAX && oldest !== undefined) this.#waiting.delete(oldest);
    if (!this.#isTelling) void this.#tell();
  }

  async #tell(): Promise<void> {
    this.#isTelling = true;
    // What comes meanwhile is behind the others, and is told as well.
    for (const [xid, command] of this.#waiting) {
      try {
        await this.#parts.commit(command);
      } catch (error) {
        if (isPassing(error)) {
          this.#parts.clock.after(PAUSE_MS, () => void this.#tell());
          return;
        }
      }
      this.#waiting.delete(xid);
    }
    this.#isTelling = false;
  }
}

/** Else there is nothing left to decide: this node stops, which closes its session, or the database is gone. */
function isPassing(error: unknown): boolean {
  return error instanceof SqlError && ["40003", "53200", "57P03"].includes(error.sqlState);
}
