/** Operators (A_Expr). */
import type { A_Expr, Node } from "libpg-query";
import { listItems, stringOf } from "../analyze/nodes.ts";
import { type Resolution, resolveCall } from "../analyze/resolve.ts";
import type { Scope } from "../analyze/scope.ts";
import { type Typed, typed } from "../analyze/typed.ts";
import { signaturesOf } from "../functions/library.ts";
import { PSEUDO } from "../functions/signature.ts";
import { OID } from "../types/oids.ts";
import { quantified } from "./array-comparison.ts";
import { castTo, checked, coerce, settled } from "./cast.ts";
import {
  comparable,
  compare,
  comparisonKey,
  isComparison,
  noOperator,
  type OperatorPlace,
} from "./comparison.ts";
import { unified } from "./conditional.ts";
import { like } from "./like.ts";
import { literal } from "./literal.ts";
import { compareRows, isRow } from "./row-comparison.ts";
import { callText } from "./template.ts";

export function operatorExpression(node: A_Expr, scope: Scope): Typed {
  const place: OperatorPlace = { scope, location: node.location ?? 0 };
  switch (node.kind) {
    case "AEXPR_OP":
    case "AEXPR_LIKE":
    case "AEXPR_ILIKE":
    case "AEXPR_SIMILAR":
      return plain(node, place);
    case "AEXPR_OP_ANY":
    case "AEXPR_OP_ALL":
      return quantified(node, place, binary);
    case "AEXPR_IN":
      return inList(node, place);
    case "AEXPR_DISTINCT":
    case "AEXPR_NOT_DISTINCT":
      return distinct(node, place);
    case "AEXPR_NULLIF":
      return nullIf(node, place);
    default:
      return between(node, place);
  }
}

function operand(node: Node | undefined, { scope, location }: OperatorPlace): Typed {
  if (node === undefined) {
    throw scope.statement.notSupported("this operator", location);
  }
  return scope.translate.expression(node, scope);
}

function plain(node: A_Expr, place: OperatorPlace): Typed {
  const name = operatorName(node, place);
  if (node.lexpr === undefined) {
    return unary(name, operand(node.rexpr, place), place);
  }
  if (isRow(node.lexpr) || isRow(node.rexpr)) {
    return compareRows(name, [node.lexpr, node.rexpr], place);
  }
  return binary(name, operand(node.lexpr, place), operand(node.rexpr, place), place);
}

function operatorName(node: A_Expr, { scope, location }: OperatorPlace): string {
  const names = (node.name ?? []).map(stringOf);
  const name = names.at(-1) ?? "";
  if (names.length > 1 && names[0] !== "pg_catalog") {
    throw scope.statement.error("42883", `operator does not exist: ${names.join(".")}`, location);
  }
  return name === "!=" ? "<>" : name;
}

/** One operator between two values that are translated already. */
export function binary(name: string, left: Typed, right: Typed, place: OperatorPlace): Typed {
  if (isComparison(name)) {
    return compare(name, left, right, place);
  }
  return like(name, left, right, place) ?? call(name, [left, right], place);
}

function unary(name: string, value: Typed, place: OperatorPlace): Typed {
  const constant = value.constant === undefined ? undefined : -value.constant;
  if (name === "-" && constant !== undefined && constant <= greatestOf(value.typeOid)) {
    return { ...value, sql: literal(constant), constant, location: place.location };
  }
  return call(name, [value], place);
}

/** The least value of an integer type has no opposite in it. */
function greatestOf(typeOid: number): bigint {
  return (GREATEST.get(typeOid) ?? 2n ** 63n) - 1n;
}

const GREATEST: ReadonlyMap<number, bigint> = new Map([
  [OID.int2, 2n ** 15n],
  [OID.int4, 2n ** 31n],
]);

const ADDITIVE: ReadonlySet<string> = new Set(["+", "-", "*"]);
const INTEGERS: ReadonlySet<number> = new Set([OID.int2, OID.int4, OID.int8]);

function call(name: string, args: readonly Typed[], place: OperatorPlace): Typed {
  const { statement } = place.scope;
  const types = args.map((arg) => (arg.unknown === undefined ? arg.typeOid : OID.unknown));
  const resolution = resolveOperator(name, types);
  if (resolution === "none") {
    throw noOperator(name, types, place);
  }
  if (resolution === "ambiguous") {
    throw statement.error("42725", `operator is not unique: ${name}`, place.location, {
      hint: "Could not choose a best candidate operator. You might need to add explicit type casts.",
    });
  }
  const arithmetic = ADDITIVE.has(name) && INTEGERS.has(resolution.result);
  const converted = args.map((arg, index) => {
    const typeOid = resolution.args[index] ?? OID.text;
    const keepsLoose = arithmetic && arg.unchecked === true && arg.typeOid === typeOid;
    if (keepsLoose) return arg;
    const joins = name === "||" && resolution.signature.args[index] === PSEUDO.any;
    return joins
      ? castTo(arg, { typeOid: OID.text, typeModifier: -1 }, "explicit", statement)
      : coerce(arg, typeOid, statement);
  });
  const sql = callText(resolution.signature, converted, statement);
  statement.volatile ||= resolution.signature.volatile;
  return {
    ...typed(sql, resolution.result, place.location, converted),
    notNull: arithmetic && converted.every((arg) => arg.notNull),
    ...(arithmetic ? { unchecked: true } : {}),
  };
}

