/**
 * The SQLite transaction in which something is tried: begun, and rolled back with all that was derived from it. Behind
 * what was applied and is not committed yet it is a savepoint in the same transaction.
 */
import { assert } from "../base/assert.ts";
import type { Statement } from "./connection.ts";
import { MachineError } from "./machine-error.ts";
import { letTablesBeRebuilt } from "./rebuild-mode.ts";
import type { TransactionExecutor } from "./transaction-executor.ts";
import type { Trial } from "./trial.ts";

export type Begun = Pick<Trial, "catalogBefore" | "rebuilds" | "isInside">;

export class TrialTransaction {
  readonly #executor: TransactionExecutor;
  readonly #begin: Statement;
  readonly #rollback: Statement;
  readonly #savepoint: Statement;
  readonly #rollbackTo: Statement;
  readonly #releaseSavepoint: Statement;

  constructor(executor: TransactionExecutor) {
    this.#executor = executor;
    const prepare = (sql: string): Statement => executor.connection.prepare<unknown[]>(sql);
    this.#begin = prepare("BEGIN IMMEDIATE");
    this.#rollback = prepare("ROLLBACK");
    this.#savepoint = prepare("SAVEPOINT trial");
    this.#rollbackTo = prepare("ROLLBACK TO trial");
    this.#releaseSavepoint = prepare("RELEASE trial");
  }

  begin(rebuilds: boolean): Begun {
    const { connection, catalog } = this.#executor;
    const isInside = connection.inTransaction;
    assert(!isInside || !rebuilds, "tables are rebuilt in a transaction of its own");
    if (rebuilds) letTablesBeRebuilt(connection, true);
    if (isInside) this.#savepoint.run();
    else this.#begin.run();
    return { catalogBefore: catalog, rebuilds, isInside };
  }

  rollBack(begun: Begun, changedSchema: boolean): void {
    const { connection, sequences } = this.#executor;
    this.#undo(begun);
    if (changedSchema) {
      this.#executor.returnTo(begun.catalogBefore);
      this.#executor.forgetSystem();
    }
    sequences.takeBack();
    if (begun.rebuilds) letTablesBeRebuilt(connection, false);
  }

  #undo({ isInside }: Begun): void {
    const { inTransaction } = this.#executor.connection;
    if (!isInside) {
      if (inTransaction) this.#rollback.run();
      return;
    }
    if (!inTransaction) {
      throw new MachineError("a statement that was tried ended the transaction", { cause: null });
    }
    this.#rollbackTo.run();
    this.#releaseSavepoint.run();
  }
}
