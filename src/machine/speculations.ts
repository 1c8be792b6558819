/**
 * The open interactive transactions of one database at their gateway. Each statement runs at once,
 * inside a SQLite transaction that is rolled back before anything else uses the connection; what it
 * answered is kept as a digest. The log decides later whether all of it holds (DatabaseFile).
 *
 * Before a new statement runs, those before it run again
 *
 * 1. that touch what the log has changed since they ran (rows where it can be told which, else tables):
 *    if one answers otherwise now, the transaction can no longer commit and ends (opacity: no client
 *    sees a state that never was),
 * 2. that wrote what one of 1 or the new one touches, and so on: their changes were rolled back and
 *    must be there.
 *
 * The SQLite transaction stays open, for all transactions that do not get into each other's way, until
 * something else uses the connection (Trial).
 */
import { assert } from "../base/assert.ts";
import { notSupported, SqlError } from "../sql/errors.ts";
import type { CommandStatement, SequenceValues, TransactionStatement } from "./command.ts";
import { underForeignKeys } from "./foreign-key-tables.ts";
import { highest, neededBefore, type Ran, RanSummary, touchedBy } from "./ran-items.ts";
import { DONE, rehearse } from "./rehearsal.ts";
import { SequenceBlocks, SequenceShortage, TakenValues } from "./sequence-blocks.ts";
import type {
  Look,
  Rehearsal,
  SpeculationRequest,
  SpeculationResult,
  TransactionStart,
} from "./speculation.ts";
import type { Touched } from "./touched.ts";
import type { SystemSource, TransactionExecutor } from "./transaction-executor.ts";
import { TransactionRun } from "./transaction-run.ts";
import { Trial, type Trying } from "./trial.ts";
import { TrialTransaction } from "./trial-transaction.ts";

type NewStatement = Extract<SpeculationRequest["item"], { kind: "statement" }>;

interface OpenTransaction {
  readonly id: number;
  readonly start: TransactionStart;
  readonly ran: Ran[];
  /** Its statements only depend on each other by what they touch. */
  isPlain: boolean;
  rebuilds: boolean;
  writesReferences: boolean;
  /** What has run so far runs in microseconds. */
  isShort: boolean;
  readonly summary: RanSummary;
}

export class Speculations {
  readonly blocks = new SequenceBlocks();
  readonly #executor: TransactionExecutor;
  readonly #transaction: TrialTransaction;
  readonly #open = new Map<number, OpenTransaction>();
  readonly #databases: () => SystemSource;
  #isSystemAttached = false;
  #trial: Trial | null = null;

  constructor(executor: TransactionExecutor, databases: () => SystemSource) {
    this.#executor = executor;
    this.#databases = databases;
    this.#transaction = new TrialTransaction(executor);
  }

  /** See StateMachine.speculate. */
  speculate(request: SpeculationRequest): SpeculationResult {
    const start = this.#open.get(request.transaction)?.start ?? request.start;
    if (start === null) return { kind: "notOpen" };
    // Who has it alone may have changed the schema in it.
    if (this.#trial?.isOpenTo(request.transaction, []) === false) this.release();
    const catalog = this.#trial?.catalogBefore ?? this.#executor.catalog;
    if (catalog.version !== start.catalogVersion) {
      this.end(request.transaction);
      return { kind: "conflict", statement: -1 };
    }
    if (request.item.kind === "rehearsal") return this.#rehearse(request.item.statement, start);
    const transaction = this.#find(request.transaction, start);
    try {
      return this.#attempt(transaction, request.item);
    } catch (error) {
      this.release();
      throw error;
    }
  }

  /** Forgets a transaction; idempotent. */
  end(id: number): void {
    if (this.#trial?.isFor(id) === true) this.release();
    this.#open.delete(id);
    this.#executor.versions.isWatched = this.#open.size > 0;
  }

  /**
   * Whether the request surely runs in microseconds: its statement, and those that may have to run
   * again before it.
   */
  isShort({ transaction, item, start }: SpeculationRequest): boolean {
    if (item.kind === "look") return false;
    if (item.kind === "rehearsal") return !this.#executor.mayRunLong(item.statement);
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

  /** Whether a query that is of no open transaction may look at this now, and sees nothing that is being tried. */
  mayLook(touched: Touched): boolean {
    return this.#trial?.isOpenTo(NOBODY, touched) !== false;
  }

  /** Rolls back what is open. To be called before anything else uses the connection. */
  release(): void {
    const trial = this.#trial;
    if (trial === null) return;
    this.#trial = null;
    const changedSchema = [...trial.all].some(({ run }) => run.changedSchema);
    this.#transaction.rollBack(trial, changedSchema);
  }

  #isShortItem(item: Exclude<SpeculationRequest["item"], Look | Rehearsal>): boolean {
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
      summary: new RanSummary(),
    };
    for (const { touched } of ran) opened.summary.add(touched ?? []);
    this.#open.set(id, opened);
    this.#executor.versions.isWatched = true;
    return opened;
  }

  #rehearse(statement: CommandStatement, start: TransactionStart): SpeculationResult {
    if (!this.#executor.mayRunLong(statement)) return DONE;
    this.release();
    return rehearse(statement, start, this.#executor, this.#transaction);
  }

  #attempt(
    transaction: OpenTransaction,
    item: Exclude<SpeculationRequest["item"], Rehearsal>,
  ): SpeculationResult {
    if (item.kind === "look") return this.#look(transaction, item);
    if (item.kind !== "statement") {
      const conflict = this.#prepareAll(transaction);
      if (conflict !== null) return this.#conflict(transaction, conflict);
      const trying = this.#try(transaction, transaction.rebuilds);
      transaction.isPlain = false;
      trying.run.control(item);
      this.#remember(transaction, { item, touched: null, heldAt: this.#executor.versions.now });
      return DONE;
    }
    return this.#attemptStatement(transaction, item);
  }

  #attemptStatement(transaction: OpenTransaction, item: NewStatement): SpeculationResult {
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
    const { run } = this.#try(transaction, transaction.rebuilds);
    const { context } = this.#executor;
    // Between two statements that failed there may be another schema under the same version.
    if (run.changedSchema) this.#executor.forgetSystem();
    this.#executor.fillSystem(this.#databases());
    const { startedMicros, seed } = transaction.start;
    context.enter(startedMicros, seed, look.clockMicros);
    const outcome = this.#executor.look(look.sql, look.parameters);
    return { ...DONE, kind: "done", outcome };
  }

