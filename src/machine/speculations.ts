/**
 * The open interactive transactions of one database at their gateway. Each statement runs at once,
 * inside a SQLite transaction that is rolled back before anything else uses the connection; what it
 * answered is kept as a digest. The log decides later whether all of it holds (DatabaseFile).
 *
 * Before a new statement runs, those before it run again
 *
 * 1. that touch a table which the log has changed since they ran: if one answers otherwise now, the
 *    transaction can no longer commit and ends (opacity: no client sees a state that never was),
 * 2. that wrote to a table which one of 1 or the new one touches, and so on: their changes were
 *    rolled back and must be there.
 *
 * Nothing runs again while the connection was used by nobody else: the SQLite transaction stays open.
 */
import { assert } from "../base/assert.ts";
import type { Catalog } from "../sql/catalog/catalog.ts";
import { notSupported, SqlError } from "../sql/errors.ts";
import type { CommandStatement, TransactionItem } from "./command.ts";
import type { Statement } from "./connection.ts";
import { BrokenOff } from "./machine-error.ts";
import { letTablesBeRebuilt } from "./rebuild-mode.ts";
import { SequenceBlocks } from "./sequence-blocks.ts";
import type {
  Look,
  SpeculationRequest,
  SpeculationResult,
  TransactionStart,
} from "./speculation.ts";
import type { TouchedTables } from "./touched-tables.ts";
import type { SystemSource, TransactionExecutor } from "./transaction-executor.ts";
import { TransactionRun } from "./transaction-run.ts";

interface Ran {
  readonly item: TransactionItem;
  /** Null: a change of the schema, or a savepoint. */
  readonly touched: TouchedTables | null;
  /** The moment of TableVersions at which its result was last seen to hold. */
  heldAt: number;
}

interface OpenTransaction {
  readonly id: number;
  readonly start: TransactionStart;
  readonly ran: Ran[];
  /** Its statements only depend on each other by the tables that they touch. */
  isPlain: boolean;
  rebuilds: boolean;
  writesReferences: boolean;
  /** What has run so far runs in microseconds. */
  isShort: boolean;
}

/** The SQLite transaction that is open now, with the items that were run in it, by index. */
interface Held {
  readonly transaction: OpenTransaction;
  readonly run: TransactionRun;
  readonly done: Set<number>;
  readonly catalogBefore: Catalog;
  readonly rebuilds: boolean;
}

export class Speculations {
  readonly blocks = new SequenceBlocks();
  readonly #executor: TransactionExecutor;
  readonly #begin: Statement;
  readonly #rollback: Statement;
  readonly #open = new Map<number, OpenTransaction>();
  readonly #databases: () => SystemSource;
  #isSystemAttached = false;
  #held: Held | null = null;

  constructor(executor: TransactionExecutor, databases: () => SystemSource) {
    this.#executor = executor;
    this.#databases = databases;
    this.#begin = executor.connection.prepare<unknown[]>("BEGIN IMMEDIATE");
    this.#rollback = executor.connection.prepare<unknown[]>("ROLLBACK");
  }

