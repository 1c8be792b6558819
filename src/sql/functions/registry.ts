/**
 * Every function that the machine registers on its SQLite connections. Names are unique within an
 * arity; those that begin with "pg_" are PostgreSQL functions under their own name.
 */
import type { AggregateFunction, ScalarFunction, TableFunction } from "./function.ts";

export const scalarFunctions: readonly ScalarFunction[] = [];

export const aggregateFunctions: readonly AggregateFunction[] = [];

export const tableFunctions: readonly TableFunction[] = [];
