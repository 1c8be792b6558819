/**
 * Runs the small machine's statements for the interactive transactions of production (Speculations,
 * TransactionRun), which know no other difference between it and SQLite.
 */
import type { CommandStatement } from "../../../src/machine/command.ts";
import type { Connection } from "../../../src/machine/connection.ts";
import type { StatementOutcome } from "../../../src/machine/state-machine.ts";
import { readOnlySequences, StatementContext } from "../../../src/machine/statement-context.ts";
import { TableVersions } from "../../../src/machine/table-versions.ts";
import type { Touched } from "../../../src/machine/touched.ts";
import type { TransactionExecutor } from "../../../src/machine/transaction-executor.ts";
import type { Catalog } from "../../../src/sql/catalog/catalog.ts";
import { notSupported } from "../../../src/sql/errors.ts";
import type { SmallStatements } from "./small-statements.ts";
import type { SmallTables } from "./small-tables.ts";

/** Each statement touches one of them. */
const TABLES = ["lists", "ledger", "accounts", "on_call", "forks"];

export class SmallExecutor implements TransactionExecutor {
  readonly connection: Connection;
  readonly sequences = { ...readOnlySequences, moves: 0, takeBack: () => undefined };
  readonly context: StatementContext;
  readonly versions = new TableVersions();
  readonly catalog: Catalog;
  readonly #tables: SmallTables;
  readonly #statements: SmallStatements;

  constructor(tables: SmallTables, statements: SmallStatements, catalog: Catalog) {
    this.#tables = tables;
    this.#statements = statements;
    this.catalog = catalog;
    this.connection = tables.asConnection();
    this.context = new StatementContext(readOnlySequences, () => catalog);
  }

  /** Throws SqlError as the statement would; nothing remains of it then. */
  runAtomically({ steps, returnsRows }: CommandStatement): StatementOutcome {
    const savepoint = this.#tables.savepoint();
    let outcome: StatementOutcome = { count: 0, rows: null, fromMemory: false };
    try {
      for (const { sql, parameters } of steps) {
        const { count, rows } = this.#statements.run(this.#tables, sql, parameters);
        outcome = { count, rows: returnsRows ? rows : null, fromMemory: false };
      }
      return outcome;
    } catch (error) {
      this.#tables.undo(savepoint);
      throw error;
    }
  }

  touched({ kind, steps }: CommandStatement): Touched {
    return steps.flatMap(({ sql, parameters }) => {
      const table = TABLES.find((name) => sql.includes(`"${name}"`));
      if (table === undefined) return [];
      const rows = this.#statements.rowsOf(sql, parameters);
      return [{ table, rows, isWritten: kind !== "read" }];
    });
  }

  isShort(): boolean {
    return true;
  }

  mayRunLong(): boolean {
    return true;
  }

  /** The log has run these statements. */
  noteWritten(statements: readonly CommandStatement[]): void {
    if (!this.versions.isWatched) return;
    for (const statement of statements) this.versions.wrote(this.touched(statement));
  }

  look(): never {
    throw notSupported("the system catalogs of the small machine");
  }

  returnTo(): void {
    // Its schema never changes.
  }

  attachSystem(): void {
    // There are no system catalogs.
  }

  fillSystem(): void {
    // There are no system catalogs.
  }

  forgetSystem(): void {
    // There are no system catalogs.
  }
}