  /** See StateMachine.speculate. */
  speculate(request: SpeculationRequest): SpeculationResult {
    if (this.#held !== null && this.#held.transaction.id !== request.transaction) this.release();
    const start = this.#open.get(request.transaction)?.start ?? request.start;
    if (start === null) return { kind: "notOpen" };
    if (this.#held === null && this.#executor.catalog.version !== start.catalogVersion) {
      this.end(request.transaction);
      return { kind: "conflict", statement: -1 };
    }
    const transaction = this.#find(request.transaction, start);
    try {
      return this.#attempt(transaction, request);
    } catch (error) {
      this.release();
      throw error;
    }
  }

  /** Forgets a transaction; idempotent. */
  end(id: number): void {
    if (this.#held?.transaction.id === id) this.release();
    this.#open.delete(id);
    this.#executor.versions.isWatched = this.#open.size > 0;
  }

  /**
   * Whether the request surely runs in microseconds: its statement, and those that may have to run
   * again before it.
   */
  isShort({ transaction, item, start }: SpeculationRequest): boolean {
    if (item.kind === "look") return false;
    const open = this.#open.get(transaction);
    const before = open?.ran.length ?? start?.items.length ?? 0;
    const isShort = open?.isShort ?? start?.items.every((each) => this.#isShortItem(each)) ?? true;
    return isShort && before < SHORT_ITEMS_MAX && this.#isShortItem(item);
  }

  /** Every open transaction is forgotten: whoever has one is told when it asks. */
  forgetAll(): void {
    this.release();
    this.#open.clear();
    this.#executor.versions.isWatched = false;
  }

  /** Rolls back what is open. To be called before anything else uses the connection. */
  release(): void {
    const held = this.#held;
    if (held === null) return;
    this.#held = null;
    const { connection, sequences } = this.#executor;
    if (connection.inTransaction) this.#rollback.run();
    if (held.run.changedSchema) {
      this.#executor.returnTo(held.catalogBefore);
      this.#executor.forgetSystem();
    }
    sequences.takeBack();
    if (held.rebuilds) letTablesBeRebuilt(connection, false);
  }

  #isShortItem(item: Exclude<SpeculationRequest["item"], Look>): boolean {
    return item.kind !== "statement" || this.#executor.isShort(item.statement);
  }

  #find(id: number, start: TransactionStart): OpenTransaction {
    const known = this.#open.get(id);
    if (known !== undefined) return known;
    const isPlain = start.items.every(
      (item) => item.kind === "statement" && item.statement.kind !== "schema",
    );
    const ran = start.items.map((item) => ({
      item,
      touched: isPlain && item.kind === "statement" ? this.#touched(item.statement) : null,
      heldAt: -1,
    }));
    const opened: OpenTransaction = {
      id,
      start,
      ran,
      isPlain: isPlain && ran.every(({ touched }) => touched !== null),
      rebuilds: start.items.some(
        (item) => item.kind === "statement" && item.statement.rebuildsTables,
      ),
      writesReferences: false,
      isShort: start.items.every((item) => this.#isShortItem(item)),
    };
    this.#open.set(id, opened);
    this.#executor.versions.isWatched = true;
    return opened;
  }

  #attempt(transaction: OpenTransaction, request: SpeculationRequest): SpeculationResult {
    const { item } = request;
    if (item.kind === "look") return this.#look(transaction, item);
    if (item.kind !== "statement") {
      const conflict = this.#prepareAll(transaction);
      if (conflict !== null) return this.#conflict(transaction, conflict);
      const held = this.#hold(transaction, transaction.rebuilds);
      transaction.isPlain = false;
      held.run.control(item);
      this.#remember(held, { item, touched: null, heldAt: this.#executor.versions.now });
      return { kind: "done", outcome: NOTHING, digest: new Uint8Array(0), sequenceValues: [] };
    }
    const { statement } = item;
    const touched = transaction.isPlain ? this.#touched(statement) : null;
    const conflict =
      touched !== null && transaction.isPlain
        ? this.#prepareFor(transaction, touched)
        : this.#prepareAll(transaction, statement.rebuildsTables);
    if (conflict !== null) return this.#conflict(transaction, conflict);
    return this.#runNew(transaction, item, touched);
  }

  #look(transaction: OpenTransaction, look: Look): SpeculationResult {
    // What is attached has to be before the SQLite transaction begins.
    if (!this.#isSystemAttached) {
      this.release();
      this.#executor.attachSystem();
      this.#isSystemAttached = true;
    }
    const conflict = this.#prepareAll(transaction);
    if (conflict !== null) return this.#conflict(transaction, conflict);
    const held = this.#hold(transaction, transaction.rebuilds);
    const { context } = this.#executor;
    // Between two statements that failed there may be another schema under the same version.
    if (held.run.changedSchema) this.#executor.forgetSystem();
    this.#executor.fillSystem(this.#databases());
    const { startedMicros, seed } = transaction.start;
    context.enter(startedMicros, seed, look.clockMicros);
    const outcome = this.#executor.look(look.sql, look.parameters);
    return { kind: "done", outcome, digest: new Uint8Array(0), sequenceValues: [] };
  }

