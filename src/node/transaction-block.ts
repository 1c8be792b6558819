/**
 * What one session has open: a transaction block (BEGIN … COMMIT), or the implicit transaction of
 * several statements that came together.
 *
 *   T ──a statement fails──► E ──ROLLBACK TO──► T
 *   │                        └──COMMIT, ROLLBACK──► rolled back
 *   ├──COMMIT──► committed, or an error and nothing of it
 *   └──ROLLBACK──► rolled back
 *
 * Settings go with it: those of a block that is rolled back are as they were before.
 */
import { andThen, type MaybePromise } from "../base/maybe-promise.ts";
import type { CommandStatement } from "../machine/command.ts";
import type { StatementOutcome } from "../machine/state-machine.ts";
import { type Stop, stopped } from "../machine/stop.ts";
import type { Catalog } from "../sql/catalog/catalog.ts";
import type { RowSource } from "../sql/database.ts";
import { SqlError } from "../sql/errors.ts";
import type { TransactionModes } from "../sql/translation.ts";
import type { Gateway } from "./gateway.ts";
import type { SessionState } from "./session-state.ts";
import { Transaction, transactionEnded } from "./transaction.ts";

const MODES = ["transaction_isolation", "transaction_read_only", "transaction_deferrable"] as const;

function tooLate(name: (typeof MODES)[number]): SqlError {
  const what = {
    transaction_isolation: "SET TRANSACTION ISOLATION LEVEL must be called before any query",
    transaction_read_only: "transaction read-write mode must be set before any query",
    transaction_deferrable: "SET TRANSACTION [NOT] DEFERRABLE must be called before any query",
  };
  return new SqlError("25001", what[name]);
}

interface Savepoint {
  readonly name: string;
  readonly level: number;
  readonly catalog: Catalog;
  readonly undoSettings: () => void;
}

interface Opened {
  readonly transaction: Transaction;
  catalog: Catalog;
}

export class TransactionBlock {
  /** Ends with the statements that came together; BEGIN makes it last until COMMIT. */
  isImplicit: boolean;
  hasFailed = false;
  readonly #gateway: Gateway;
  readonly #state: SessionState;
  readonly #startedMicros: number;
  readonly #undoSettings: () => void;
  #opened: Opened | null = null;
  #opening: Promise<Opened> | null = null;
  /** Nothing more runs in it, whatever its client no longer waits for. */
  #isOver = false;
  #areSettingsSettled = false;
  #savepoints: Savepoint[] = [];

  constructor(gateway: Gateway, state: SessionState, isImplicit: boolean) {
    this.#gateway = gateway;
    this.#state = state;
    this.isImplicit = isImplicit;
    this.#startedMicros = gateway.wallMicros();
    this.#undoSettings = state.settings.savepoint();
  }

  get readOnly(): boolean {
    return this.#state.settings.isReadOnly;
  }

  /** The modes of the transaction, for one that follows it (AND CHAIN). */
  get modes(): TransactionModes {
    const { settings } = this.#state;
    return Object.fromEntries(MODES.map((name) => [name, settings.show(name)]));
  }

  /** BEGIN with modes, SET TRANSACTION. Throws SqlError 25001 for what has to be said before. */
  setModes(modes: TransactionModes): void {
    const { settings } = this.#state;
    for (const name of MODES) {
      const value = modes[name];
      if (value === undefined) continue;
      const widens = name !== "transaction_read_only" || value === "off";
      if (this.hasRun && widens && settings.show(name) !== value) throw tooLate(name);
      settings.setLocal(name, value);
    }
  }

  /** Gives the transaction an id, for a statement that asks for it. */
  async identify(): Promise<void> {
    const { stop } = this.#state;
    const { transaction } = await this.#open("read");
    const id = await transaction.id();
    stop.check();
    this.#state.xid = BigInt(id);
  }

  /** Whether a statement has looked at the data: modes cannot change any more. */
  get hasRun(): boolean {
    return this.#opened !== null;
  }

  /** Whether ROLLBACK TO can bring a failed block back. */
  get hasSavepoints(): boolean {
    return this.#savepoints.length > 0;
  }

  /** As `catalog`, of a block that has begun to look at the data; null for another one. */
  get catalogNow(): Catalog | null {
    return this.#opened?.catalog ?? null;
  }

