/** One connection of a reader to one database: one query at a time, each in its own read transaction. */
import { assert } from "../base/assert.ts";
import type { Catalog } from "../sql/catalog/catalog.ts";
import { notSupported } from "../sql/errors.ts";
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
import { readOnlySequences, StatementContext } from "./statement-context.ts";
import { SystemRelations } from "./system-relations.ts";

type Row = readonly SqliteValue[];

export class ReadingConnection {
  readonly database: DatabaseId;
  readonly #connection: Connection;
  readonly #begin: Statement;
  readonly #commit: Statement;
  readonly #statements: StatementCache;
  readonly #context: StatementContext;
  readonly #catalogs: CatalogStore;
  readonly #system: SystemRelations;
  /** The catalog of `#version`, loaded when a function or a system relation asks for it. */
  #catalog: Catalog | null = null;
  #version = -1;
  #rows: Iterator<Row> | null = null;
  /** A row that was taken to learn whether there is one. */
  #ahead: Row | null = null;

  constructor(database: DatabaseId, path: string) {
    this.database = database;
    this.#connection = openReader(path);
    this.#begin = this.#connection.prepare<unknown[]>("BEGIN");
    this.#commit = this.#connection.prepare<unknown[]>("COMMIT");
    this.#statements = new StatementCache(this.#connection, "read");
    this.#context = new StatementContext(readOnlySequences, () => this.#loadCatalog());
    this.#catalogs = new CatalogStore(this.#connection);
    this.#system = new SystemRelations(this.#connection);
    registerFunctions(this.#connection, this.#context);
  }

  /**
   * Begins the query in a new read transaction. Throws StaleSchemaError if that transaction sees
   * another catalog than the query was translated against.
   */
  begin(request: ReadRequest, seed: Uint8Array, databases: () => readonly DatabaseInfo[]): void {
    assert(this.#rows === null, "the connection is busy with another query");
    if (request.usesSystemRelations) this.#system.attach();
    this.#begin.run();
    this.#checkVersion(request.catalogVersion);
    this.#context.enter(request.timestampMicros, seed);
    if (request.usesSystemRelations) this.#fillSystemRelations(databases());
    this.#rows = this.#query(request);
  }

  /** The next rows, and whether there may be more. */
  next(count: number): { readonly rows: Row[]; readonly more: boolean } {
    const iterator = this.#rows;
    assert(iterator !== null, "no query is open");
    const rows: Row[] = [];
    try {
      if (this.#ahead !== null) rows.push(this.#ahead);
      this.#ahead = null;
      for (;;) {
        const { done, value } = iterator.next();
        if (done === true) return { rows, more: false };
        if (rows.length >= count) {
          this.#ahead = value;
          return { rows, more: true };
        }
        rows.push(value);
      }
    } catch (error) {
      throw statementError(error, this.#loadCatalog());
    }
  }

  /** Ends the query and its transaction; idempotent. The connection may serve another one. */
  end(): void {
    this.#rows?.return?.();
    this.#rows = null;
    this.#ahead = null;
    // Not a rollback: it would empty the system relations that this transaction filled.
    if (this.#connection.inTransaction) this.#commit.run();
  }

  close(): void {
    this.end();
    this.#connection.close();
  }

  #query({ sql, parameters }: ReadRequest): Iterator<Row> {
    try {
      const step = this.#statements.prepare(sql);
      if (!step.returnsRows || !step.readsOnly) throw notSupported("a read that is not a query");
      return step.iterate(parameters);
    } catch (error) {
      throw statementError(error, this.#loadCatalog());
    }
  }

  #checkVersion(wanted: number): void {
    const version = this.#catalogs.version();
    if (version !== this.#version) {
      this.#version = version;
      this.#catalog = null;
      this.#statements.clear();
    }
    if (version === wanted) return;
    throw new StaleSchemaError(`the catalog has version ${version}, the query ${wanted}`);
  }

  #loadCatalog(): Catalog {
    this.#catalog ??= this.#catalogs.load(this.#version);
    return this.#catalog;
  }

  #fillSystemRelations(databases: readonly DatabaseInfo[]): void {
    const current = databases.find(({ id }) => id === this.database);
    if (current === undefined) throw missingDatabase();
    const source = { catalog: this.#loadCatalog(), databases, currentDatabase: current.name };
    this.#system.fill(source);
  }
}
