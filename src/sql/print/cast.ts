/** Conversions between types as SQLite text, at run time or, for literals, right here. */
import { type CastContext, canCast, isString } from "../analyze/casts.ts";
import type { StatementState } from "../analyze/statement.ts";
import { typeNameOf, typeOrText } from "../analyze/type-name.ts";
import { type Typed, typed } from "../analyze/typed.ts";
import { ARRAY_OID, OID } from "../types/oids.ts";
import { typeByOid } from "../types/registry.ts";
import { dateTimeLiteral } from "./date-time-literal.ts";
import { literal } from "./literal.ts";
import { isRegType, regLiteral } from "./reg-literal.ts";

export interface CastTarget {
  readonly typeOid: number;
  readonly typeModifier: number;
}

const ANY_MODIFIER = -1;

/** Converts, or throws 42846 (42804 is the caller's where PostgreSQL words it so). */
export function castTo(
  value: Typed,
  target: CastTarget,
  context: CastContext,
  statement: StatementState,
): Typed {
  if (value.unknown !== undefined) {
    return resolveUnknown(value, target, context, statement);
  }
  if (!canCast(value.typeOid, target.typeOid, context)) {
    throw statement.error(
      "42846",
      `cannot cast type ${typeNameOf(value.typeOid)} to ${typeNameOf(target.typeOid)}`,
      value.location,
    );
  }
  const same = value.typeOid === target.typeOid;
  if (same && (target.typeModifier === -1 || target.typeModifier === value.typeModifier)) {
    return checked(value);
  }
  const source = checked(value);
  const converted = same ? source.sql : convert(source, target.typeOid, statement);
  const sql = fit(converted, target, context);
  return {
    ...withoutOrigin(source),
    sql,
    typeOid: target.typeOid,
    typeModifier: target.typeModifier,
  };
}

function withoutOrigin(value: Typed): Typed {
  const { origin: _origin, constant: _constant, unchecked: _unchecked, ...rest } = value;
  return rest;
}

/** An implicit conversion to a type without modifier. */
export function coerce(value: Typed, typeOid: number, statement: StatementState): Typed {
  return castTo(value, { typeOid, typeModifier: ANY_MODIFIER }, "implicit", statement);
}

/** A value of unknown type becomes text where nothing else tells. */
export function settled(value: Typed, statement: StatementState): Typed {
  return value.unknown === undefined ? value : coerce(value, OID.text, statement);
}

/** Sums and products of integers get their range checked where they are used. */
export function checked(value: Typed): Typed {
  if (value.unchecked !== true) {
    return value;
  }
  const { unchecked: _unchecked, ...rest } = value;
  const check = INTEGER_CHECKS.get(value.typeOid) ?? "int8_check";
  return { ...rest, sql: `${check}(${value.sql})` };
}

const INTEGER_CHECKS: ReadonlyMap<number, string> = new Map([
  [OID.int2, "int2_check"],
  [OID.int4, "int4_check"],
  [OID.int8, "int8_check"],
]);

function resolveUnknown(
  value: Typed,
  target: CastTarget,
  context: CastContext,
  statement: StatementState,
): Typed {
  const { unknown, location } = value;
  const { typeOid } = target;
  if (unknown?.kind === "parameter") {
    statement.setParameterType(unknown.number, typeOid);
    const sql = statement.clientParameter(unknown.number);
    const known = { ...typed(sql, typeOid, location), uses: value.uses };
    return target.typeModifier === -1 ? known : castTo(known, target, context, statement);
  }
  const text = unknown?.text ?? null;
  statement.noteLiteral(location, typeOid);
  if (text === null) {
    return { ...typed("NULL", typeOid, location), typeModifier: target.typeModifier };
  }
  const sql = statement.located(location, () => literalOf(text, target, context, statement));
  return { ...typed(sql, typeOid, location), typeModifier: target.typeModifier, notNull: true };
}

/** The text of a literal as a value of the target type. */
function literalOf(
  text: string,
  target: CastTarget,
  context: CastContext,
  statement: StatementState,
): string {
  const { typeOid, typeModifier } = target;
  if (isRegType(typeOid)) {
    return regLiteral(text, typeOid, statement);
  }
  const special = dateTimeLiteral(text, target, statement);
  if (special !== null) {
    statement.volatile = true;
    return special;
  }
  const type = typeByOid(typeOid);
  if (type === undefined) {
    throw statement.notSupported(`a literal of type ${typeNameOf(typeOid)}`);
  }
  const isText = typeOid === OID.varchar || typeOid === OID.bpchar;
  if (isText && typeModifier !== -1) {
    return context === "explicit"
      ? literal(truncated(text, target))
      : fit(literal(text), target, context);
  }
  return literal(type.fromText(text, typeModifier));
}

