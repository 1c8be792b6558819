/**
 * Runs the queries that one node answers alone, each in a read transaction of its own, which shows
 * exactly one commit and never waits for the writer. A query whose rows are not all in the first
 * page keeps its connection until its cursor ends; others do not see the older state that it holds.
 */
import { join } from "node:path";
import type { Clock, Timer } from "../base/clock.ts";
import { systemBlockingFiles } from "../base/files-blocking.ts";
import {
  CURSOR_IDLE_MS_MAX,
  IDLE_READERS_PER_DATABASE_MAX,
  READ_CURSORS_MAX,
} from "../base/limits.ts";
import type { Random } from "../base/random.ts";
import { SqlError } from "../sql/errors.ts";
import { type Connection, openReader } from "./connection.ts";
import { databaseFileName, systemFileName } from "./machine-directory.ts";
import { missingDatabase } from "./missing-database.ts";
import { ReadingConnection } from "./reading-connection.ts";
import { SEED_BYTES } from "./seed-random.ts";
import type { DatabaseId, DatabaseInfo, ReadPage, ReadRequest } from "./state-machine.ts";

export interface ReaderOptions {
  /** Where the machine's files in use are. */
  readonly filesDirectory: string;
  readonly clock: Clock;
  /** Answers random() in queries. */
  readonly random: Random;
  readonly cursorsMax?: number;
  readonly cursorIdleMs?: number;
}

interface Cursor {
  readonly connection: ReadingConnection;
  usedAtMs: number;
}

export class Reader {
  readonly #options: ReaderOptions;
  readonly #cursorsMax: number;
  readonly #cursorIdleMs: number;
  readonly #idle = new Map<DatabaseId, ReadingConnection[]>();
  readonly #cursors = new Map<number, Cursor>();
  #system: Connection | null = null;
  #nextCursor = 1;
  #timer: Timer | null = null;

  constructor(options: ReaderOptions) {
    this.#options = options;
    this.#cursorsMax = options.cursorsMax ?? READ_CURSORS_MAX;
    this.#cursorIdleMs = options.cursorIdleMs ?? CURSOR_IDLE_MS_MAX;
  }

  /** See StateMachine.read. */
  read(request: ReadRequest): ReadPage {
    const connection = this.#take(request.database);
    try {
      const seed = this.#options.random.bytes(SEED_BYTES);
      connection.begin(request, seed, () => this.#databases());
      const { rows, more } = connection.next(request.firstRows);
      const cursor = more ? this.#keep(connection) : null;
      if (cursor === null) this.#release(connection);
      return { rows, cursor };
    } catch (error) {
      this.#release(connection);
      throw error;
    }
  }

  /** See StateMachine.readMore. */
  readMore(cursor: number, count: number): ReadPage {
    const open = this.#cursors.get(cursor);
    if (open === undefined) throw new SqlError("34000", `cursor ${cursor} does not exist`);
    open.usedAtMs = this.#options.clock.monotonicMs();
    try {
      const { rows, more } = open.connection.next(count);
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
    this.#release(open.connection);
  }

  /** The database is gone: closes its connections and cursors. */
  forget(database: DatabaseId): void {
    for (const [cursor, { connection }] of this.#cursors) {
      if (connection.database === database) this.closeCursor(cursor);
    }
    for (const connection of this.#idle.get(database) ?? []) connection.close();
    this.#idle.delete(database);
  }

  /** Closes every cursor and connection; files are opened again when the next query needs them. */
  closeFiles(): void {
    this.#timer?.cancel();
    this.#timer = null;
    for (const { connection } of this.#cursors.values()) connection.close();
    this.#cursors.clear();
    for (const connections of this.#idle.values()) {
      for (const connection of connections) connection.close();
    }
    this.#idle.clear();
    this.#system?.close();
    this.#system = null;
  }

  #take(database: DatabaseId): ReadingConnection {
    const idle = this.#idle.get(database)?.pop();
    if (idle !== undefined) return idle;
    const path = join(this.#options.filesDirectory, databaseFileName(database));
    if (!systemBlockingFiles.exists(path)) throw missingDatabase();
    return new ReadingConnection(database, path);
  }

  #release(connection: ReadingConnection): void {
    connection.end();
    const idle = this.#idle.get(connection.database) ?? [];
    if (idle.length >= IDLE_READERS_PER_DATABASE_MAX) {
      connection.close();
      return;
    }
    idle.push(connection);
    this.#idle.set(connection.database, idle);
  }

  #keep(connection: ReadingConnection): number {
    if (this.#cursors.size >= this.#cursorsMax) {
      throw new SqlError("53300", "too many cursors are open on this node");
    }
    const cursor = this.#nextCursor;
    this.#nextCursor += 1;
    this.#cursors.set(cursor, { connection, usedAtMs: this.#options.clock.monotonicMs() });
    this.#timer ??= this.#options.clock.after(this.#cursorIdleMs, () => this.#closeIdleCursors());
    return cursor;
  }

  #closeIdleCursors(): void {
    this.#timer = null;
    const limit = this.#options.clock.monotonicMs() - this.#cursorIdleMs;
    for (const [cursor, { usedAtMs }] of this.#cursors) {
      if (usedAtMs <= limit) this.closeCursor(cursor);
    }
    if (this.#cursors.size === 0) return;
    this.#timer = this.#options.clock.after(this.#cursorIdleMs, () => this.#closeIdleCursors());
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
