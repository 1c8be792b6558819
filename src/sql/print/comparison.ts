/** Comparisons: the type both sides take, and the form in which SQLite compares that type. */
import { canCast } from "../analyze/casts.ts";
import type { Scope } from "../analyze/scope.ts";
import { typeNameOf, typeOrText } from "../analyze/type-name.ts";
import { type Typed, typed } from "../analyze/typed.ts";
import { OID } from "../types/oids.ts";
import { typeByOid } from "../types/registry.ts";
import { coerce } from "./cast.ts";

export type ComparisonOperator = "=" | "<>" | "<" | "<=" | ">" | ">=";

const OPERATORS: ReadonlySet<string> = new Set(["=", "<>", "<", "<=", ">", ">="]);

export function isComparison(name: string): name is ComparisonOperator {
  return OPERATORS.has(name);
}

export interface OperatorPlace {
  readonly scope: Scope;
  readonly location: number;
}

export function compare(
  operator: ComparisonOperator,
  left: Typed,
  right: Typed,
  place: OperatorPlace,
): Typed {
  const padded = paddedComparison(operator, left, right, place);
  if (padded !== undefined) {
    return padded;
  }
  const [first, second] = comparable(operator, left, right, place);
  const sql = `(${comparisonKey(first, place.scope)} ${operator} ${comparisonKey(second, place.scope)})`;
  return {
    ...typed(sql, OID.bool, place.location, [first, second]),
    notNull: first.notNull === true && second.notNull === true,
  };
}

/**
 * A char(n) column holds its values filled up to n, so that filling up what it is compared with
 * leaves the column as it is, and SQLite may use an index.
 */
function paddedComparison(
  operator: ComparisonOperator,
  left: Typed,
  right: Typed,
  { scope, location }: OperatorPlace,
): Typed | undefined {
  const fixed = left.typeOid === OID.bpchar && left.origin !== undefined && left.typeModifier > 4;
  if (!fixed || right.unknown === undefined || operator !== "=") {
    return undefined;
  }
  const value = coerce(right, OID.bpchar, scope.statement);
  const sql = `(${left.sql} = bpchar_pad(${value.sql}, ${left.typeModifier - 4}))`;
  return typed(sql, OID.bool, location, [left, value]);
}

/** Both sides in the type that they are compared in. */
export function comparable(
  operator: string,
  left: Typed,
  right: Typed,
  place: OperatorPlace,
): readonly [Typed, Typed] {
  const { statement } = place.scope;
  const typeOid = comparisonType(left, right);
  if (typeOid === undefined || typeOid === OID.json) {
    throw noOperator(operator, [left.typeOid, right.typeOid], place);
  }
  if (typeOid === 0) {
    return [left, right];
  }
  return [coerce(left, typeOid, statement), coerce(right, typeOid, statement)];
}

export function noOperator(operator: string, types: readonly number[], place: OperatorPlace) {
  const names = types.map(typeNameOf);
  const form = names.length === 1 ? `${operator} ${names[0]}` : names.join(` ${operator} `);
  return place.scope.statement.error("42883", `operator does not exist: ${form}`, place.location, {
    hint: "No operator matches the given name and argument types. You might need to add explicit type casts.",
  });
}

/** Integers of any width and OIDs are stored alike and compare as they are. */
const INTEGERS: ReadonlySet<number> = new Set([
  OID.int2,
  OID.int4,
  OID.int8,
  OID.oid,
  OID.xid,
  OID.xid8,
  OID.regclass,
  OID.regtype,
  OID.regproc,
  OID.regnamespace,
]);

/** 0: the two compare as they are stored; undefined: they do not compare. */
function comparisonType(left: Typed, right: Typed): number | undefined {
  const [a, b] = [left.typeOid, right.typeOid];
  if (a === OID.unknown && b === OID.unknown) return OID.text;
  if (a === OID.unknown) return b;
  if (b === OID.unknown) return a;
  if (a === b) return a;
  if (INTEGERS.has(a) && INTEGERS.has(b)) return 0;
  if (typeOrText(a).category === "N" && typeOrText(b).category === "N") {
    return [a, b].some((oid) => oid === OID.float4 || oid === OID.float8)
      ? OID.float8
      : OID.numeric;
  }
  if (isTextual(a) && isTextual(b)) return OID.text;
  if (canCast(a, b, "implicit")) return b;
  return canCast(b, a, "implicit") ? a : undefined;
}

function isTextual(oid: number): boolean {
  return typeByOid(oid)?.category === "S" || oid === OID.char;
}

/** What SQLite compares, sorts and groups by: equal texts or numbers for equal values, in order. */
export function comparisonKey(value: Typed, scope: Scope): string {
  const { sql, typeOid } = value;
  switch (typeOid) {
    case OID.numeric:
      return `numeric_key(${sql})`;
    case OID.interval:
      return `interval_key(${sql})`;
    case OID.timetz:
      return `timetz_key(${sql})`;
    case OID.bpchar:
      return `rtrim(${sql}, ' ')`;
    case OID.json:
      throw scope.statement.error(
        "42883",
        "could not identify an equality operator for type json",
        value.location,
      );
    default:
      return typeOrText(typeOid).elementOid === 0 || typeOrText(typeOid).category !== "A"
        ? sql
        : `array_key(${sql}, ${typeOid})`;
  }
}

/** Whether values that are equal to SQL may be stored differently. */
export function needsKey(typeOid: number): boolean {
  return (
    [OID.numeric, OID.interval, OID.timetz, OID.bpchar].some((oid) => oid === typeOid) ||
    typeOrText(typeOid).category === "A"
  );
}

/** Like comparisonKey, for an order: jsonb has none here. */
export function sortKey(value: Typed, scope: Scope): string {
  if (value.typeOid === OID.jsonb) {
    return `jsonb_key(${value.sql})`;
  }
  if (value.typeOid === OID.json) {
    throw scope.statement.error(
      "42883",
      "could not identify an ordering operator for type json",
      value.location,
    );
  }
  return comparisonKey(value, scope);
}