/** An explicit cast to varchar(n) or char(n) cuts what is too long; char(n) is filled up. */
function truncated(text: string, target: CastTarget): string {
  const length = target.typeModifier - 4;
  const cut = Array.from(text).slice(0, length).join("");
  return target.typeOid === OID.bpchar ? cut + " ".repeat(length - Array.from(cut).length) : cut;
}

/** Applies the modifier: length, precision and scale. */
function fit(sql: string, target: CastTarget, context: CastContext): string {
  const { typeOid, typeModifier } = target;
  if (typeModifier === -1) {
    return sql;
  }
  const explicit = context === "explicit";
  switch (typeOid) {
    case OID.varchar:
      return `${explicit ? "varchar_cut" : "varchar_fit"}(${sql}, ${typeModifier - 4})`;
    case OID.bpchar:
      return `${explicit ? "bpchar_cut" : "bpchar_fit"}(${sql}, ${typeModifier - 4})`;
    case OID.numeric:
      return `numeric_fit(${sql}, ${typeModifier})`;
    default:
      return typeOrText(typeOid).category === "D" || typeOid === OID.interval
        ? `cast_from_text(${sql}, ${typeOid}, ${typeModifier})`
        : fitElements(sql, target);
  }
}

function fitElements(sql: string, { typeOid, typeModifier }: CastTarget): string {
  const type = typeOrText(typeOid);
  return type.elementOid === 0 ? sql : `array_fit(${sql}, ${typeOid}, ${typeModifier})`;
}

const INTEGERS: ReadonlySet<number> = new Set([OID.int2, OID.int4, OID.int8, OID.oid]);

/** Stored alike: any two of a group need no conversion. */
const SAME_STORAGE: readonly ReadonlySet<number>[] = [
  new Set([OID.text, OID.varchar, OID.name, OID.char]),
  new Set([OID.oid, OID.regclass, OID.regtype, OID.regproc, OID.regnamespace]),
];

function convert(value: Typed, to: number, statement: StatementState): string {
  const zoned = convertMoment(value.sql, value.typeOid, to);
  return zoned === null ? convertUnzoned(value, to, statement) : zoned(statement.timeZone());
}

function convertUnzoned(value: Typed, to: number, statement: StatementState): string {
  const { sql, typeOid: from } = value;
  if (SAME_STORAGE.some((group) => group.has(from) && group.has(to))) {
    return to === OID.char || to === OID.name ? `cast_from_text(${sql}, ${to}, -1)` : sql;
  }
  if (INTEGERS.has(from) || isRegType(from)) {
    const converted = convertInteger(value, to);
    if (converted !== null) {
      return converted;
    }
  }
  const numeric = convertNumber(sql, from, to);
  if (numeric !== null) {
    return numeric;
  }
  if (from === OID.bpchar && isString(to)) {
    return `rtrim(${sql}, ' ')`;
  }
  if (from === OID.bool && isString(to)) {
    return `(CASE WHEN ${sql} THEN 'true' WHEN NOT ${sql} THEN 'false' END)`;
  }
  if (isString(to)) {
    return textOf(sql, from, statement);
  }
  if (isRegType(to) && isString(from)) {
    statement.volatile = true;
    return `reg_from_text(${sql}, ${to})`;
  }
  return convertOther(sql, from, to);
}

type Zoned = (zone: string) => string;

/** From and to a timestamp with time zone, as clocks of the session's zone show it; else null. */
function convertMoment(sql: string, from: number, to: number): Zoned | null {
  if (from === OID.timestamptz && to === OID.timetz) {
    return (zone) => convertOther(`in_utc(${zone}, ${sql})`, from, to);
  }
  if (from === OID.timestamptz) {
    return MOMENT_TARGETS.has(to)
      ? (zone) => convertOther(`to_zone(${zone}, ${sql})`, OID.timestamp, to)
      : null;
  }
  if (to !== OID.timestamptz) {
    return null;
  }
  if (from === OID.timestamp) {
    return (zone) => `from_zone(${zone}, ${sql})`;
  }
  if (from === OID.date) {
    return (zone) => `from_zone(${zone}, date_to_timestamp(${sql}))`;
  }
  return isString(from) ? (zone) => `text_to_moment(${sql}, -1, ${zone})` : null;
}

