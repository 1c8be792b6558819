/** Puts our functions on a SQLite connection: those that make it deterministic, then PostgreSQL's. */
import type {
  AggregateFunction,
  ScalarFunction,
  TableFunction,
} from "../sql/functions/function.ts";
import { aggregateFunctions, scalarFunctions, tableFunctions } from "../sql/functions/registry.ts";
import { CHECK_FUNCTION } from "../sql/print/check.ts";
import type { SqliteValue } from "../sql/values.ts";
import type { Connection } from "./connection.ts";
import { deterministicFunctions } from "./determinism.ts";
import type { StatementContext } from "./statement-context.ts";

/** `context` is read whenever a function is called. */
export function registerFunctions(connection: Connection, context: StatementContext): void {
  for (const scalar of deterministicFunctions) registerScalar(connection, context, scalar);
  for (const scalar of scalarFunctions) registerScalar(connection, context, scalar);
  for (const aggregate of aggregateFunctions) registerAggregate(connection, context, aggregate);
  for (const table of tableFunctions) registerTable(connection, context, table);
  registerCheck(connection, context);
}

/** See statement-progress.ts. Its arguments only tell SQLite in which loop to call it. */
function registerCheck(connection: Connection, { progress }: StatementContext): void {
  const check = (): SqliteValue => {
    progress.row();
    return 1n;
  };
  connection.function(CHECK_FUNCTION, { varargs: true, safeIntegers: false }, check);
}

function registerScalar(
  connection: Connection,
  context: StatementContext,
  scalar: ScalarFunction,
): void {
  const { name, arity, deterministic } = scalar;
  const body = (...args: SqliteValue[]): SqliteValue => scalar.call(context, args);
  connection.function(
    name,
    { varargs: arity === null, deterministic, safeIntegers: true },
    withLength(body, arity ?? 0),
  );
}

function registerAggregate(
  connection: Connection,
  context: StatementContext,
  aggregate: AggregateFunction,
): void {
  const length = (aggregate.arity ?? 0) + 1;
  const step = (state: unknown, ...args: SqliteValue[]): unknown =>
    aggregate.step(context, state, args);
  const undo = (state: unknown, ...args: SqliteValue[]): unknown =>
    aggregate.inverse?.(context, state, args);
  connection.aggregate<unknown>(aggregate.name, {
    varargs: aggregate.arity === null,
    deterministic: false,
    safeIntegers: true,
    start: () => aggregate.start(),
    step: withLength(step, length),
    result: (state: unknown) => aggregate.finish(context, state),
    ...(aggregate.inverse === undefined ? {} : { inverse: withLength(undo, length) }),
  });
}

function registerTable(
  connection: Connection,
  context: StatementContext,
  table: TableFunction,
): void {
  connection.table(table.name, {
    columns: [...table.columns],
    parameters: [...table.parameters],
    safeIntegers: true,
    directOnly: false,
    *rows(...args: unknown[]) {
      const given = table.parameters.map((_name, index) => (args[index] ?? null) as SqliteValue);
      for (const row of table.rows(context, given)) {
        context.progress.row();
        yield row as SqliteValue[];
      }
    },
  });
}

/** SQLite is told the number of arguments by the function's length, which rest parameters hide. */
function withLength<Result>(
  body: (...args: SqliteValue[]) => Result,
  length: number,
): (...args: unknown[]) => Result {
  return Object.defineProperty(body as (...args: unknown[]) => Result, "length", {
    value: length,
  });
}
