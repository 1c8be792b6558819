/** A session's time limits: of statements, locks and transactions, and of a client that sends nothing. */
import type { Clock, Timer } from "../base/clock.ts";
import { SqlError } from "../sql/errors.ts";
import { parseMilliseconds } from "../sql/settings/definitions.ts";
import type { SessionSettings } from "../sql/settings/session-settings.ts";

export interface SessionClockParts {
  readonly clock: Clock;
  readonly settings: SessionSettings;
  /** Ends the connection. */
  readonly terminate: (error: SqlError) => void;
}

type Limit =
  | "statement_timeout"
  | "lock_timeout"
  | "transaction_timeout"
  | "idle_in_transaction_session_timeout"
  | "idle_session_timeout";

export class SessionClock {
  readonly #parts: SessionClockParts;
  #idle: Timer | null = null;
  #transaction: Timer | null = null;
  /** What the transaction was given, milliseconds; null: none is under way. */
  #transactionMs: number | null = null;
  /** The limits of one version of the settings. */
  #known: { readonly version: number; readonly limits: Readonly<Record<Limit, number>> } | null =
    null;

  constructor(parts: SessionClockParts) {
    this.#parts = parts;
  }

  /** Calls `expire` when the running statement has taken too long; null if it may take for ever. */
  statement(expire: (error: SqlError) => void): Timer | null {
    return this.#after("statement_timeout", () => expire(statementTimeout()));
  }

  /** Throws if `count` statements that began at `sinceMs` have had their time, all of them together. */
  checkStatements(sinceMs: number, count: number): void {
    const limit = this.#limits().statement_timeout;
    const passedMs = this.#parts.clock.monotonicMs() - sinceMs;
    if (limit > 0 && passedMs >= limit * count) throw statementTimeout();
  }

  /** Calls `expire` when the running statement has waited too long for a lock. */
  lock(expire: (error: SqlError) => void): Timer | null {
    return this.#after("lock_timeout", () =>
      expire(new SqlError("55P03", "canceling statement due to lock timeout")),
    );
  }

  /** The client has its answer and a transaction is open. */
  idleInTransaction(): void {
    this.settingsChanged();
    this.#idle?.cancel();
    this.#idle = this.#after("idle_in_transaction_session_timeout", () =>
      this.#parts.terminate(
        new SqlError("25P03", "terminating connection due to idle-in-transaction timeout"),
      ),
    );
  }

  /** The client has its answer and no transaction is open. */
  idle(): void {
    this.#idle?.cancel();
    this.#idle = this.#after("idle_session_timeout", () =>
      this.#parts.terminate(
        new SqlError("57P05", "terminating connection due to idle-session timeout"),
      ),
    );
  }

  /** The client has sent something. */
  busy(): void {
    this.#idle?.cancel();
    this.#idle = null;
  }

  /** A transaction begins, or a statement that is one by itself. */
  transactionBegun(): void {
    this.transactionEnded();
    this.#transactionMs = this.#limits().transaction_timeout;
    this.#transaction = this.#after("transaction_timeout", () =>
      this.#parts.terminate(
        new SqlError("25P04", "terminating connection due to transaction timeout"),
      ),
    );
  }

  /** A limit that is set while the transaction is open counts from then on. */
  settingsChanged(): void {
    if (this.#limits().transaction_timeout !== this.#transactionMs) this.transactionBegun();
  }

  transactionEnded(): void {
    this.busy();
    this.#transaction?.cancel();
    this.#transaction = null;
    this.#transactionMs = null;
  }

  #after(setting: Limit, action: () => void): Timer | null {
    const milliseconds = this.#limits()[setting];
    return milliseconds === 0 ? null : this.#parts.clock.after(milliseconds, action);
  }

  /** Milliseconds, 0 for none. */
  #limits(): Readonly<Record<Limit, number>> {
    const { settings } = this.#parts;
    if (this.#known?.version === settings.version) return this.#known.limits;
    const limit = (name: Limit): number => parseMilliseconds(settings.show(name)) ?? 0;
    const limits = {
      statement_timeout: limit("statement_timeout"),
      lock_timeout: limit("lock_timeout"),
      transaction_timeout: limit("transaction_timeout"),
      idle_in_transaction_session_timeout: limit("idle_in_transaction_session_timeout"),
      idle_session_timeout: limit("idle_session_timeout"),
    };
    this.#known = { version: settings.version, limits };
    return limits;
  }
}

function statementTimeout(): SqlError {
  return new SqlError("57014", "canceling statement due to statement timeout");
}