  /** Null for a statement that cannot be looked at before it runs: a change of the schema, a mistake. */
  #touched(statement: CommandStatement): TouchedTables | null {
    try {
      return this.#executor.touched(statement);
    } catch (error) {
      // It will fail when it runs, and then its error is its result.
      if (error instanceof SqlError) return null;
      throw error;
    }
  }

  #runNew(
    transaction: OpenTransaction,
    item: Extract<SpeculationRequest["item"], { kind: "statement" }>,
    touched: TouchedTables | null,
  ): SpeculationResult {
    const held = this.#hold(transaction, transaction.rebuilds || item.statement.rebuildsTables);
    this.#refuseRebuildWithReferences(transaction, item.statement);
    const index = transaction.ran.length;
    const taken = new Map<string, bigint[]>();
    const take = (sequence: string): bigint => {
      const value = this.blocks.take(sequence);
      if (value === null) throw new SequenceShortage(sequence);
      const values = taken.get(sequence) ?? [];
      values.push(value);
      taken.set(sequence, values);
      return value;
    };
    try {
      const result = held.run.first(item, index, take);
      const { digest, sequenceValues } = result;
      const ran = { ...item, digest, sequenceValues };
      if (held.run.isEntangled || touched === null) transaction.isPlain = false;
      this.#remember(held, { item: ran, touched, heldAt: this.#executor.versions.now });
      if (result.kind === "done") {
        return { kind: "done", outcome: result.outcome, digest, sequenceValues };
      }
      const { sqlState, message, fields } = result.error;
      return { kind: "failed", error: { sqlState, message, fields }, digest, sequenceValues };
    } catch (error) {
      for (const [sequence, values] of taken) this.blocks.giveBack(sequence, values);
      if (!(error instanceof SequenceShortage)) throw error;
      const had = taken.get(error.sequence)?.length ?? 0;
      return { kind: "sequenceShortage", sequence: error.sequence, had };
    }
  }

  /**
   * Foreign keys are off in a SQLite transaction that replaces tables: a change of rows that they
   * guard would not be checked, nor its actions run.
   */
  #refuseRebuildWithReferences(transaction: OpenTransaction, statement: CommandStatement): void {
    const rebuilds = transaction.rebuilds || statement.rebuildsTables;
    const writesReferences = transaction.writesReferences || this.#writesReferences(statement);
    if (rebuilds && writesReferences) {
      throw notSupported(
        "a change of rows under a foreign key in one transaction with a change of the schema that replaces a table",
        { hint: "Do the two in transactions of their own." },
      );
    }
    transaction.rebuilds = rebuilds;
    transaction.writesReferences = writesReferences;
  }

  #writesReferences(statement: CommandStatement): boolean {
    if (statement.kind !== "write") return false;
    const { catalog } = this.#executor;
    const written = this.#touched(statement)?.written ?? new Set<string>();
    return [...written].some((table) => hasReferences(catalog, table));
  }

  /** Brings the open SQLite transaction to where a statement that touches these can run. */
  #prepareFor(transaction: OpenTransaction, touched: TouchedTables): number | null {
    return this.#prepare(transaction, this.#needed(transaction, touched), false);
  }

  #prepareAll(transaction: OpenTransaction, rebuilds = false): number | null {
    const all = transaction.ran.map((_ran, index) => index);
    return this.#prepare(transaction, all, transaction.rebuilds || rebuilds);
  }

  /** Runs what is needed and was not run yet; the index of the statement whose result changed, or null. */
  #prepare(
    transaction: OpenTransaction,
    needed: readonly number[],
    rebuilds: boolean,
  ): number | null {
    const held = this.#held;
    if (held !== null) {
      const missing = needed.filter((index) => !held.done.has(index));
      const last = Math.max(-1, ...held.done);
      const isInOrder = missing.every((index) => index > last);
      if (!isInOrder || held.rebuilds !== rebuilds) {
        this.release();
        // What had been run may have to come again to keep the order.
        return this.#prepare(transaction, this.#withOrder(needed, held.done), rebuilds);
      }
    }
    const open = this.#hold(transaction, rebuilds);
    for (const index of needed) {
      if (open.done.has(index)) continue;
      if (!this.#repeat(open, index)) return index;
    }
    return null;
  }

  #withOrder(needed: readonly number[], done: ReadonlySet<number>): readonly number[] {
    return [...new Set([...needed, ...done])].toSorted((left, right) => left - right);
  }

  /** False: the item has another result now. */
  #repeat(held: Held, index: number): boolean {
    const ran = held.transaction.ran[index];
    assert(ran !== undefined, `no item ${index}`);
    held.done.add(index);
    if (ran.item.kind !== "statement") {
      held.run.control(ran.item);
      return true;
    }
    if (!held.run.holds(ran.item, index)) return false;
    ran.heldAt = this.#executor.versions.now;
    return true;
  }

  /** Indexes, rising, of what must run before a statement that touches these tables. */
  #needed(transaction: OpenTransaction, touched: TouchedTables): number[] {
    const stale = this.#stale(transaction);
    const tables = new Set(touched.all);
    const needed: number[] = [];
    for (let index = transaction.ran.length - 1; index >= 0; index -= 1) {
      const { all, written } = tablesOf(transaction.ran[index]);
      if (!stale.has(index) && !intersects(written, tables)) continue;
      needed.push(index);
      for (const table of all) tables.add(table);
    }
    return needed.reverse();
  }

  /** What may have another result now: its tables have changed, or what it read of this transaction's own. */
  #stale({ ran }: OpenTransaction): ReadonlySet<number> {
    const { versions } = this.#executor;
    const stale = new Set<number>();
    const rewritten = new Set<string>();
    for (const [index, each] of ran.entries()) {
      const touched = tablesOf(each);
      const holds = versions.isUnchanged(touched, each.heldAt);
      if (holds && !intersects(rewritten, touched.all)) continue;
      stale.add(index);
      for (const table of touched.written) rewritten.add(table);
    }
    return stale;
  }

  #hold(transaction: OpenTransaction, rebuilds: boolean): Held {
    if (this.#held !== null) return this.#held;
    const { connection, catalog } = this.#executor;
    if (rebuilds) letTablesBeRebuilt(connection, true);
    this.#begin.run();
    const run = new TransactionRun(this.#executor, transaction.start);
    this.#held = { transaction, run, done: new Set(), catalogBefore: catalog, rebuilds };
    return this.#held;
  }

  #remember(held: Held, ran: Ran): void {
    held.transaction.isShort &&= this.#isShortItem(ran.item);
    held.done.add(held.transaction.ran.length);
    held.transaction.ran.push(ran);
  }

  #conflict(transaction: OpenTransaction, statement: number): SpeculationResult {
    this.end(transaction.id);
    return { kind: "conflict", statement };
  }
}

/** Statements of a transaction beyond which running them again takes its time. */
const SHORT_ITEMS_MAX = 32;

const NOTHING = { count: 0, rows: null, fromMemory: false };

/** No value of the sequence is left that this node may hand out. */
class SequenceShortage extends BrokenOff {
  override readonly name = "SequenceShortage";
  readonly sequence: string;

  constructor(sequence: string) {
    super(`no reserved value of ${sequence} is left`);
    this.sequence = sequence;
  }
}

function tablesOf(ran: Ran | undefined): TouchedTables {
  assert(ran !== undefined && ran.touched !== null, "a plain transaction knows its tables");
  return ran.touched;
}

function hasReferences(catalog: Catalog, name: string): boolean {
  for (const relation of catalog.relations.values()) {
    if (relation.kind !== "table") continue;
    for (const constraint of relation.constraints) {
      if (constraint.kind !== "foreignKey") continue;
      if (relation.name === name || constraint.foreignTable === name) return true;
    }
  }
  return false;
}

function intersects(left: ReadonlySet<string>, right: ReadonlySet<string>): boolean {
  for (const item of left) if (right.has(item)) return true;
  return false;
}
