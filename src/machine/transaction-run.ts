/**
 * Runs the items of an interactive transaction, at its place in the log or speculatively before.
 * Both see the same: now() and random() come from the transaction, clock_timestamp() and values of
 * sequences from the statement.
 *
 * A sequence that the transaction itself has set or made gives its values directly: only this
 * transaction sees what it set. All others give values that were reserved through the log, which
 * the statement carries.
 */
import { assert } from "../base/assert.ts";
import type { Catalog } from "../sql/catalog/catalog.ts";
import { SqlError } from "../sql/errors.ts";
import type {
  CommandStatement,
  SavepointItem,
  SequenceValues,
  TransactionItem,
  TransactionStatement,
} from "./command.ts";
import { BrokenOff } from "./machine-error.ts";
import { errorDigest, outcomeDigest, sameDigest } from "./result-digest.ts";
import type { StatementOutcome } from "./state-machine.ts";
import type { SequenceAccess, TransactionFrame } from "./statement-context.ts";
import type { TransactionExecutor } from "./transaction-executor.ts";

export type StatementResult =
  | { readonly kind: "done"; readonly outcome: StatementOutcome; readonly digest: Uint8Array }
  | { readonly kind: "failed"; readonly error: SqlError; readonly digest: Uint8Array };

/** Where values of sequences that were not reserved come from while a statement runs the first time. */
export type TakeValue = (sequence: string) => bigint;

export class TransactionRun {
  readonly #executor: TransactionExecutor;
  readonly #frame: TransactionFrame;
  /** The catalogs at the open savepoints, by level. */
  readonly #catalogs: Catalog[] = [];
  /** Sequences that this transaction has set: they answer directly. */
  readonly #own = new Set<string>();
  #changedSchema = false;

  constructor(executor: TransactionExecutor, frame: TransactionFrame) {
    this.#executor = executor;
    this.#frame = frame;
  }

  /** Whether SQLite's schema may be another one than before the run. */
  get changedSchema(): boolean {
    return this.#changedSchema;
  }

  /** Whether later statements may depend on this one by more than the tables that it touched. */
  get isEntangled(): boolean {
    return this.#changedSchema || this.#own.size > 0 || this.#catalogs.length > 0;
  }

  /** Runs statement `index` of the list again, with the values that it was given. */
  repeat(item: Omit<TransactionStatement, "digest">, index: number): StatementResult {
    return this.#run(item, index, takeFrom(item.sequenceValues));
  }

  /** Whether statement `index`, run again, has the result that its client was shown. */
  holds(item: TransactionStatement, index: number): boolean {
    try {
      return sameDigest(this.repeat(item, index).digest, item.digest);
    } catch (error) {
      if (error instanceof OtherValuesError) return false;
      throw error;
    }
  }

  /** Runs a statement for the first time; `take` gives what is not reserved in the transaction. */
  first(
    item: Omit<TransactionStatement, "digest" | "sequenceValues">,
    index: number,
    take: TakeValue,
  ): StatementResult {
    return this.#run(item, index, take);
  }

  /** Runs a statement as if it were no part of a transaction. */
  rehearse(statement: CommandStatement): StatementResult {
    const clockMicros = this.#frame.startedMicros;
    const { sequences } = this.#executor;
    return this.#run({ kind: "statement", statement, clockMicros, rowsShown: null }, 0, (name) =>
      sequences.nextval(name),
    );
  }

  /** SAVEPOINT, ROLLBACK TO, RELEASE. */
  control({ kind, level }: SavepointItem): void {
    const { connection, catalog, sequences } = this.#executor;
    const name = `level${level}`;
    switch (kind) {
      case "savepoint":
        assert(level === this.#catalogs.length, "savepoints are nested");
        this.#catalogs.push(catalog);
        connection.exec(`SAVEPOINT ${name}`);
        break;
      case "rollbackTo": {
        const before = this.#catalogs[level];
        assert(before !== undefined, `no savepoint ${level}`);
        this.#catalogs.length = level + 1;
        connection.exec(`ROLLBACK TO ${name}`);
        if (before === catalog) sequences.takeBack();
        else this.#executor.returnTo(before);
        break;
      }
      case "release":
        assert(level < this.#catalogs.length, `no savepoint ${level}`);
        this.#catalogs.length = level;
        connection.exec(`RELEASE ${name}`);
        break;
    }
  }

  #run(
    { statement, clockMicros, rowsShown }: Omit<TransactionStatement, "digest" | "sequenceValues">,
    index: number,
    take: TakeValue,
  ): StatementResult {
    const { context, sequences } = this.#executor;
    if (statement.kind === "schema") this.#changedSchema = true;
    context.enterStatement(index, this.#frame, clockMicros);
    context.useSequences(this.#access(take));
    try {
      const outcome = this.#executor.runAtomically(statement);
      return { kind: "done", outcome, digest: outcomeDigest(outcome, rowsShown) };
    } catch (error) {
      if (!(error instanceof SqlError) || isPassing(error)) throw error;
      return { kind: "failed", error, digest: errorDigest(error) };
    } finally {
      context.useSequences(sequences);
    }
  }

  #access(take: TakeValue): SequenceAccess {
    const { sequences } = this.#executor;
    return {
      nextval: (name) =>
        this.#changedSchema || this.#own.has(name) ? sequences.nextval(name) : take(name),
      setval: (name, value, isCalled) => {
        this.#own.add(name);
        return sequences.setval(name, value, isCalled);
      },
    };
  }
}

/**
 * Runs a transaction's items at their place in the log. The index of the first statement whose result
 * is not what its client was shown, or null: all of it holds.
 */
export function firstConflict(
  executor: TransactionExecutor,
  frame: TransactionFrame,
  items: readonly TransactionItem[],
): number | null {
  const run = new TransactionRun(executor, frame);
  for (const [index, item] of items.entries()) {
    if (item.kind !== "statement") run.control(item);
    else if (!run.holds(item, index)) return index;
  }
  return null;
}

/** Gives the values in their order; throws OtherValuesError for more of them. */
function takeFrom(given: SequenceValues): TakeValue {
  if (given.length === 0) return takeNone;
  const left = new Map(given.map(([name, values]) => [name, values.values()]));
  return (sequence) => {
    const next = left.get(sequence)?.next();
    return next === undefined || next.done === true ? takeNone(sequence) : next.value;
  };
}

function takeNone(sequence: string): never {
  throw new OtherValuesError(sequence);
}

/** The statement asks for more values of a sequence than it was given: it does something else now. */
class OtherValuesError extends BrokenOff {
  override readonly name = "OtherValuesError";

  constructor(sequence: string) {
    super(`more values of ${sequence} are asked for`);
  }
}

/** An error that says nothing about the data: the statement was stopped. */
function isPassing({ sqlState }: SqlError): boolean {
  return sqlState === "57014";
}
