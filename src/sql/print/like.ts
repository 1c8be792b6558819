/** LIKE and ILIKE: SQLite's own LIKE, told to mind case, with PostgreSQL's escape character. */
import { type Typed, typed } from "../analyze/typed.ts";
import { OID } from "../types/oids.ts";
import { typeByOid } from "../types/registry.ts";
import { coerce } from "./cast.ts";
import type { OperatorPlace } from "./comparison.ts";

const OPERATORS: Readonly<Record<string, { readonly ilike: boolean; readonly negated: boolean }>> =
  {
    "~~": { ilike: false, negated: false },
    "!~~": { ilike: false, negated: true },
    "~~*": { ilike: true, negated: false },
    "!~~*": { ilike: true, negated: true },
  };

/** Undefined if the operator is another one. */
export function like(
  name: string,
  left: Typed,
  right: Typed,
  place: OperatorPlace,
): Typed | undefined {
  const operator = OPERATORS[name];
  if (operator === undefined || ![left, right].every(isTextOrUnknown)) {
    return undefined;
  }
  const { statement } = place.scope;
  const value = padded(left) ?? coerce(left, OID.text, statement);
  const pattern = coerce(right, OID.text, statement);
  const test = operator.ilike
    ? `pg_ilike(${value.sql}, ${pattern.sql})`
    : `${value.sql} LIKE ${patternText(right, pattern)}`;
  const sql = operator.negated ? `(NOT (${test}))` : `(${test})`;
  return typed(sql, OID.bool, place.location, [value, pattern]);
}

/** The blanks at the end of a char(n) count for a pattern, though not for a comparison. */
function padded(value: Typed): Typed | undefined {
  const { typeOid, typeModifier, sql } = value;
  return typeOid === OID.bpchar && typeModifier > 4 && value.unknown === undefined
    ? { ...value, sql: `bpchar_fit(${sql}, ${typeModifier - 4})`, typeOid: OID.text }
    : undefined;
}

function isTextOrUnknown(value: Typed): boolean {
  return value.unknown !== undefined || typeByOid(value.typeOid)?.category === "S";
}

/**
 * A literal pattern without a backslash needs no ESCAPE. One that ends with a lone backslash matches
 * nothing, where PostgreSQL may refuse it.
 */
function patternText(given: Typed, pattern: Typed): string {
  const text = given.unknown?.kind === "literal" ? given.unknown.text : undefined;
  const plain = text === null || text?.includes("\\") === false;
  return plain ? pattern.sql : `${pattern.sql} ESCAPE '\\'`;
}
