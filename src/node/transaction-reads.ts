/**
 * The queries of a transaction that has changed nothing so far: they run on a reader, in one view of
 * one moment, and their rows are handed out as the client takes them. A transaction that only reads
 * needs no more: it took place at that moment. When it changes something, what it has shown is
 * looked at again where changes are tried.
 *
 * A view for short queries (LongQueryError) is left for one for any when the first query comes that is
 * not: what was shown must be the same there.
 */
import type { CommandStatement, TransactionStatement } from "../machine/command.ts";
import { errorDigest, RowsDigest, sameDigest } from "../machine/result-digest.ts";
import { statementSeed } from "../machine/seed-random.ts";
import {
  type DatabaseId,
  LongQueryError,
  StaleSchemaError,
  ViewClosedError,
} from "../machine/state-machine.ts";
import { stopped } from "../machine/stop.ts";
import type { RowSource } from "../sql/database.ts";
import { SqlError } from "../sql/errors.ts";
import type { SqliteValue } from "../sql/values.ts";
import { serializationFailure } from "./failures.ts";
import type { Gateway } from "./gateway.ts";
import type { CursorRows, Stops } from "./row-sources.ts";

type Row = readonly SqliteValue[];

export interface TransactionReadsParts {
  readonly gateway: Gateway;
  readonly database: DatabaseId;
  readonly catalogVersion: number;
  readonly seed: Uint8Array;
  readonly startedMicros: number;
  readonly stops: Stops;
  /** Its view is for any query from the beginning: nothing has to be looked at again for a long one. */
  readonly beginsForAny: boolean;
}

interface Query {
  readonly query: CommandStatement;
  readonly clockMicros: number;
  /** It reads the system catalogs only: the version of the catalog vouches for it. */
  readonly isLook: boolean;
}

/** What a query has shown, once nothing is added to it any more. */
type Settled = Pick<TransactionStatement, "digest" | "rowsShown">;

/** What a query has shown so far. */
interface Shown {
  readonly item: Omit<TransactionStatement, "digest" | "rowsShown">;
  readonly rows: ShownRows | Settled;
}

export class TransactionReads {
  readonly #parts: TransactionReadsParts;
  readonly #shown: Shown[] = [];
  #view: number | null = null;
  /** The text of the first query of the data. */
  #first: string | null = null;
  /** Rows that had not all come with the first page. */
  #onReader: readonly CursorRows[] = [];
  #isForAny: boolean;
  #hasMetLong = false;
  #isOver = false;

  constructor(parts: TransactionReadsParts) {
    this.#parts = parts;
    this.#isForAny = parts.beginsForAny;
  }

  /** Whether it looks at one moment already. */
  get hasView(): boolean {
    return this.#view !== null;
  }

  /**
   * Runs a query; null: the view is gone, and the query has to run elsewhere. Throws its SqlError, or 40001
   * if it had to look again at what it had shown.
   */
  async read(query: Query): Promise<RowSource | null> {
    try {
      return await this.#read(query);
    } catch (error) {
      if (!(error instanceof LongQueryError)) throw error;
      this.#metLong();
      return (await this.#lookAgain()) ? this.#read(query) : null;
    }
  }

  async #read({ query, clockMicros, isLook }: Query): Promise<RowSource | null> {
    const item = { kind: "statement", statement: query, clockMicros, sequenceValues: [] } as const;
    try {
      const source = await this.#run(item, this.#shown.length, isLook);
      if (source.isOnReader) this.#onReader = [...this.#stillOnReader, source];
      if (isLook) return source;
      const rows = new ShownRows(source);
      this.#shown.push({ item, rows });
      return rows;
    } catch (error) {
      if (error instanceof ViewClosedError) return null;
      if (error instanceof StaleSchemaError) throw serializationFailure();
      if (error instanceof SqlError && !isLook && !isPassing(error)) {
        this.#shown.push({ item, rows: { digest: errorDigest(error), rowsShown: null } });
      }
      throw error;
    }
  }

  /**
   * Leaves the reader: rows that the client has not taken yet are kept here, and what was shown is
   * answered for the log.
   */
  async leave(): Promise<readonly TransactionStatement[]> {
    const items: TransactionStatement[] = [];
    for (const { item, rows } of this.#shown) {
      items.push({ ...item, ...(rows instanceof ShownRows ? await rows.settle() : rows) });
    }
    this.end();
    return items;
  }

  /** The transaction has committed: the view is freed when its client has taken, or left, all its rows. */
  finish(): void {
    const { gateway } = this.#parts;
    const view = this.#view;
    const open = this.#stillOnReader;
    if (view !== null && open.length > 0) {
      this.#view = null;
      let left = open.length;
      for (const rows of open) {
        rows.onLeave(() => {
          left -= 1;
          if (left === 0) gateway.closeView(view);
        });
      }
    }
    this.end();
  }

  /** The transaction has ended: a view that a query under way still gets is freed as well. Idempotent. */
  abandon(): void {
    this.#isOver = true;
    this.end();
  }

