/**
 * Runs the queries that one node answers alone, each in a read transaction that shows exactly one
 * commit and never waits for the writer: its own, or for a client's transaction that has only read
 * so far, one that stays open over its queries (a view). A query whose rows are not all in the first
 * page keeps its connection until its cursor ends; others do not see the older state that it holds.
 *
 * SQLite cannot move what lies behind an open read transaction out of its -wal: views that nobody
 * uses are closed after a while, and whoever comes back is told (ViewClosedError).
 */
import { join } from "node:path";
import type { Clock, Timer } from "../base/clock.ts";
import { systemBlockingFiles } from "../base/files-blocking.ts";
import {
  CURSOR_IDLE_MS_MAX,
  IDLE_READERS_MAX,
  IDLE_READERS_PER_DATABASE_MAX,
  READ_CURSORS_MAX,
  READ_VIEWS_MAX,
  VIEW_IDLE_MS_MAX,
} from "../base/limits.ts";
import type { Random } from "../base/random.ts";
import { SqlError } from "../sql/errors.ts";
import { type Connection, openReader } from "./connection.ts";
import { databaseFileName, systemFileName } from "./machine-directory.ts";
import { missingDatabase } from "./missing-database.ts";
import { type LoadedCatalog, type OpenQuery, ReadingConnection } from "./reading-connection.ts";
import { SEED_BYTES } from "./seed-random.ts";
import {
  type DatabaseId,
  type DatabaseInfo,
  type ReadPage,
  type ReadRequest,
  type TransactionRead,
  ViewClosedError,
} from "./state-machine.ts";

export interface ReaderOptions {
  /** Where the machine's files in use are. */
  readonly filesDirectory: string;
  readonly clock: Clock;
  /** Answers random() in queries. */
  readonly random: Random;
  readonly cursorsMax?: number;
  readonly cursorIdleMs?: number;
  readonly viewIdleMs?: number;
  /** Connections kept for the next queries of one database. */
  readonly idleMax?: number;
  /** The same of all databases together. */
  readonly idleInAllMax?: number;
}

interface Cursor {
  readonly connection: ReadingConnection;
  readonly query: OpenQuery;
  /** Null: the connection is the cursor's own. */
  readonly view: number | null;
  usedAtMs: number;
}

interface View {
  readonly connection: ReadingConnection;
  usedAtMs: number;
}

export class Reader {
  readonly #options: ReaderOptions;
  readonly #cursorsMax: number;
  readonly #cursorIdleMs: number;
  readonly #viewIdleMs: number;
  readonly #idleMax: number;
  readonly #idleInAllMax: number;
  /** Databases used last stand last, and so do their connections. */
  readonly #idle = new Map<DatabaseId, ReadingConnection[]>();
  readonly #catalogs = new Map<DatabaseId, LoadedCatalog>();
  readonly #cursors = new Map<number, Cursor>();
  /** Those used last stand last. */
  readonly #views = new Map<number, View>();
  #system: Connection | null = null;
  #nextId = 1;
  #timer: Timer | null = null;

  constructor(options: ReaderOptions) {
    this.#options = options;
    this.#cursorsMax = options.cursorsMax ?? READ_CURSORS_MAX;
    this.#cursorIdleMs = options.cursorIdleMs ?? CURSOR_IDLE_MS_MAX;
    this.#viewIdleMs = options.viewIdleMs ?? VIEW_IDLE_MS_MAX;
    this.#idleMax = options.idleMax ?? IDLE_READERS_PER_DATABASE_MAX;
    this.#idleInAllMax = options.idleInAllMax ?? IDLE_READERS_MAX;
  }

  /** See StateMachine.read. */
  read(request: ReadRequest): ReadPage {
    const { inTransaction } = request;
    if (inTransaction !== undefined) {
      const { view } = inTransaction;
      if (typeof view === "number") return this.#readInView(request, view, false);
      return this.#readInView(request, this.#openView(request), true);
    }
    const connection = this.#take(request.database);
    try {
      connection.begin(request.catalogVersion, request.usesSystemRelations);
      const page = this.#firstPage(connection, request, null);
      if (page.cursor === null) this.#release(connection);
      return page;
    } catch (error) {
      this.#release(connection);
      throw error;
    }
  }

