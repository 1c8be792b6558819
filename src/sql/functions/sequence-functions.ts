import { SqlError } from "../errors.ts";
import type { SqliteValue } from "../values.ts";
import type { FunctionContext } from "./function.ts";
import { internalContextual, type LibraryEntry } from "./signature.ts";

function sequenceName(context: FunctionContext, oid: SqliteValue | undefined): string {
  for (const relation of context.catalog.relations.values()) {
    if (relation.kind === "sequence" && BigInt(relation.oid) === oid) return relation.name;
  }
  throw new SqlError("42P01", `sequence with OID ${String(oid)} does not exist`);
}

function setval(context: FunctionContext, args: readonly SqliteValue[]): SqliteValue {
  const [sequence, value, isCalled = 1n] = args;
  if (args.includes(null) || typeof value !== "bigint") {
    return null;
  }
  return context.setval(sequenceName(context, sequence), value, isCalled !== 0n);
}

/** Sequences go by OID, so that stored defaults survive a renaming. */
export const sequenceFunctions: readonly LibraryEntry[] = [
  internalContextual("pg_nextval", 1, (context, [sequence]) =>
    sequence === null ? null : context.nextval(sequenceName(context, sequence)),
  ),
  internalContextual("pg_setval", 2, setval),
  internalContextual("pg_setval", 3, setval),
];
