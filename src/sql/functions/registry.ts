/**
 * Every function that the machine registers on its SQLite connections. Names are unique within an
 * arity; those that begin with "pg_" are PostgreSQL functions under their own name.
 */
import { copyRowsFunctions } from "../copy/copy-rows.ts";
import { exactAggregates } from "./aggregate-functions.ts";
import type { AggregateFunction, ScalarFunction, TableFunction } from "./function.ts";
import { libraryEntries } from "./library.ts";
import { rowFunctions } from "./table-functions.ts";

export const scalarFunctions: readonly ScalarFunction[] = distinct(
  libraryEntries.flatMap((entry) => (entry.scalar === null ? [] : [entry.scalar])),
);

export const aggregateFunctions: readonly AggregateFunction[] = exactAggregates;

export const tableFunctions: readonly TableFunction[] = [...rowFunctions, ...copyRowsFunctions];

/** One implementation may stand behind several declarations. */
function distinct(functions: readonly ScalarFunction[]): readonly ScalarFunction[] {
  const byName = new Map(functions.map((each) => [`${each.name}/${each.arity}`, each]));
  return [...byName.values()];
}
