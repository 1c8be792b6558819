/**
 * Functions that SQLite itself lacks, or whose answers must come from the log entry instead of the
 * machine: written here as plain code over storage forms (values.ts), registered on every SQLite
 * connection by src/machine. A function that cannot answer throws SqlError; it reaches the client.
 */
import type { Catalog } from "../catalog/catalog.ts";
import type { SqlError } from "../errors.ts";
import type { SqliteValue } from "../values.ts";

/** What a running statement may ask. On replicas everything here comes from the log entry. */
export interface FunctionContext {
  /** now(): microseconds since 1970, fixed for the statement's transaction. */
  readonly timestampMicros: number;
  /** clock_timestamp(): microseconds since 1970, of the statement. */
  readonly clockMicros: number;
  /** Uniform 32-bit integers from the statement's seed. */
  randomU32(): number;
  /** The schema that the statement runs against. */
  readonly catalog: Catalog;
  /** Advances a sequence; throws SqlError where it may not (a read, a missing sequence, its limit). */
  nextval(sequence: string): bigint;
  setval(sequence: string, value: bigint, isCalled: boolean): bigint;
  /** Until the statement ends, its errors get what `locate` makes of them: where in its input they are. */
  locateErrors(locate: (error: SqlError) => SqlError): void;
}

export interface ScalarFunction {
  /** The name on the SQLite side; may replace a built-in. */
  readonly name: string;
  /** Number of arguments, or null for any number. */
  readonly arity: number | null;
  /** Depends on nothing but its arguments: SQLite may use it in indexes and fold it. */
  readonly deterministic: boolean;
  call(context: FunctionContext, args: readonly SqliteValue[]): SqliteValue;
}

export interface AggregateFunction<State = unknown> {
  readonly name: string;
  readonly arity: number | null;
  start(): State;
  /** Returns the new state (may be the same object, changed). */
  step(context: FunctionContext, state: State, args: readonly SqliteValue[]): State;
  /** Undoes the oldest step, for moving window frames; without it the function is not for windows. */
  inverse?(context: FunctionContext, state: State, args: readonly SqliteValue[]): State;
  finish(context: FunctionContext, state: State): SqliteValue;
}

/** A function in FROM. */
export interface TableFunction {
  readonly name: string;
  readonly parameters: readonly string[];
  readonly columns: readonly string[];
  rows(context: FunctionContext, args: readonly SqliteValue[]): Iterable<readonly SqliteValue[]>;
}
