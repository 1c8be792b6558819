/** x operator ANY (array), x operator ALL (array). */
import type { A_Expr } from "libpg-query";
import { typeNameOf, typeOrText } from "../analyze/type-name.ts";
import { type Typed, typed } from "../analyze/typed.ts";
import { OID } from "../types/oids.ts";
import { coerce } from "./cast.ts";
import { comparable, comparisonKey, type OperatorPlace } from "./comparison.ts";

type BinaryOperator = (name: string, left: Typed, right: Typed, place: OperatorPlace) => Typed;

export function quantified(node: A_Expr, place: OperatorPlace, binary: BinaryOperator): Typed {
  const { scope, location } = place;
  if (node.lexpr === undefined || node.rexpr === undefined) {
    throw scope.statement.notSupported("this comparison with an array", location);
  }
  const last = node.name?.at(-1);
  const written = last !== undefined && "String" in last ? (last.String.sval ?? "") : "";
  const name = written === "!=" ? "<>" : written;
  const subject = scope.translate.expression(node.lexpr, scope);
  const array = asArray(scope.translate.expression(node.rexpr, scope), subject, place);
  const all = node.kind === "AEXPR_OP_ALL";
  const element = elementValue(array, "value");
  if ((name === "=" && !all) || (name === "<>" && all)) {
    const [left, right] = comparable(name, subject, element, place);
    const keys = `SELECT ${comparisonKey(right, scope)} FROM json_each(${orNullElement(array)})`;
    const operator = all ? "NOT IN" : "IN";
    const sql = `(${comparisonKey(left, scope)} ${operator} (${keys}))`;
    return typed(sql, OID.bool, location, [left, array]);
  }
  const test = binary(name, subject, element, place);
  const tests = `SELECT ${test.sql} AS t FROM json_each(${orNullElement(array)})`;
  const found = all ? "WHEN min(t) = 0 THEN 0" : "WHEN max(t) = 1 THEN 1";
  const unknown = "WHEN count(*) > count(t) THEN NULL";
  const sql = `(SELECT CASE ${found} ${unknown} ELSE ${all ? 1 : 0} END FROM (${tests}))`;
  return typed(sql, OID.bool, location, [test, array]);
}

function asArray(array: Typed, subject: Typed, { scope, location }: OperatorPlace): Typed {
  const { statement } = scope;
  if (array.unknown !== undefined) {
    const element = subject.unknown === undefined ? subject.typeOid : OID.text;
    const arrayOid = typeOrText(element).arrayOid;
    if (arrayOid === 0) {
      const message = `could not find array type for data type ${typeNameOf(element)}`;
      throw statement.error("42704", message, location);
    }
    return coerce(array, arrayOid, statement);
  }
  if (typeOrText(array.typeOid).elementOid === 0) {
    const message = "op ANY/ALL (array) requires array on right side";
    throw statement.error("42809", message, location);
  }
  return array;
}

/** An element as json_each gives it. */
function elementValue(array: Typed, sql: string): Typed {
  const { elementOid } = typeOrText(array.typeOid);
  const value = elementOid === OID.bytea ? `cast_from_text(${sql}, ${elementOid}, -1)` : sql;
  return typed(value, elementOid, array.location);
}

/** A comparison with a NULL array is NULL, as is one with an array of a lone NULL. */
function orNullElement(array: Typed): string {
  return array.notNull === true ? array.sql : `coalesce(${array.sql}, '[null]')`;
}