  /** The newest schema, with the changes of this block. `begins`: what the block begins with, if it does so now. */
  async catalog(begins: "read" | "change"): Promise<Catalog> {
    return (await this.#open(begins)).catalog;
  }

  /** Runs one statement; `after` is the schema that it leaves. */
  run(statement: CommandStatement, after: Catalog): MaybePromise<StatementOutcome> {
    const { stop } = this.#state;
    return andThen(this.#opened ?? this.#open("change"), (opened) =>
      andThen(opened.transaction.run(statement, stop), (outcome) => {
        // Behind a ROLLBACK TO by now there may be another schema.
        stop.check();
        opened.catalog = after;
        return outcome;
      }),
    );
  }

  /** Runs a query; see Transaction.read. */
  async read(query: CommandStatement, isLook: boolean): Promise<RowSource> {
    const { stop } = this.#state;
    const { transaction } = this.#opened ?? (await this.#open("read"));
    return transaction.read(query, isLook, stop);
  }

  /** Resolves with the level of the new savepoint. */
  async savepoint(name: string): Promise<number> {
    const { stop } = this.#state;
    const { transaction, catalog } = await this.#openFor(stop);
    const level = await transaction.savepoint(stop);
    const undoSettings = this.#state.settings.savepoint();
    this.#savepoints.push({ name, level, catalog, undoSettings });
    return level;
  }

  /** Resolves with the level of the savepoint, which stays. */
  async rollbackTo(name: string): Promise<number> {
    const { stop } = this.#state;
    const at = this.#find(name);
    const opened = await this.#openFor(stop);
    await opened.transaction.rollbackTo(at.level, stop);
    this.#savepoints.length = this.#savepoints.indexOf(at) + 1;
    opened.catalog = at.catalog;
    if (!this.#isOver) at.undoSettings();
    this.hasFailed = false;
    return at.level;
  }

  async release(name: string): Promise<void> {
    const { stop } = this.#state;
    const at = this.#find(name);
    const { transaction } = await this.#openFor(stop);
    await transaction.release(at.level, stop);
    this.#savepoints.length = this.#savepoints.indexOf(at);
  }

  /**
   * A savepoint's statement ends before the next one begins, also if its client gives it up: what the state
   * machine has done is done here as well, or the next one would name a savepoint that is not there. Only the
   * wait for the block's beginning, for a quorum perhaps, can be left.
   */
  async #openFor(stop: Stop): Promise<Opened> {
    if (this.#opened !== null) return this.#opened;
    let giveUp: () => void = () => undefined;
    const givenUp = new Promise<never>((_resolve, reject) => {
      giveUp = () => reject(stopped());
    });
    stop.listen(giveUp);
    try {
      return await Promise.race([this.#open("read"), givenUp]);
    } finally {
      stop.ignore(giveUp);
    }
  }

  /**
   * Ends the block. Throws what stands in the way of the commit; then nothing of it took effect, or 40003.
   * Whoever no longer waits for it has its settings back at once: they were told of an error.
   */
  async commit(): Promise<void> {
    // Locks of the transaction are let go when it has ended: not by what comes next.
    const { stop, lockBinding } = this.#state;
    const opened = this.#opened;
    this.#isOver = true;
    const givenUp = (): void => this.#takeBackSettings();
    stop.listen(givenUp);
    try {
      stop.check();
      await opened?.transaction.commit(opened.catalog.version, lockBinding);
      if (!stop.isAsked) this.#settleSettings(() => this.#state.settings.endLocal());
    } catch (error) {
      void this.rollback();
      throw error;
    } finally {
      stop.ignore(givenUp);
    }
  }

  /** Ends the block; idempotent. Resolves when the log remembers it, where it has an id; never rejects. */
  async rollback(): Promise<void> {
    this.#isOver = true;
    this.#takeBackSettings();
    await this.#opened?.transaction.abort();
  }

  /** Frees what the block holds when its session is gone. */
  abandon(): void {
    this.#isOver = true;
    void this.#opened?.transaction.abort();
  }

  #takeBackSettings(): void {
    this.#settleSettings(this.#undoSettings);
  }

  /** Once: they may be those of the next transaction afterwards. */
  #settleSettings(settle: () => void): void {
    if (this.#areSettingsSettled) return;
    this.#areSettingsSettled = true;
    settle();
    this.#state.xid = null;
  }

  #open(begins: "read" | "change"): Promise<Opened> {
    if (this.#opened !== null) return Promise.resolve(this.#opened);
    this.#opening ??= this.#begin(begins).finally(() => {
      this.#opening = null;
    });
    return this.#opening;
  }

  async #begin(begins: "read" | "change"): Promise<Opened> {
    const { consistency } = this.#state;
    // What says that it only reads is confirmed before its first query, and then cannot fail any more.
    const unconfirmed = await (begins === "read" && this.readOnly
      ? this.#gateway.mayRead(consistency)
      : this.#gateway.mayTry(consistency));
    if (this.#isOver) throw transactionEnded();
    const database = this.#gateway.databaseNow(this.#state.database);
    const transaction = new Transaction({
      gateway: this.#gateway,
      database,
      startedMicros: this.#startedMicros,
      stops: this.#state,
      unconfirmed: unconfirmed ?? null,
      beginsForAny: this.readOnly,
    });
    this.#opened = { transaction, catalog: database.catalog };
    return this.#opened;
  }

  #find(name: string): Savepoint {
    const found = this.#savepoints.findLast((savepoint) => savepoint.name === name);
    if (found !== undefined) return found;
    throw new SqlError("3B001", `savepoint "${name}" does not exist`);
  }
}
