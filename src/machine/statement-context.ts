/**
 * What SQL functions may ask while a statement runs. One object a connection: the functions are
 * registered once and read whatever the machine put here before it ran the statement.
 */
import { assert } from "../base/assert.ts";
import type { Catalog } from "../sql/catalog/catalog.ts";
import { SqlError } from "../sql/errors.ts";
import type { FunctionContext } from "../sql/functions/function.ts";
import { SeedRandom, statementSeed } from "./seed-random.ts";
import { StatementProgress } from "./statement-progress.ts";

/** Where nextval and setval go. */
export interface SequenceAccess {
  nextval(sequence: string): bigint;
  setval(sequence: string, value: bigint, isCalled: boolean): bigint;
}

/** Sequences of a connection that only reads. */
export const readOnlySequences: SequenceAccess = {
  nextval: () => {
    throw readOnly("nextval()");
  },
  setval: () => {
    throw readOnly("setval()");
  },
};

/** What all statements of an interactive transaction share. */
export interface TransactionFrame {
  readonly seed: Uint8Array;
  /** now(), microseconds since 1970. */
  readonly startedMicros: number;
}

/** What a statement was running with. */
export interface SuspendedContext {
  readonly timestampMicros: number;
  readonly clockMicros: number;
  readonly seed: Uint8Array;
  readonly random: SeedRandom | null;
}

export class StatementContext implements FunctionContext {
  readonly progress: StatementProgress;
  #sequences: SequenceAccess;
  readonly #catalog: () => Catalog;
  #timestampMicros = 0;
  #clockMicros = 0;
  #seed: Uint8Array = new Uint8Array(0);
  #random: SeedRandom | null = null;
  /** Its number in a transaction; null outside of one. */
  #statement: number | null = null;
  #locate: ((error: SqlError) => SqlError) | null = null;
  readonly #lastValues = new Map<string, { readonly value: bigint; readonly isTaken: boolean }>();

  /** `rowsMax`: see StatementProgress; queries that only this node runs have no bound. */
  constructor(
    sequences: SequenceAccess,
    catalog: () => Catalog,
    rowsMax: number = Number.POSITIVE_INFINITY,
  ) {
    this.#sequences = sequences;
    this.#catalog = catalog;
    this.progress = new StatementProgress(rowsMax);
  }

  /**
   * Sets what the next statements answer from: random numbers go on over all of them. `clockMicros`
   * is clock_timestamp(), where it is not now().
   */
  enter(timestampMicros: number, seed: Uint8Array, clockMicros = timestampMicros): void {
    this.#statement = null;
    this.#timestampMicros = timestampMicros;
    this.#clockMicros = clockMicros;
    this.#seed = seed;
    this.#random = null;
  }

  /** As `enter` for statement `index` of a transaction, which has random numbers of its own. */
  enterStatement(index: number, frame: TransactionFrame, clockMicros: number): void {
    this.enter(frame.startedMicros, frame.seed, clockMicros);
    this.#statement = index;
  }

  /** What `resume` brings back when the statement goes on after others have run. */
  suspend(): SuspendedContext {
    return {
      timestampMicros: this.#timestampMicros,
      clockMicros: this.#clockMicros,
      seed: this.#seed,
      random: this.#random,
    };
  }

  resume(suspended: SuspendedContext): void {
    this.#timestampMicros = suspended.timestampMicros;
    this.#clockMicros = suspended.clockMicros;
    this.#seed = suspended.seed;
    this.#random = suspended.random;
  }

  /** Where nextval() and setval() go from now on. */
  useSequences(sequences: SequenceAccess): void {
    this.#sequences = sequences;
  }

  get timestampMicros(): number {
    assert(this.#seed.length > 0, "a statement runs outside of a command");
    return this.#timestampMicros;
  }

  get clockMicros(): number {
    assert(this.#seed.length > 0, "a statement runs outside of a command");
    return this.#clockMicros;
  }

  get catalog(): Catalog {
    return this.#catalog();
  }

  randomU32(): number {
    assert(this.#seed.length > 0, "a statement runs outside of a command");
    this.#random ??= new SeedRandom(
      this.#statement === null ? this.#seed : statementSeed(this.#seed, this.#statement),
    );
    return this.#random.u32();
  }

  nextval(sequence: string): bigint {
    const value = this.#sequences.nextval(sequence);
    // Deleted first: the order is that of the last calls.
    this.#lastValues.delete(sequence);
    this.#lastValues.set(sequence, { value, isTaken: true });
    return value;
  }

  /**
   * What each sequence gave last since this was asked, oldest call first; not `isTaken`: setval() has
   * set it, which currval() sees.
   */
  takeLastValues(): readonly (readonly [sequence: string, value: bigint, isTaken: boolean])[] {
    if (this.#lastValues.size === 0) return [];
    const taken = [...this.#lastValues].map(
      ([sequence, { value, isTaken }]) => [sequence, value, isTaken] as const,
    );
    this.#lastValues.clear();
    return taken;
  }

  locateErrors(locate: (error: SqlError) => SqlError): void {
    this.#locate = locate;
  }

  /** An error of the statement that has just ended, with where in its input it is. */
  located(error: SqlError): SqlError {
    return this.#locate?.(error) ?? error;
  }

  /** Another statement begins. */
  restart(): void {
    this.#locate = null;
    this.progress.restart();
  }

  setval(sequence: string, value: bigint, isCalled: boolean): bigint {
    const set = this.#sequences.setval(sequence, value, isCalled);
    if (isCalled) this.#lastValues.set(sequence, { value, isTaken: false });
    return set;
  }
}

function readOnly(what: string): SqlError {
  return new SqlError("25006", `cannot execute ${what} in a read-only transaction`);
}
