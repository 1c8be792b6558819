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
import type { CommandStatement } from "../machine/command.ts";
import type { StatementOutcome } from "../machine/state-machine.ts";
import type { Catalog } from "../sql/catalog/catalog.ts";
import type { RowSource } from "../sql/database.ts";
import { SqlError } from "../sql/errors.ts";
import type { Gateway } from "./gateway.ts";
import type { SessionState } from "./session-state.ts";
import { Transaction } from "./transaction.ts";

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
  readOnly: boolean;
  readonly #gateway: Gateway;
  readonly #state: SessionState;
  readonly #startedMicros: number;
  readonly #undoSettings: () => void;
  #opened: Opened | null = null;
  #savepoints: Savepoint[] = [];

  constructor(gateway: Gateway, state: SessionState, isImplicit: boolean) {
    this.#gateway = gateway;
    this.#state = state;
    this.isImplicit = isImplicit;
    this.readOnly = state.settings.show("default_transaction_read_only") === "on";
    this.#startedMicros = gateway.wallMicros();
    this.#undoSettings = state.settings.savepoint();
  }

  /** Whether a statement has looked at the data: modes cannot change any more. */
  get hasRun(): boolean {
    return this.#opened !== null;
  }

  /** The newest schema, with the changes of this block. `begins`: what the block begins with, if it does so now. */
  async catalog(begins: "read" | "change"): Promise<Catalog> {
    return (await this.#open(begins)).catalog;
  }

  /** Runs one statement; `after` is the schema that it leaves. */
  async run(statement: CommandStatement, after: Catalog): Promise<StatementOutcome> {
    const opened = await this.#open("change");
    const outcome = await opened.transaction.run(statement);
    opened.catalog = after;
    return outcome;
  }

  /** Runs a query; see Transaction.read. */
  async read(query: CommandStatement, isLook: boolean): Promise<RowSource> {
    const { transaction } = await this.#open("read");
    return transaction.read(query, isLook);
  }

  async savepoint(name: string): Promise<void> {
    const { transaction, catalog } = await this.#open("read");
    const level = await transaction.savepoint();
    const undoSettings = this.#state.settings.savepoint();
    this.#savepoints.push({ name, level, catalog, undoSettings });
  }

  async rollbackTo(name: string): Promise<void> {
    const at = this.#find(name);
    const opened = await this.#open("read");
    await opened.transaction.rollbackTo(at.level);
    this.#savepoints.length = this.#savepoints.indexOf(at) + 1;
    opened.catalog = at.catalog;
    at.undoSettings();
    this.hasFailed = false;
  }

  async release(name: string): Promise<void> {
    const at = this.#find(name);
    const { transaction } = await this.#open("read");
    await transaction.release(at.level);
    this.#savepoints.length = this.#savepoints.indexOf(at);
  }

  /** Ends the block. Throws what stands in the way of the commit; then nothing of it took effect, or 40003. */
  async commit(): Promise<void> {
    try {
      const opened = this.#opened;
      await opened?.transaction.commit(opened.catalog.version);
    } catch (error) {
      this.rollback();
      throw error;
    }
  }

  /** Ends the block; idempotent. */
  rollback(): void {
    this.#opened?.transaction.end();
    this.#undoSettings();
  }

  /** Frees what the block holds when its session is gone. */
  abandon(): void {
    this.#opened?.transaction.end();
  }

  async #open(begins: "read" | "change"): Promise<Opened> {
    if (this.#opened !== null) return this.#opened;
    const { consistency } = this.#state;
    await (begins === "read"
      ? this.#gateway.mayRead(consistency)
      : this.#gateway.mayTry(consistency));
    const database = this.#gateway.databaseNow(this.#state.database);
    const transaction = new Transaction(this.#gateway, database, this.#startedMicros);
    this.#opened = { transaction, catalog: database.catalog };
    return this.#opened;
  }

  #find(name: string): Savepoint {
    const found = this.#savepoints.findLast((savepoint) => savepoint.name === name);
    if (found !== undefined) return found;
    throw new SqlError("3B001", `savepoint "${name}" does not exist`);
  }
}
