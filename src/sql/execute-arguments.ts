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

/** The values in storage form; null if one of them is none of a constant that fits as it is. */
export function constantArguments(
  args: readonly Node[],
  types: readonly number[],
  settings: TextSettings,
): readonly SqliteValue[] | null {
  const values: SqliteValue[] = [];
  for (const [at, node] of args.entries()) {
    const value = constantValue(node, types[at] ?? 0, settings);
    if (value === undefined) return null;
    values.push(value);
  }
  return values;
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
    return typeByOid(typeOid)?.fromText(text, -1, settings);
  } catch (error) {
    // The query says it as PostgreSQL does, and where.
    if (error instanceof SqlError) return undefined;
    throw error;
  }
}

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

/**
 * The query whose only row has the values. Throws SqlError 42804 for a type that cannot be assigned,
 * 0A000 for a subquery and for what looks into sequences or catalogs.
 */
export function argumentsQuery(
  source: ParsedStatement,
  args: readonly Node[],
  types: readonly number[],
  context: Omit<TranslationContext, "parameterTypes">,
): ReadTranslation {
  const state = new StatementState({ ...context, parameterTypes: [], source });
  const scope = rootScope(state, translators);
  const values = args.map((node, at) => {
    const subquery = subqueryIn(node);
    if (subquery !== null) {
      throw state.error("0A000", "cannot use subquery in EXECUTE parameter", subquery);
    }
    const value = inClause(scope, "EXECUTE parameters", () =>
      scope.translate.expression(node, scope),
    );
    return assigned(value, types[at] ?? 0, at, state);
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

function assigned(value: Typed, typeOid: number, at: number, state: StatementState): Typed {
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
