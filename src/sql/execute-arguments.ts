/**
 * What EXECUTE gives to the parameters of a prepared statement. Constants become values right here, so
 * that they cost nothing; anything else is an expression that a query computes. Both convert as an
 * assignment to a column of the parameter's type does.
 */
import type { A_Const, Node } from "libpg-query";
import { canCast } from "./analyze/casts.ts";
import { constantText } from "./analyze/nodes.ts";
import { inClause, rootScope } from "./analyze/scope.ts";
import { StatementState } from "./analyze/statement.ts";
import { resolveTypeName, typeNameOf } from "./analyze/type-name.ts";
import type { Typed } from "./analyze/typed.ts";
import { notSupported, SqlError } from "./errors.ts";
import type { ParsedStatement } from "./parse.ts";
import { castTo, checked } from "./print/cast.ts";
import { translators } from "./print/translators.ts";
import type { TranslationContext } from "./translate.ts";
import type { ReadTranslation } from "./translation.ts";
import { OID } from "./types/oids.ts";
import type { TextSettings } from "./types/pg-type.ts";
import { typeByOid } from "./types/registry.ts";
import type { SqliteValue } from "./values.ts";

/** One value that EXECUTE gives: the n-th (from 0), for a parameter of this type. */
export interface ExecuteArgument {
  readonly node: Node;
  readonly at: number;
  readonly typeOid: number;
}

/** In storage form; undefined for what is none of a constant that fits as it is. */
export function constantArgument(
  { node, typeOid }: ExecuteArgument,
  settings: TextSettings,
): SqliteValue | undefined {
  return constantValue(node, typeOid, settings);
}

function constantValue(
  node: Node,
  typeOid: number,
  settings: TextSettings,
): SqliteValue | undefined {
  if ("TypeCast" in node) {
    const { arg, typeName } = node.TypeCast;
    const isText = arg !== undefined && "A_Const" in arg && arg.A_Const.sval !== undefined;
    if (!isText || typeName === undefined || typeName.typmods !== undefined) return undefined;
    const isMeant = resolveTypeName(typeName).typeOid === typeOid;
    return isMeant ? constantValue(arg, typeOid, settings) : undefined;
  }
  if (!("A_Const" in node)) return undefined;
  if (node.A_Const.isnull === true) return null;
  const text = constantText(node);
  if (text === undefined || !fits(node.A_Const, typeOid)) return undefined;
  try {
    const value = typeByOid(typeOid)?.fromText(text, -1, settings);
    return asWritten(value, node.A_Const);
  } catch (error) {
    // The query says it as PostgreSQL does, and where.
    if (error instanceof SqlError) return undefined;
    throw error;
  }
}

/**
 * What is written with a point or an exponent is a numeric before it is a float8: so it is never -0. Too
 * small or too large for a float8, it is left to the query.
 */
function asWritten(value: SqliteValue | undefined, { fval }: A_Const): SqliteValue | undefined {
  if (typeof value !== "number" || fval === undefined) return value;
  if (value === 0) return ZERO.test(fval.fval ?? "") ? 0 : undefined;
  return Number.isFinite(value) ? value : undefined;
}

const ZERO = /^[-+]?[0.]*(?:e|$)/i;

/** Whether the constant is written as the type's own text. */
function fits({ sval, ival, fval, boolval }: A_Const, typeOid: number): boolean {
  if (ival !== undefined) return INTEGER_TAKERS.has(typeOid);
  if (fval !== undefined) return NUMBER_TAKERS.has(typeOid);
  return boolval === undefined ? sval !== undefined : typeOid === OID.bool;
}

const NUMBER_TAKERS: ReadonlySet<number> = new Set([OID.numeric, OID.float8]);
const INTEGER_TAKERS: ReadonlySet<number> = new Set([
  ...NUMBER_TAKERS,
  OID.int8,
  OID.int4,
  OID.int2,
]);

/** How many values one query computes: SQLite has a limit of 2,000 columns. */
export const ARGUMENTS_PER_QUERY = 500;

/**
 * The query whose only row has the values. Throws SqlError 42804 for a type that cannot be assigned,
 * 0A000 for a subquery and for what looks into sequences or catalogs.
 */
export function argumentsQuery(
  source: ParsedStatement,
  args: readonly ExecuteArgument[],
  context: Omit<TranslationContext, "parameterTypes">,
): ReadTranslation {
  const state = new StatementState({ ...context, parameterTypes: [], source });
  const scope = rootScope(state, translators);
  const values = args.map((argument) => {
    const { node } = argument;
    const subquery = subqueryIn(node);
    if (subquery !== null) {
      throw state.error("0A000", "cannot use subquery in EXECUTE parameter", subquery);
    }
    const value = inClause(scope, "EXECUTE parameters", () =>
      scope.translate.expression(node, scope),
    );
    return assigned(value, argument, state);
  });
  if (state.changesSequences || state.usesSystemRelations) {
    throw notSupported("an EXECUTE parameter that looks into sequences or catalogs");
  }
  return {
    kind: "read",
    step: {
      sql: `SELECT ${values.map(({ sql }) => sql).join(", ")}`,
      parameters: state.parameters,
    },
    usesSystemRelations: false,
    locksRows: false,
    parameterTypes: [],
    columns: values.map(({ typeOid }) => ({
      name: "?column?",
      typeOid,
      typeModifier: -1,
      tableOid: 0,
      columnNumber: 0,
    })),
    tag: "SELECT",
    tagCounts: true,
  };
}

function assigned(value: Typed, { at, typeOid }: ExecuteArgument, state: StatementState): Typed {
  if (value.unknown === undefined && !canCast(value.typeOid, typeOid, "assignment")) {
    throw state.error(
      "42804",
      `parameter $${at + 1} of type ${typeNameOf(value.typeOid)} cannot be coerced to the expected type ${typeNameOf(typeOid)}`,
      value.location,
      { hint: "You will need to rewrite or cast the expression." },
    );
  }
  return checked(castTo(value, { typeOid, typeModifier: -1 }, "assignment", state));
}

/** The functions that tell the time, as they are called in the SQL of a step. */
const TELLS_TIME = /\b(?:pg_now|pg_clock|current_day|current_time_of_day)\(/;

/**
 * Whether what a query computes belongs to the transaction that uses it: its moment, or its id. It may
 * say so of one that only has such a name in a string.
 */
export function asksTransaction({ step }: ReadTranslation): boolean {
  const asksForId = step.parameters.some(
    (source) => source.from === "session" && source.fact === "xid",
  );
  return asksForId || TELLS_TIME.test(step.sql);
}

/** Where the first subquery stands; null if there is none. */
function subqueryIn(tree: object): number | null {
  if ("SubLink" in tree) return (tree.SubLink as { location?: number }).location ?? 0;
  for (const part of Object.values(tree)) {
    if (typeof part !== "object" || part === null) continue;
    const found = subqueryIn(part);
    if (found !== null) return found;
  }
  return null;
}
