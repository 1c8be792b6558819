/**
 * LIKE and ILIKE: SQLite's own LIKE, told to mind case, with PostgreSQL's escape character.
 *
 * SQLite compares up to each character of the pattern at each of the text, and cannot be stopped in it. So what
 * may be a long pattern is looked at before, and refused where text and pattern together are too long
 * (pattern-functions.ts). SQLite's LIKE stays a condition of its own over a column: it may use an index.
 */
import { LIKE_PATTERN_SHORT } from "../../base/limits.ts";
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
    : boundedLike(value.sql, pattern.sql, right);
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
function boundedLike(value: string, pattern: string, { unknown }: Typed): string {
  const text = unknown?.kind === "literal" ? unknown.text : undefined;
  const plain = text === null || text?.includes("\\") === false;
  const like = `${value} LIKE ${pattern}${plain ? "" : " ESCAPE '\\'"}`;
  if (text === null || (text !== undefined && text.length <= LIKE_PATTERN_SHORT)) return like;
  // A pattern that is another one each time is asked for once.
  if (VOLATILE.test(pattern)) return `pg_like(${value}, ${pattern})`;
  const isShort = `length(${pattern}) <= ${LIKE_PATTERN_SHORT}`;
  return COLUMN.test(value)
    ? `CASE WHEN ${isShort} THEN 1 ELSE like_fits(${value}, ${pattern}) END AND ${like}`
    : `CASE WHEN ${isShort} THEN ${like} ELSE pg_like(${value}, ${pattern}) END`;
}

const COLUMN = /^(?:"(?:[^"]|"")+"\.)?"(?:[^"]|"")+"$/;
const VOLATILE = /\(SELECT\b|\bpg_(?:nextval|setval|random|gen_random_uuid)\(/;
