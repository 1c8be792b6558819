/** PREPARE, EXECUTE and DEALLOCATE: about prepared statements, and not translated themselves. */
import type { Node, PrepareStmt, TypeName } from "libpg-query";
import { resolveTypeName } from "./analyze/type-name.ts";
import { SqlError } from "./errors.ts";
import { type ParsedStatement, positionIn } from "./parse.ts";
import { isSessionQuery } from "./session-query.ts";

export type Preparation =
  /** `types`: OIDs as far as they were given. Positions in `query` are those in the whole PREPARE. */
  | {
      readonly kind: "prepare";
      readonly name: string;
      readonly types: readonly number[];
      readonly query: ParsedStatement;
    }
  | { readonly kind: "execute"; readonly name: string; readonly args: readonly Node[] }
  /** `name` null: all. */
  | { readonly kind: "deallocate"; readonly name: string | null };

/** Whether `preparationOf` knows it. */
export function isPreparation({ node }: ParsedStatement): boolean {
  return "PrepareStmt" in node || "ExecuteStmt" in node || "DeallocateStmt" in node;
}

/** Null for any other statement. Throws SqlError 42704 for a type that does not exist. */
export function preparationOf(statement: ParsedStatement): Preparation | null {
  const { node } = statement;
  if ("PrepareStmt" in node) return prepare(node.PrepareStmt, statement);
  if ("ExecuteStmt" in node) {
    const { name = "", params: args = [] } = node.ExecuteStmt;
    return { kind: "execute", name, args };
  }
  if (!("DeallocateStmt" in node)) return null;
  return { kind: "deallocate", name: node.DeallocateStmt.name ?? null };
}

/**
 * Whether statements that came together have to be looked at one after the other: which transaction they
 * are in, what is prepared, or what the constants of an EXECUTE mean, may depend on those before.
 */
export function dependOnOrder(statements: readonly ParsedStatement[]): boolean {
  const has = (kind: string): boolean => statements.some(({ node }) => kind in node);
  if (has("TransactionStmt") || has("PrepareStmt") || has("DeallocateStmt")) return true;
  const changesSettings =
    has("VariableSetStmt") || statements.some(({ node }) => isSessionQuery(node));
  return has("ExecuteStmt") && changesSettings;
}

function prepare(
  { name = "", argtypes = [], query }: PrepareStmt,
  statement: ParsedStatement,
): Preparation | null {
  if (query === undefined) return null;
  const types = argtypes.flatMap((type) =>
    "TypeName" in type ? [typeOidOf(type.TypeName, statement)] : [],
  );
  return { kind: "prepare", name, types, query: { ...statement, node: query } };
}

function typeOidOf(type: TypeName, statement: ParsedStatement): number {
  try {
    return resolveTypeName(type).typeOid;
  } catch (error) {
    if (!(error instanceof SqlError)) throw error;
    const position = positionIn(statement, type.location ?? 0);
    throw new SqlError(error.sqlState, error.message, { ...error.fields, position });
  }
}