  /**
   * As `read` for a query of a transaction; null, and there is no new view, unless it is surely done in
   * a moment.
   */
  readIfShort(request: ReadRequest, { view }: TransactionRead): ReadPage | null {
    if (typeof view === "number") {
      const open = this.#views.get(view);
      return open?.connection.isShort(request) === false ? null : this.read(request);
    }
    const connection = this.#begun(request, false);
    try {
      if (!connection.isShort(request)) {
        this.#release(connection);
        return null;
      }
    } catch (error) {
      this.#release(connection);
      throw error;
    }
    return this.#readInView(request, this.#keepView(connection), true);
  }

  /** How many views are open. */
  get viewCount(): number {
    return this.#views.size;
  }

  /** See StateMachine.readMore. */
  readMore(cursor: number, count: number): ReadPage {
    const open = this.#cursors.get(cursor);
    if (open === undefined) throw new SqlError("34000", `cursor ${cursor} does not exist`);
    open.usedAtMs = this.#options.clock.monotonicMs();
    try {
      const { rows, more } = open.query.next(count);
      if (!more) this.closeCursor(cursor);
      return { rows, cursor: more ? cursor : null };
    } catch (error) {
      this.closeCursor(cursor);
      throw error;
    }
  }

  /** Frees a cursor; idempotent. */
  closeCursor(cursor: number): void {
    const open = this.#cursors.get(cursor);
    if (open === undefined) return;
    this.#cursors.delete(cursor);
    open.query.close();
    if (open.view === null) this.#release(open.connection);
  }

  /** See StateMachine.closeView. */
  closeView(view: number): void {
    const open = this.#views.get(view);
    if (open === undefined) return;
    for (const [cursor, { view: owner }] of this.#cursors) {
      if (owner === view) this.closeCursor(cursor);
    }
    this.#views.delete(view);
    this.#release(open.connection);
  }

  /** The database is gone: closes its connections, cursors and views. */
  forget(database: DatabaseId): void {
    for (const [view, { connection }] of this.#views) {
      if (connection.database === database) this.closeView(view);
    }
    for (const [cursor, { connection }] of this.#cursors) {
      if (connection.database === database) this.closeCursor(cursor);
    }
    for (const connection of this.#idle.get(database) ?? []) connection.close();
    this.#idle.delete(database);
    this.#catalogs.delete(database);
  }

  /** Closes everything; files are opened again when the next query needs them. */
  closeFiles(): void {
    this.#timer?.cancel();
    this.#timer = null;
    for (const view of this.#views.keys()) this.closeView(view);
    for (const { connection } of this.#cursors.values()) connection.close();
    this.#cursors.clear();
    for (const connections of this.#idle.values()) {
      for (const connection of connections) connection.close();
    }
    this.#idle.clear();
    this.#catalogs.clear();
    this.#system?.close();
    this.#system = null;
  }

  #readInView(request: ReadRequest, view: number, isNew: boolean): ReadPage {
    const open = this.#views.get(view);
    if (open === undefined) throw new ViewClosedError("the view was closed");
    this.#views.delete(view);
    this.#views.set(view, open);
    open.usedAtMs = this.#options.clock.monotonicMs();
    try {
      const page = this.#firstPage(open.connection, request, view);
      return { ...page, view, wasShort: open.connection.isShort(request) };
    } catch (error) {
      if (isNew) this.closeView(view);
      throw error;
    }
  }

  #openView(request: ReadRequest): number {
    if (this.#views.size >= READ_VIEWS_MAX) this.#closeOldestView();
    // Later queries may need the system relations, which cannot be attached inside the transaction.
    return this.#keepView(this.#begun(request, true));
  }

  #begun({ database, catalogVersion }: ReadRequest, attachesSystem: boolean): ReadingConnection {
    const connection = this.#take(database);
    try {
      connection.begin(catalogVersion, attachesSystem);
      return connection;
    } catch (error) {
      this.#release(connection);
      throw error;
    }
  }

  #keepView(connection: ReadingConnection): number {
    const view = this.#nextId;
    this.#nextId += 1;
    this.#views.set(view, { connection, usedAtMs: this.#options.clock.monotonicMs() });
    this.#watchIdle();
    return view;
  }

