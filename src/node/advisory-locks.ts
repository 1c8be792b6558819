/**
 * The advisory locks of one client's connection. They are taken and let go by commands of the log,
 * one after the other, so that what the client is told is what the log says.
 *
 *   asked ──free──► held        ──unlock, the end of the transaction or connection──► gone
 *     └──taken──► waits ──granted──► held
 *                   └──cancelled, timeout──► gives up: not in the queue, or held and let go
 *
 * Where the log's answer does not come, nobody knows what is held: the connection ends, and its end
 * lets go everything. If this node is gone, or is not heard for long, its session is closed instead: what
 * the client has was taken all under that one, and no command of it runs under the next.
 */
import { unreachable } from "../base/assert.ts";
import type { Clock } from "../base/clock.ts";
import { LOCK_ANSWER } from "../machine/advisory-locks.ts";
import type { AdvisoryLock, AdvisoryLockOperation } from "../machine/lock-operation.ts";
import { type Stop, stopped } from "../machine/stop.ts";
import type { Notice, RowSource, StatementResult } from "../sql/database.ts";
import { SqlError } from "../sql/errors.ts";
import type { AdvisoryLockCall, AdvisoryLockTranslation } from "../sql/translation.ts";
import type { SqliteValue } from "../sql/values.ts";
import type { Gateway, LockAnswer } from "./gateway.ts";
import type { LockClient } from "./lock-clients.ts";
import { LockWait } from "./lock-wait.ts";
import { MemoryRows } from "./row-sources.ts";
import type { SessionClock } from "./session-clock.ts";
import type { SessionState } from "./session-state.ts";
import { allRows, rowsResult } from "./statement-results.ts";

export interface AdvisoryLocksParts {
  readonly gateway: Gateway;
  readonly state: SessionState;
  readonly clock: Clock;
  readonly limits: SessionClock;
  /** Ends the connection with an error. */
  readonly terminate: (error: SqlError) => void;
}

/** A release that failed for now is tried again after this. */
const RETRY_MS = 1_000;

export class AdvisoryLocks implements LockClient {
  readonly #parts: AdvisoryLocksParts;
  /** Known to the log by this number; null: it never had a lock. */
  #number: number | null = null;
  /** How many of a scope it has, or may have. */
  readonly #held = { session: 0, transaction: 0 };
  #wait: LockWait | null = null;
  /** The connection ends with this: its locks were taken from it, or nobody knows which it has. */
  #ended: SqlError | null = null;
  /** What was begun before: a command that a client no longer waits for is followed through. */
  #before: Promise<unknown> = Promise.resolve();

  constructor(parts: AdvisoryLocksParts) {
    this.#parts = parts;
  }