function resolveOperator(
  name: string,
  types: readonly number[],
): Resolution | "none" | "ambiguous" {
  const candidates = signaturesOf(name);
  const known = types.find((type) => type !== OID.unknown);
  if (known !== undefined && types.length === 2 && types.includes(OID.unknown)) {
    // An unknown operand is first taken to be of the other's type.
    const alike = resolveCall(candidates, [known, known]);
    if (typeof alike === "object" && alike.args.every((type) => type === known)) {
      return alike;
    }
  }
  return resolveCall(candidates, types);
}

function inList(node: A_Expr, place: OperatorPlace): Typed {
  const { scope, location } = place;
  const negated = operatorName(node, place) === "<>";
  const items = listItems(node.rexpr);
  if (isRow(node.lexpr)) {
    const tests = items.map((item) => compareRows("=", [node.lexpr, item], place));
    const any = `(${tests.map((test) => test.sql).join(" OR ")})`;
    return typed(negated ? `(NOT ${any})` : any, OID.bool, location, tests);
  }
  const subject = operand(node.lexpr, place);
  const values = items.map((item) => operand(item, place));
  const list = convertInList(subject, values, place);
  const [first, ...rest] = list.map((value) => comparisonKey(value, scope));
  const sql = `(${first ?? "NULL"} ${negated ? "NOT IN" : "IN"} (${rest.join(", ")}))`;
  return typed(sql, OID.bool, location, list);
}

/** All of them in one type where there is one; an error names the pair that has none. */
function convertInList(
  subject: Typed,
  values: readonly Typed[],
  place: OperatorPlace,
): readonly Typed[] {
  const pairs = values.map((value) => comparable("=", subject, value, place));
  const types = new Set(pairs.map(([left]) => left.typeOid));
  const [pair] = pairs;
  if (types.size === 1 && pair !== undefined) {
    return [pair[0], ...pairs.map(([, right]) => right)];
  }
  return unified([subject, ...values], "IN", place.scope);
}

/** IS handles NULLs as IS NOT DISTINCT FROM asks. */
function distinct(node: A_Expr, place: OperatorPlace): Typed {
  const [left, right] = comparable(
    "=",
    operand(node.lexpr, place),
    operand(node.rexpr, place),
    place,
  );
  const operator = node.kind === "AEXPR_DISTINCT" ? "IS NOT" : "IS";
  const [a, b] = [comparisonKey(left, place.scope), comparisonKey(right, place.scope)];
  const sql = `(${a} ${operator} ${b})`;
  return { ...typed(sql, OID.bool, place.location, [left, right]), notNull: true };
}

function nullIf(node: A_Expr, place: OperatorPlace): Typed {
  const [left, right] = [operand(node.lexpr, place), operand(node.rexpr, place)];
  const value =
    right.unknown === undefined && left.unknown !== undefined
      ? coerce(left, right.typeOid, place.scope.statement)
      : settled(left, place.scope.statement);
  const test = compare("=", value, right, place);
  const kept = checked(value);
  const sql = `(CASE WHEN ${test.sql} THEN NULL ELSE ${kept.sql} END)`;
  return {
    ...typed(sql, kept.typeOid, place.location, [kept, test]),
    typeModifier: kept.typeModifier,
  };
}

function between(node: A_Expr, place: OperatorPlace): Typed {
  const [low, high] = listItems(node.rexpr);
  const subject = operand(node.lexpr, place);
  const [first, second] = [operand(low, place), operand(high, place)];
  const within = (a: Typed, b: Typed) => {
    const from = compare(">=", subject, a, place);
    const to = compare("<=", subject, b, place);
    return { sql: `(${from.sql} AND ${to.sql})`, parts: [from, to] };
  };
  const forward = within(first, second);
  const symmetric = node.kind?.endsWith("_SYM") === true;
  const sql = symmetric ? `(${forward.sql} OR ${within(second, first).sql})` : forward.sql;
  const negated = node.kind?.includes("NOT") === true;
  return typed(negated ? `(NOT ${sql})` : sql, OID.bool, place.location, forward.parts);
}
