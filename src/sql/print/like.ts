/** LIKE and ILIKE: SQLite's own LIKE, told to mind case, with PostgreSQL's escape character. */
import { type Typed, typed } from "../analyze/typed.ts";
import { OID } from "../types/oids.ts";
import { typeByOid } from "../types/registry.ts";
import { coerce } from "./cast.ts";
import type { OperatorPlace } from "./comparison.ts";
import { stringLiteral } from "./identifiers.ts";

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
  const value = coerce(left, OID.text, statement);
  const pattern = coerce(right, OID.text, statement);
  const test = operator.ilike
    ? `pg_ilike(${value.sql}, ${pattern.sql})`
    : `${value.sql} LIKE ${patternText(right, pattern, place)}`;
  const sql = operator.negated ? `(NOT (${test}))` : `(${test})`;
  return typed(sql, OID.bool, place.location, [value, pattern]);
}

function isTextOrUnknown(value: Typed): boolean {
  return value.unknown !== undefined || typeByOid(value.typeOid)?.category === "S";
}

/** A literal pattern without a backslash needs no ESCAPE, and SQLite may then use an index. */
function patternText(given: Typed, pattern: Typed, { scope }: OperatorPlace): string {
  const text = given.unknown?.kind === "literal" ? given.unknown.text : undefined;
  if (text === undefined) {
    return `like_pattern(${pattern.sql}) ESCAPE '\\'`;
  }
  if (text === null || !text.includes("\\")) {
    return pattern.sql;
  }
  if (/(?:^|[^\\])(?:\\\\)*\\$/.test(text)) {
    throw scope.statement.error("22025", "LIKE pattern must not end with escape character");
  }
  return `${stringLiteral(text)} ESCAPE '\\'`;
}
