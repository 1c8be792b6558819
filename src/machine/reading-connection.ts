/**
 * One connection of a reader to one database: one read transaction at a time, with one query in it,
 * or, for a client's transaction, several whose rows are taken by turns.
 */
import { assert } from "../base/assert.ts";
import type { Catalog } from "../sql/catalog/catalog.ts";
import { notSupported, SqlError } from "../sql/errors.ts";
import type { SqliteValue } from "../sql/values.ts";
import { CatalogStore } from "./catalog-store.ts";
import { type Connection, openReader, type Statement } from "./connection.ts";
import { registerFunctions } from "./function-registration.ts";
import { statementError } from "./machine-error.ts";
import { missingDatabase } from "./missing-database.ts";
import {
  type DatabaseId,
  type DatabaseInfo,
  type ReadRequest,
  StaleSchemaError,
} from "./state-machine.ts";
import { StatementCache } from "./statement-cache.ts";
import { readOnlySequences, StatementContext, type SuspendedContext } from "./statement-context.ts";
import { isShortText } from "./statement-text.ts";
import { SystemRelations } from "./system-relations.ts";
import { refuseTables } from "./touched.ts";

type Row = readonly SqliteValue[];

/** A query whose rows are taken as they are asked for. */
export interface OpenQuery {
  /** The next rows, and whether there may be more. Throws SqlError. */
  next(count: number): { readonly rows: Row[]; readonly more: boolean };
  /** Idempotent. */
  close(): void;
}

/** The catalog of a database as a connection of a reader loaded it last, for those that see the same version. */
export interface LoadedCatalog {
  catalog: Catalog | null;
}

export class ReadingConnection {
  readonly database: DatabaseId;
  readonly #loaded: LoadedCatalog;
  readonly #connection: Connection;
  readonly #begin: Statement;
  readonly #commit: Statement;
  readonly #statements: StatementCache;
  readonly #context: StatementContext;
  readonly #catalogs: CatalogStore;
  readonly #system: SystemRelations;
  readonly #queries = new Set<OpenQuery>();
  /** The catalog of `#version`, loaded when a function or a system relation asks for it. */
  #catalog: Catalog | null = null;
  #version = -1;

