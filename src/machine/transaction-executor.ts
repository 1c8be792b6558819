import type { Catalog } from "../sql/catalog/catalog.ts";
import type { ProjectionSource } from "../sql/relations/projection.ts";
import type { SqliteValue } from "../sql/values.ts";
import type { CommandStatement } from "./command.ts";
import type { Connection } from "./connection.ts";
import type { Sequences } from "./sequences.ts";
import type { StatementOutcome } from "./state-machine.ts";
import type { StatementContext } from "./statement-context.ts";
import type { TableVersions } from "./table-versions.ts";
import type { Touched } from "./touched.ts";

/** What interactive transactions need of whatever runs their statements (StatementExecutor has the words). */
export interface TransactionExecutor {
  readonly connection: Pick<Connection, "exec" | "prepare" | "pragma" | "inTransaction">;
  readonly sequences: Pick<Sequences, "nextval" | "setval" | "takeBack" | "moves">;
  readonly context: Pick<StatementContext, "enter" | "enterStatement" | "useSequences">;
  readonly versions: TableVersions;
  readonly catalog: Catalog;
  runAtomically(statement: CommandStatement): StatementOutcome;
  touched(statement: CommandStatement): Touched | null;
  isShort(statement: CommandStatement): boolean;
  mayRunLong(statement: CommandStatement): boolean;
  look(sql: string, parameters: readonly SqliteValue[]): StatementOutcome;
  returnTo(catalog: Catalog): void;
  /** Makes the system catalogs readable; must run outside of a transaction. */
  attachSystem(): void;
  /** Brings the system catalogs up to date with what the transaction sees. */
  fillSystem(databases: SystemSource): void;
  /** What was filled in is nobody's any more. */
  forgetSystem(): void;
}

/** Every database there is, and the one that is asked. */
export type SystemSource = Omit<ProjectionSource, "catalog">;