  #closeOldestView(): void {
    for (const [view, { connection }] of this.#views) {
      if (connection.isBusy) continue;
      this.closeView(view);
      return;
    }
    throw new SqlError("53300", "too many transactions hold cursors on this node");
  }

  #firstPage(connection: ReadingConnection, request: ReadRequest, view: number | null): ReadPage {
    const seed = request.inTransaction?.seed ?? this.#options.random.bytes(SEED_BYTES);
    const query = connection.query(request, seed, () => this.#databases());
    let cursor: number | null = null;
    try {
      const { rows, more } = query.next(request.firstRows);
      if (more) cursor = this.#keep({ connection, query, view });
      return { rows, cursor };
    } finally {
      if (cursor === null) query.close();
    }
  }

  #take(database: DatabaseId): ReadingConnection {
    const idle = this.#idle.get(database)?.pop();
    if (idle !== undefined) return idle;
    const path = join(this.#options.filesDirectory, databaseFileName(database));
    if (!systemBlockingFiles.exists(path)) throw missingDatabase();
    return new ReadingConnection(database, path, this.#loadedCatalog(database));
  }

  #loadedCatalog(database: DatabaseId): LoadedCatalog {
    const known = this.#catalogs.get(database);
    if (known !== undefined) return known;
    const loaded = { catalog: null };
    this.#catalogs.set(database, loaded);
    return loaded;
  }

  #release(connection: ReadingConnection): void {
    connection.end();
    const idle = this.#idle.get(connection.database) ?? [];
    if (idle.length >= this.#idleMax) {
      connection.close();
      return;
    }
    idle.push(connection);
    this.#idle.delete(connection.database);
    this.#idle.set(connection.database, idle);
    this.#closeIdleOfOthers();
  }

  /** Makes room for connections to the databases that are used now. */
  #closeIdleOfOthers(): void {
    let left = -this.#idleInAllMax;
    for (const connections of this.#idle.values()) left += connections.length;
    for (const [database, connections] of this.#idle) {
      for (; left > 0 && connections.length > 0; left -= 1) connections.shift()?.close();
      if (connections.length === 0) this.#idle.delete(database);
      if (left <= 0) return;
    }
  }

  #keep(cursor: Omit<Cursor, "usedAtMs">): number {
    if (this.#cursors.size >= this.#cursorsMax) {
      throw new SqlError("53300", "too many cursors are open on this node");
    }
    const id = this.#nextId;
    this.#nextId += 1;
    this.#cursors.set(id, { ...cursor, usedAtMs: this.#options.clock.monotonicMs() });
    this.#watchIdle();
    return id;
  }

  #watchIdle(): void {
    const waitMs = this.#views.size > 0 ? this.#viewIdleMs : this.#cursorIdleMs;
    this.#timer ??= this.#options.clock.after(waitMs, () => this.#closeIdle());
  }

  #closeIdle(): void {
    this.#timer = null;
    const nowMs = this.#options.clock.monotonicMs();
    for (const [cursor, { usedAtMs }] of this.#cursors) {
      if (usedAtMs <= nowMs - this.#cursorIdleMs) this.closeCursor(cursor);
    }
    for (const [view, { usedAtMs, connection }] of this.#views) {
      if (usedAtMs <= nowMs - this.#viewIdleMs && !connection.isBusy) this.closeView(view);
    }
    if (this.#cursors.size + this.#views.size > 0) this.#watchIdle();
  }

  #databases(): readonly DatabaseInfo[] {
    this.#system ??= openReader(join(this.#options.filesDirectory, systemFileName));
    const rows = this.#system.prepare("SELECT id, name FROM _synod_databases ORDER BY id");
    return (rows.raw(true).all() as [bigint, string][]).map(([id, name]) => ({
      id: Number(id),
      name,
    }));
  }
}