const MOMENT_TARGETS: ReadonlySet<number> = new Set([OID.timestamp, OID.date, OID.time]);

/**
 * The output text of a value; names of relations are looked up in the catalog, and moments are
 * shown in the session's zone.
 */
export function textOf(sql: string, typeOid: number, statement: StatementState): string {
  if (typeOid === OID.timestamptz || typeOid === ARRAY_OID.timestamptz) {
    return `moment_to_text(${sql}, ${typeOid}, ${statement.timeZone()})`;
  }
  return `${isRegType(typeOid) ? "reg_to_text" : "cast_to_text"}(${sql}, ${typeOid})`;
}

function convertOther(sql: string, from: number, to: number): string {
  if (from === to) {
    return sql;
  }
  if (isString(from)) {
    return `cast_from_text(${sql}, ${to}, -1)`;
  }
  if (typeOrText(from).elementOid !== 0 && typeOrText(to).elementOid !== 0) {
    return `array_cast(${sql}, ${from}, ${to})`;
  }
  if (from === OID.bool && to === OID.int4) {
    return sql;
  }
  if (to === OID.bool) {
    return from === OID.jsonb ? `jsonb_to(${sql}, ${to})` : `(${sql} <> 0)`;
  }
  return from === OID.jsonb && to !== OID.json
    ? `jsonb_to(${sql}, ${to})`
    : `convert_value(${sql}, ${from}, ${to})`;
}

const WIDTH: ReadonlyMap<number, number> = new Map([
  [OID.int2, 2],
  [OID.int4, 4],
  [OID.int8, 8],
]);

function widthOf(oid: number): number {
  return WIDTH.get(oid) ?? 4;
}

const INTEGER_CONVERSIONS: ReadonlyMap<number, readonly [string, string]> = new Map([
  [OID.numeric, ["CAST(", " AS TEXT)"]],
  [OID.float8, ["CAST(", " AS REAL)"]],
  [OID.float4, ["float4(", ")"]],
]);

/** From an integer; null where it is like any other type. */
function convertInteger(value: Typed, to: number): string | null {
  const { sql, typeOid: from, constant } = value;
  const check = INTEGER_CHECKS.get(to);
  if (check !== undefined) {
    if (to === OID.int4 && (from === OID.oid || isRegType(from))) return `oid_to_int4(${sql})`;
    return widthOf(to) >= widthOf(from) ? sql : `${check}(${sql})`;
  }
  if (to === OID.oid || isRegType(to)) {
    return integerToOid(value);
  }
  if (constant !== undefined && (to === OID.numeric || to === OID.float8)) {
    return to === OID.numeric ? `'${constant}'` : literal(Number(constant));
  }
  const plain = INTEGER_CONVERSIONS.get(to);
  if (plain !== undefined) {
    return `${plain[0]}${sql}${plain[1]}`;
  }
  return isString(to) && !isRegType(from) ? `CAST(${sql} AS TEXT)` : null;
}

/** The bits of an int4 become the OID, while an int8 has to be one. */
function integerToOid({ sql, typeOid: from, constant }: Typed): string {
  const fits = constant !== undefined && constant >= 0n && constant < 2n ** 32n;
  if (fits) return sql;
  return `${from === OID.int8 ? "int8_to_oid" : "oid_check"}(${sql})`;
}

const FRACTIONAL: ReadonlySet<number> = new Set([OID.numeric, OID.float4, OID.float8]);

/** Between numeric, float4 and float8, and from them to integers. */
function convertNumber(sql: string, from: number, to: number): string | null {
  if (!FRACTIONAL.has(from)) {
    return null;
  }
  const source = from === OID.numeric ? "numeric" : "float8";
  if (WIDTH.has(to)) {
    return `${source}_to_int(${sql}, ${to})`;
  }
  if (to === OID.numeric) {
    return `${from === OID.float4 ? "float4" : "float8"}_to_numeric(${sql})`;
  }
  if (to === OID.float8 || to === OID.float4) {
    if (from === OID.numeric)
      return `numeric_to_${to === OID.float4 ? "float4" : "float8"}(${sql})`;
    return to === OID.float4 ? `float4(${sql})` : sql;
  }
  return null;
}