  /** Frees the view; idempotent. */
  end(): void {
    const { gateway } = this.#parts;
    if (this.#view !== null) gateway.closeView(this.#view);
    this.#view = null;
    if (this.#first !== null && !this.#hasMetLong) gateway.habits.stayedShort(this.#first);
    this.#first = null;
  }

  get #stillOnReader(): readonly CursorRows[] {
    return this.#onReader.filter(({ isOnReader }) => isOnReader);
  }

  #metLong(): void {
    if (this.#first !== null) this.#parts.gateway.habits.metLong(this.#first);
    this.#hasMetLong = true;
  }

  /** Moves to a view for any query. False: it is gone already. Throws 40001 if something answers otherwise there. */
  async #lookAgain(): Promise<boolean> {
    const before = await this.leave();
    this.#shown.length = 0;
    for (const { digest, rowsShown, ...item } of before) {
      this.#shown.push({ item, rows: { digest, rowsShown } });
    }
    this.#isForAny = true;
    for (const [index, { digest, rowsShown, ...item }] of before.entries()) {
      const again = await this.#digestNow(item, index, rowsShown);
      if (again === null) return false;
      if (!sameDigest(again, digest)) throw serializationFailure();
    }
    return true;
  }

  /** The digest of what a query shows in the view; null: the view is gone. */
  async #digestNow(
    item: Shown["item"],
    index: number,
    rowsShown: number | null,
  ): Promise<Uint8Array | null> {
    try {
      const rows = new ShownRows(await this.#run(item, index, false));
      if (rowsShown !== null) await rows.take(rowsShown);
      return (await rows.settle()).digest;
    } catch (error) {
      if (error instanceof ViewClosedError) return null;
      if (error instanceof StaleSchemaError) throw serializationFailure();
      if (error instanceof SqlError && !isPassing(error)) return errorDigest(error);
      throw error;
    }
  }

  #newView(usesSystemRelations: boolean): "new" | "newForAny" {
    const { habits } = this.#parts.gateway;
    const isForAny = this.#isForAny || usesSystemRelations || !habits.staysShort(this.#first ?? "");
    return isForAny ? "newForAny" : "new";
  }

  /** `index`: the place of the query among those that are part of the transaction. */
  async #run(
    item: Shown["item"],
    index: number,
    usesSystemRelations: boolean,
  ): Promise<CursorRows> {
    const { gateway, database, catalogVersion, seed, startedMicros, stops } = this.#parts;
    const [step] = item.statement.steps;
    if (!usesSystemRelations) this.#first ??= step?.sql ?? "";
    const request = {
      database,
      catalogVersion,
      sql: step?.sql ?? "",
      parameters: step?.parameters ?? [],
      usesSystemRelations,
      timestampMicros: startedMicros,
      inTransaction: {
        view: this.#view ?? this.#newView(usesSystemRelations),
        seed: statementSeed(seed, index),
        clockMicros: item.clockMicros,
      },
    } as const;
    const { view, rows, wasShort } = await gateway.readInView(request, stops);
    if (this.#isOver) {
      // Its client gave it up and ended the transaction meanwhile.
      if (view !== null) gateway.closeView(view);
      throw stopped();
    }
    this.#view = view;
    if (!wasShort) this.#metLong();
    return rows;
  }
}

/** Rows on their way to the client, of which a digest is made. */
class ShownRows implements RowSource {
  readonly #source: RowSource;
  readonly #digest = new RowsDigest();
  #count = 0;
  /** The client takes no more. */
  #isClosed = false;
  #isExhausted = false;
  /** Rows taken from the source that the client has not taken yet. */
  #kept: Row[] = [];
  #result: Settled | null = null;

  constructor(source: RowSource) {
    this.#source = source;
  }

  async next(limit: number): Promise<readonly Row[]> {
    if (this.#result !== null) return this.#kept.splice(0, limit);
    const rows = await this.#source.next(limit);
    if (rows.length === 0) this.#isExhausted = true;
    this.#digest.add(rows);
    this.#count += rows.length;
    return rows;
  }

  close(): void {
    this.#isClosed = true;
    this.#kept = [];
    this.#source.close();
  }

  /** Takes so many rows, and wants no more of them. */
  async take(count: number): Promise<void> {
    while (this.#count < count && !this.#isExhausted) await this.next(count - this.#count);
    this.close();
  }

  /** Takes what is left, unless the client wants no more of it; what it all comes to. To be called once. */
  async settle(): Promise<Settled> {
    const left: Row[] = [];
    while (!this.#isClosed && !this.#isExhausted) left.push(...(await this.next(PAGE_ROWS)));
    const rowsShown = this.#isExhausted ? null : this.#count;
    this.#result = { digest: this.#digest.finish(), rowsShown };
    this.#kept = left;
    return this.#result;
  }
}

const PAGE_ROWS = 1000;

/** Errors that say nothing about the data: stopped, too many cursors, a cursor that was closed. */
function isPassing({ sqlState }: SqlError): boolean {
  return sqlState === "57014" || sqlState === "53300" || sqlState === "34000";
}