  /**
   * Carries out what a query asks for; `keys` are its rows with keys where the answers belong. `alone`: it is
   * a transaction of its own, and what was taken for that is let go before anything else is asked for.
   */
  async run(
    translation: AdvisoryLockTranslation,
    keys: RowSource,
    isPartOf: "alone" | "transaction",
  ): Promise<StatementResult> {
    const { stop } = this.#parts.state;
    const [row] = await allRows(keys);
    if (row === undefined) return rowsResult(translation, new MemoryRows([]));
    const values = [...row];
    const notices: Notice[] = [];
    const take = async (): Promise<void> => {
      for (const call of translation.calls) {
        stop.check();
        const key = values[call.column] ?? null;
        values[call.column] = await this.#call(call, key, { notices, stop });
      }
    };
    await this.#inTurn(async () => {
      try {
        await take();
      } finally {
        if (isPartOf === "alone" && this.#held.transaction > 0) {
          await this.#releaseAll("transaction");
        }
      }
    });
    return { ...rowsResult(translation, new MemoryRows([values])), notices };
  }

  /**
   * Lets go what was taken for the transaction, when `committed` has come to an end; never rejects. What the next
   * transaction asks for comes after it, also if nobody waits for this one any more.
   */
  async transactionEnded(committed: Promise<void> | null = null): Promise<void> {
    if (this.#held.transaction === 0) return;
    await this.#inTurn(async () => {
      await committed?.catch(() => undefined);
      await this.#releaseAll("transaction");
    });
  }

  /** DISCARD ALL. */
  async unlockAll(): Promise<void> {
    if (this.#held.session > 0) await this.#inTurn(() => this.#releaseAll("session"));
  }

  /** The connection ends: everything is let go, as soon as that can be written. */
  close(): void {
    const number = this.#number;
    if (number === null) return;
    this.#wait?.end(stopped());
    void this.#inTurn(async () => {
      // Behind an unknown answer it may stand in a queue, which the end of a transaction leaves as it is.
      if (this.#mayHold || this.#ended !== null) await this.#releaseAll(null);
      this.#parts.gateway.node.lockClients.remove(number);
    });
  }

  granted(session: number): void {
    this.#wait?.granted(session);
  }

  ask(): void {
    this.#wait?.ask();
  }

  lost(): boolean {
    if (!this.#mayHold) {
      this.#number = null;
      return true;
    }
    // Its first lock is not answered yet: that goes to the next session.
    if (this.#parts.state.lockBinding.session === null) return false;
    const error = new SqlError(
      "57P01",
      "terminating connection: its advisory locks were released",
      {
        detail: "The cluster had not heard of this node for too long and closed its session.",
      },
    );
    this.#wait?.end(error);
    this.#end(error);
    return true;
  }

  get #mayHold(): boolean {
    return this.#held.session + this.#held.transaction > 0;
  }

  /** One thing after the other, in whichever way that before it ended. */
  #inTurn(work: () => Promise<void>): Promise<void> {
    const done = this.#before.then(work);
    this.#before = done.catch(() => undefined);
    return done;
  }

  async #call(
    { operation, keySpace, shared, scope }: AdvisoryLockCall,
    key: SqliteValue,
    { notices, stop }: { readonly notices: Notice[]; readonly stop: Stop },
  ): Promise<SqliteValue> {
    if (operation === "unlockAll") {
      if (this.#held.session > 0) await this.#releaseAll("session");
      return "";
    }
    // They are strict functions: NULL is no key.
    if (typeof key !== "bigint") return null;
    const lock: AdvisoryLock = { key, parts: keySpace === "pair" ? 2 : 1, shared, scope };
    switch (operation) {
      case "lock":
        await this.#acquire(lock, stop);
        return "";
      case "try":
        if ((await this.#take("try", lock)).answer !== LOCK_ANSWER.yes) return 0n;
        // Its client was told that the statement was cancelled.
        if (stop.isAsked) await this.#giveUp(lock);
        return 1n;
      case "unlock":
        if (await this.#unlock(lock, stop)) return 1n;
        notices.push(notOwned(lock));
        return 0n;
      default:
        return unreachable(operation);
    }
  }

  async #unlock(lock: AdvisoryLock, stop: Stop): Promise<boolean> {
    if (this.#held[lock.scope] === 0) return false;
    await this.#parts.state.lockBinding.decided();
    stop.check();
    try {
      const { answer } = await this.#propose({ kind: "release", lock });
      if (answer !== LOCK_ANSWER.yes) return false;
    } catch (error) {
      this.#endIfUnknown(error);
      throw error;
    }
    this.#lets(lock.scope);
    return true;
  }

  async #acquire(lock: AdvisoryLock, stop: Stop): Promise<void> {
    const { limits } = this.#parts;
    const wait = new LockWait(stop);
    this.#wait = wait;
    const timer = limits.lock((error) => wait.end(error));
    let isAsked = false;
    try {
      let { answer, session } = await this.#take("acquire", lock);
      isAsked = true;
      while (answer === LOCK_ANSWER.waits) {
        const heard = await wait.next();
        if (heard === "ask") ({ answer, session } = await this.#propose({ kind: "ask", lock }));
        // Else it was for a client of the process before this one, which numbered them alike.
        else if (heard === session) break;
      }
      wait.check();
    } catch (error) {
      // Also where the log could not be asked: it may have given it the lock.
      if (isAsked && !this.#isLost) await this.#giveUp(lock);
      throw error;
    } finally {
      timer?.cancel();
      wait.close();
      this.#wait = null;
    }
  }

  /** Whether it is in the queue still or has the lock by now, it has it no more. */
  async #giveUp(lock: AdvisoryLock): Promise<void> {
    try {
      await this.#propose({ kind: "giveUp", lock });
      this.#lets(lock.scope);
    } catch (error) {
      if (error instanceof SqlError) this.#end(error);
      throw error;
    }
  }

  /** What waits counts as held: it may be at any time. */
  async #take(kind: "try" | "acquire", lock: AdvisoryLock): Promise<LockAnswer> {
    // It may have waited here for what it had to be let go, and nobody would tell it of this one.
    if (this.#ended !== null) throw this.#ended;
    this.#number ??= this.#parts.gateway.node.lockClients.add(this);
    this.#held[lock.scope] += 1;
    try {
      const taken = await this.#propose({ kind, lock });
      if (taken.answer === LOCK_ANSWER.no) this.#lets(lock.scope);
      else this.#has(taken);
      return taken;
    } catch (error) {
      if (!this.#endIfUnknown(error)) this.#lets(lock.scope);
      throw error;
    }
  }

  #has({ session }: LockAnswer): void {
    const { lockBinding } = this.#parts.state;
    const isFirst = lockBinding.session === null;
    lockBinding.session ??= session;
    // Lost between the log's answer and this: nobody could tell it then.
    if (isFirst && this.#isLost) this.lost();
  }

  /** Whether it is known that what it had is gone. */
  get #isLost(): boolean {
    const { gateway, state } = this.#parts;
    const { session } = state.lockBinding;
    return session !== null && gateway.node.proposals.isLost(session);
  }

  /** Nobody knows what is held: the connection ends. */
  #endIfUnknown(error: unknown): boolean {
    const isUnknown = error instanceof SqlError && error.sqlState === "40003";
    if (isUnknown) this.#end(error);
    return isUnknown;
  }

  #end(error: SqlError): void {
    this.#ended ??= error;
    this.#parts.terminate(error);
  }

  /** It has one less. */
  #lets(scope: AdvisoryLock["scope"]): void {
    this.#held[scope] -= 1;
    if (!this.#mayHold) this.#parts.state.lockBinding.session = null;
  }

  async #releaseAll(scope: AdvisoryLock["scope"] | null): Promise<void> {
    const scopes = scope === null ? (["session", "transaction"] as const) : [scope];
    await this.#parts.state.lockBinding.decided();
    for (;;) {
      try {
        await this.#propose({ kind: "releaseAll", scope });
        break;
      } catch (error) {
        // Of a session that is closed, or a database that was dropped, nothing remains to be let go.
        if (!(error instanceof SqlError) || !PASSING.has(error.sqlState)) break;
        await new Promise<void>((resolve) => this.#parts.clock.after(RETRY_MS, resolve));
      }
    }
    for (const each of scopes) this.#held[each] = 0;
    if (!this.#mayHold) this.#parts.state.lockBinding.session = null;
  }

  /** Under the session in which it has locks: under the next one others may have them. */
  #propose(operation: AdvisoryLockOperation): Promise<LockAnswer> {
    const { gateway, state } = this.#parts;
    const command = { database: state.database.id, client: this.#number ?? 0, operation };
    return gateway.lock(command, state.lockBinding.session);
  }
}

/** No quorum for now, no answer in time, too much that waits. */
const PASSING: ReadonlySet<string> = new Set(["57P03", "40003", "53200"]);

function notOwned({ shared }: AdvisoryLock): Notice {
  const type = shared ? "ShareLock" : "ExclusiveLock";
  const message = `you don't own a lock of type ${type}`;
  return { severity: "WARNING", sqlState: "01000", message };
}