  constructor(database: DatabaseId, path: string, loaded: LoadedCatalog) {
    this.database = database;
    this.#loaded = loaded;
    this.#connection = openReader(path);
    this.#begin = this.#connection.prepare<unknown[]>("BEGIN");
    this.#commit = this.#connection.prepare<unknown[]>("COMMIT");
    this.#statements = new StatementCache(this.#connection, "read");
    this.#context = new StatementContext(readOnlySequences, () => this.#loadCatalog());
    this.#catalogs = new CatalogStore(this.#connection);
    this.#system = new SystemRelations(this.#connection, "reader");
    registerFunctions(this.#connection, this.#context);
  }

  /** Whether rows of a query are still to be taken. */
  get isBusy(): boolean {
    return this.#queries.size > 0;
  }

  /**
   * Begins a new read transaction. Throws StaleSchemaError if it sees another catalog than the one
   * that queries were translated against.
   */
  begin(catalogVersion: number, usesSystemRelations: boolean): void {
    assert(!this.#connection.inTransaction, "the connection is in a transaction");
    if (usesSystemRelations) this.#system.attach();
    this.#begin.run();
    this.checkVersion(catalogVersion);
  }

  /** Throws StaleSchemaError if the transaction sees another catalog than this one. */
  checkVersion(wanted: number): void {
    const version = this.#catalogs.version();
    if (version !== this.#version) {
      this.#version = version;
      this.#catalog = null;
      this.#statements.clear();
    }
    if (version === wanted) return;
    throw new StaleSchemaError(`the catalog has version ${version}, the query ${wanted}`);
  }

  /** Whether the query surely takes no longer than a moment, and returns all rows at once. Throws SqlError. */
  isShort({ sql, parameters, usesSystemRelations }: ReadRequest): boolean {
    if (usesSystemRelations || !isShortText(sql, parameters) || EXPLAIN.test(sql)) return false;
    try {
      return this.#statements.prepare(sql).traits(parameters).isShort;
    } catch (error) {
      throw statementError(error, this.#loadCatalog());
    }
  }

  /** Starts a query in the transaction. Throws SqlError. */
  query(
    request: ReadRequest,
    seed: Uint8Array,
    databases: () => readonly DatabaseInfo[],
  ): OpenQuery {
    const { timestampMicros, inTransaction, usesSystemRelations } = request;
    if (usesSystemRelations) this.#fillSystemRelations(databases());
    // Functions cannot query while they run inside of a statement.
    this.#loadCatalog();
    this.#context.enter(timestampMicros, seed, inTransaction?.clockMicros ?? timestampMicros);
    const rows = this.#start(request);
    const query = new QueryRows({
      rows,
      context: this.#context,
      errorOf: (error) => statementError(error, this.#loadCatalog()),
      onClosed: () => this.#queries.delete(query),
    });
    this.#queries.add(query);
    return query;
  }

  /** Ends the queries and the transaction; idempotent. The connection may serve another one. */
  end(): void {
    for (const query of this.#queries) query.close();
    // Not a rollback: it would empty the system relations that this transaction filled.
    if (this.#connection.inTransaction) this.#commit.run();
  }

  close(): void {
    this.end();
    this.#connection.close();
  }

  #start({ sql, parameters, usesSystemRelations, inTransaction }: ReadRequest): Iterator<Row> {
    try {
      const step = this.#statements.prepare(sql);
      if (!step.returnsRows || !step.readsOnly) throw notSupported("a read that is not a query");
      if (usesSystemRelations && inTransaction !== undefined && !EXPLAIN.test(sql)) {
        refuseTables(step.touched(parameters));
      }
      return step.iterate(parameters);
    } catch (error) {
      throw statementError(error, this.#loadCatalog());
    }
  }

  #loadCatalog(): Catalog {
    if (this.#catalog !== null) return this.#catalog;
    const loaded = this.#loaded;
    if (loaded.catalog?.version !== this.#version) {
      loaded.catalog = this.#catalogs.load(this.#version);
    }
    this.#catalog = loaded.catalog;
    return loaded.catalog;
  }

  #fillSystemRelations(databases: readonly DatabaseInfo[]): void {
    const current = databases.find(({ id }) => id === this.database);
    if (current === undefined) throw missingDatabase();
    const source = { catalog: this.#loadCatalog(), databases, currentDatabase: current.name };
    if (this.#system.isFilledFor(source)) return;
    if (this.isBusy) {
      throw new SqlError("55000", "the system catalogs cannot be read while a cursor is open", {
        hint: "Read them before, or fetch all rows of the cursor.",
      });
    }
    this.#system.fill(source);
  }
}

const EXPLAIN = /^\s*EXPLAIN\b/i;

interface QueryParts {
  readonly rows: Iterator<Row>;
  readonly context: StatementContext;
  readonly errorOf: (error: unknown) => SqlError;
  readonly onClosed: () => void;
}

class QueryRows implements OpenQuery {
  readonly #parts: QueryParts;
  #suspended: SuspendedContext;
  /** A row that was taken to learn whether there is one. */
  #ahead: Row | null = null;

  constructor(parts: QueryParts) {
    this.#parts = parts;
    this.#suspended = parts.context.suspend();
  }

  next(count: number): { readonly rows: Row[]; readonly more: boolean } {
    const { context, errorOf } = this.#parts;
    context.resume(this.#suspended);
    try {
      return this.#take(count);
    } catch (error) {
      throw errorOf(error);
    } finally {
      this.#suspended = context.suspend();
    }
  }

  close(): void {
    this.#parts.rows.return?.();
    this.#ahead = null;
    this.#parts.onClosed();
  }

  #take(count: number): { readonly rows: Row[]; readonly more: boolean } {
    const rows: Row[] = [];
    if (this.#ahead !== null) rows.push(this.#ahead);
    this.#ahead = null;
    for (;;) {
      const { done, value } = this.#parts.rows.next();
      if (done === true) return { rows, more: false };
      if (rows.length >= count) {
        this.#ahead = value;
        return { rows, more: true };
      }
      rows.push(value);
    }
  }
}