  /** Null for a statement that cannot be looked at before it runs: a change of the schema, a mistake. */
  #touched(statement: CommandStatement): Touched | null {
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
    item: NewStatement,
    touched: Touched | null,
  ): SpeculationResult {
    const { run } = this.#try(transaction, transaction.rebuilds || item.statement.rebuildsTables);
    this.#refuseRebuildWithReferences(transaction, item.statement, touched);
    const index = transaction.ran.length;
    const taken = new TakenValues(this.blocks);
    try {
      const result = run.first(item, index, (sequence) => taken.take(sequence));
      if (result.kind === "failed" && this.#mayBeOthersFault(transaction, touched)) {
        taken.giveBack();
        this.release();
        return this.#attemptStatement(transaction, item);
      }
      const { digest } = result;
      const sequenceValues = taken.all;
      const ran = asRan(item, digest, sequenceValues);
      if (run.isEntangled || touched === null) transaction.isPlain = false;
      this.#remember(transaction, { item: ran, touched, heldAt: this.#executor.versions.now });
      if (result.kind === "done") {
        return { kind: "done", outcome: result.outcome, digest, sequenceValues };
      }
      const { sqlState, message, fields } = result.error;
      return { kind: "failed", error: { sqlState, message, fields }, digest, sequenceValues };
    } catch (error) {
      const had = error instanceof SequenceShortage ? taken.countOf(error.sequence) : 0;
      taken.giveBack();
      if (!(error instanceof SequenceShortage)) throw error;
      return { kind: "sequenceShortage", sequence: error.sequence, had };
    }
  }

  /** Whether it may have failed over a row that another transaction is trying: what is new need not be (TableUse). */
  #mayBeOthersFault({ id }: OpenTransaction, touched: Touched | null): boolean {
    return touched?.some(({ rows }) => rows === "new") === true && this.#trial?.isFor(id) === false;
  }

  /**
   * Foreign keys are off in a SQLite transaction that replaces tables: a change of rows that they
   * guard would not be checked, nor its actions run.
   */
  #refuseRebuildWithReferences(
    transaction: OpenTransaction,
    statement: CommandStatement,
    touched: Touched | null,
  ): void {
    const rebuilds = transaction.rebuilds || statement.rebuildsTables;
    const writesReferences =
      transaction.writesReferences || this.#writesReferences(statement, touched);
    if (rebuilds && writesReferences) {
      throw notSupported(
        "a change of rows under a foreign key in one transaction with a change of the schema that replaces a table",
        { hint: "Do the two in transactions of their own." },
      );
    }
    transaction.rebuilds = rebuilds;
    transaction.writesReferences = writesReferences;
  }

  #writesReferences(statement: CommandStatement, touched: Touched | null): boolean {
    if (statement.kind !== "write") return false;
    const references = underForeignKeys(this.#executor.catalog);
    if (references.size === 0) return false;
    const all = touched ?? this.#touched(statement) ?? [];
    return all.some(({ isWritten, table }) => isWritten && references.has(table));
  }

  /** Brings the open SQLite transaction to where a statement that touches this can run. */
  #prepareFor(transaction: OpenTransaction, touched: Touched): number | null {
    const { id, ran } = transaction;
    const trial = this.#trial;
    // All of it is there, and nothing was applied since: the trial would be over.
    const isWhole = trial?.of(id)?.done.size === ran.length && trial.isOpenTo(id, touched);
    if (isWhole) return null;
    const { versions } = this.#executor;
    const isSettled = transaction.summary.isSettledFor(touched, versions);
    const needed = isSettled ? [] : neededBefore(ran, touched, versions);
    if (trial !== null) {
      const comes = needed.filter((index) => trial.of(id)?.done.has(index) !== true);
      const looks = [touched, ...comes.map((index) => touchedBy(ran[index]))];
      if (trial.isFullFor(id) || !looks.every((each) => trial.isOpenTo(id, each))) this.release();
    }
    const conflict = this.#prepare(transaction, needed, false);
    if (conflict === null) transaction.summary.holds(versions.now);
    return conflict;
  }

  /** As `prepareFor` for whatever may depend on all that was run before: nobody else is in its way. */
  #prepareAll(transaction: OpenTransaction, rebuilds = false): number | null {
    if (this.#trial?.isFor(transaction.id) === false) this.release();
    const all = transaction.ran.map((_ran, index) => index);
    const conflict = this.#prepare(transaction, all, transaction.rebuilds || rebuilds);
    this.#trial?.keepFor(transaction.id);
    return conflict;
  }

  /** Runs what is needed and was not run yet; the index of the statement whose result changed, or null. */
  #prepare(
    transaction: OpenTransaction,
    needed: readonly number[],
    rebuilds: boolean,
  ): number | null {
    const trial = this.#trial;
    if (trial !== null) {
      const done = trial.of(transaction.id)?.done ?? new Set<number>();
      const missing = needed.filter((index) => !done.has(index));
      const last = missing.length === 0 ? -1 : highest(done);
      const isInOrder = missing.every((index) => index > last);
      if (!isInOrder || trial.rebuilds !== rebuilds) {
        this.release();
        // What had been run may have to come again to keep the order.
        return this.#prepare(transaction, this.#withOrder(needed, done), rebuilds);
      }
    }
    const trying = this.#try(transaction, rebuilds);
    for (const index of needed) {
      if (trying.done.has(index)) continue;
      if (this.#repeat(transaction, trying, index)) continue;
      const touched = transaction.ran[index]?.touched ?? null;
      if (!this.#mayBeOthersFault(transaction, touched)) return index;
      this.release();
      return this.#prepare(transaction, this.#withOrder(needed, trying.done), rebuilds);
    }
    return null;
  }

  #withOrder(needed: readonly number[], done: ReadonlySet<number>): readonly number[] {
    return [...new Set([...needed, ...done])].toSorted((left, right) => left - right);
  }

  /** False: the item has another result now. */
  #repeat({ id, ran }: OpenTransaction, { run, done }: Trying, index: number): boolean {
    const again = ran[index];
    assert(again !== undefined, `no item ${index}`);
    done.add(index);
    if (again.item.kind !== "statement") {
      run.control(again.item);
      return true;
    }
    this.#trial?.ran(id, again.touched ?? []);
    if (!run.holds(again.item, index)) return false;
    again.heldAt = this.#executor.versions.now;
    return true;
  }

  /** The transaction's part in the trial that is open now, or in a new one. */
  #try({ id, start }: OpenTransaction, rebuilds: boolean): Trying {
    const trial = this.#trial ?? this.#begun(rebuilds);
    const known = trial.of(id);
    if (known !== undefined) return known;
    const trying = { run: new TransactionRun(this.#executor, start), done: new Set<number>() };
    trial.add(id, trying);
    return trying;
  }

  #begun(rebuilds: boolean): Trial {
    this.#trial = new Trial(this.#transaction.begin(rebuilds));
    return this.#trial;
  }

  #remember(transaction: OpenTransaction, ran: Ran): void {
    const { id } = transaction;
    transaction.isShort &&= this.#isShortItem(ran.item);
    transaction.summary.add(ran.touched ?? []);
    if (!transaction.isPlain) this.#trial?.keepFor(id);
    this.#trial?.ran(id, ran.touched ?? []);
    this.#trial?.of(id)?.done.add(transaction.ran.length);
    transaction.ran.push(ran);
  }

  #conflict(transaction: OpenTransaction, statement: number): SpeculationResult {
    this.end(transaction.id);
    return { kind: "conflict", statement };
  }
}

/** Written out: a spread with more behind it is made field by field, and slowly, by the engine. */
function asRan(
  { kind, statement, clockMicros, rowsShown }: NewStatement,
  digest: Uint8Array,
  sequenceValues: SequenceValues,
): TransactionStatement {
  return { kind, statement, clockMicros, sequenceValues, rowsShown, digest };
}

/** The number of no transaction: the gateway counts from 1. */
const NOBODY = 0;

/** Statements of a transaction beyond which running them again takes its time. */
const SHORT_ITEMS_MAX = 32;
