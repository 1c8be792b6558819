/** Subqueries in expressions: scalar, EXISTS, IN, ANY, ALL, ARRAY. */
import type { SubLink } from "libpg-query";
import { stringOf } from "../analyze/nodes.ts";
import type { OutputColumn, Query, Scope } from "../analyze/scope.ts";
import { typeNameOf, typeOrText } from "../analyze/type-name.ts";
import { type ColumnUse, type Typed, typed } from "../analyze/typed.ts";
import { OID } from "../types/oids.ts";
import { comparable, comparisonKey, type OperatorPlace } from "./comparison.ts";
import { identifier } from "./identifiers.ts";
import { binary } from "./operator.ts";
import { isRow } from "./row-comparison.ts";

export function subLink(node: SubLink, scope: Scope): Typed {
  const { subLinkType, subselect, location = 0 } = node;
  if (subselect === undefined || !("SelectStmt" in subselect)) {
    throw scope.statement.notSupported("this subquery", location);
  }
  const query = scope.translate.query(subselect.SelectStmt, scope);
  const place = { scope, location };
  switch (subLinkType) {
    case "EXISTS_SUBLINK":
      return {
        ...typed(`EXISTS (${query.sql})`, OID.bool, location),
        uses: query.uses,
        notNull: true,
      };
    case "EXPR_SUBLINK":
      return scalar(query, place);
    case "ARRAY_SUBLINK":
      return array(query, place);
    case "ANY_SUBLINK":
    case "ALL_SUBLINK":
      return quantifiedSubquery(node, query, place);
    default:
      throw scope.statement.notSupported("this kind of subquery", location);
  }
}

function onlyColumn(query: Query, { scope, location }: OperatorPlace): OutputColumn {
  const [column] = query.columns;
  if (column === undefined || query.columns.length > 1) {
    throw scope.statement.error("42601", "subquery must return only one column", location);
  }
  return column;
}

/** More than one row is 21000; SQLite would silently take the first. */
function scalar(query: Query, place: OperatorPlace): Typed {
  const column = onlyColumn(query, place);
  const name = identifier(column.sqlName);
  const two = `(SELECT * FROM (${query.sql}) LIMIT 2)`;
  const sql = query.singleRow
    ? `(${query.sql})`
    : `(SELECT single_row(${name}, count(*)) FROM ${two} HAVING count(*) > 0)`;
  return {
    ...typed(sql, column.typeOid, place.location),
    typeModifier: column.typeModifier,
    uses: query.uses,
  };
}

function array(query: Query, place: OperatorPlace): Typed {
  const column = onlyColumn(query, place);
  const type = typeOrText(column.typeOid);
  if (type.arrayOid === 0) {
    const message = `could not find array type for data type ${typeNameOf(column.typeOid)}`;
    throw place.scope.statement.error("42704", message, place.location);
  }
  const sql = `(SELECT json_group_array(${identifier(column.sqlName)}) FROM (${query.sql}))`;
  return {
    ...typed(sql, type.arrayOid, place.location),
    uses: query.uses,
    notNull: true,
  };
}

function columnValue(column: OutputColumn, uses: readonly ColumnUse[], location: number): Typed {
  return { ...typed(identifier(column.sqlName), column.typeOid, location), uses };
}

function quantifiedSubquery(node: SubLink, query: Query, place: OperatorPlace): Typed {
  const { scope, location } = place;
  const { testexpr } = node;
  const written = stringOf(node.operName?.at(-1)) || "=";
  const name = written === "!=" ? "<>" : written;
  const all = node.subLinkType === "ALL_SUBLINK";
  if (testexpr === undefined) {
    throw scope.statement.notSupported("this subquery", location);
  }
  const subjects = isRow(testexpr)
    ? (testexpr.RowExpr.args ?? []).map((arg) => scope.translate.expression(arg, scope))
    : [scope.translate.expression(testexpr, scope)];
  if (subjects.length !== query.columns.length) {
    const few = subjects.length > query.columns.length;
    const message = `subquery has too ${few ? "few" : "many"} columns`;
    throw scope.statement.error("42601", message, location);
  }
  if ((name === "=" && !all) || (name === "<>" && all)) {
    return membership(subjects, query, all, place);
  }
  const [subject] = subjects;
  if (subject === undefined || subjects.length > 1) {
    throw scope.statement.notSupported(`${name} between a row and a subquery`, location);
  }
  const value = columnValue(onlyColumn(query, place), query.uses, location);
  const test = binary(name, subject, value, place);
  return { ...allOrAny(test.sql, query.sql, all, location), uses: test.uses };
}

function membership(
  subjects: readonly Typed[],
  query: Query,
  negated: boolean,
  place: OperatorPlace,
): Typed {
  const pairs = subjects.map((subject, index) => {
    const column = query.columns[index] ?? onlyColumn(query, place);
    return comparable("=", subject, columnValue(column, query.uses, place.location), place);
  });
  const lefts = pairs.map(([left]) => comparisonKey(left, place.scope)).join(", ");
  const keys = pairs.map(([, right]) => comparisonKey(right, place.scope));
  const plain = keys.every((key, index) => key === identifier(query.columns[index]?.sqlName ?? ""));
  const rows = plain ? query.sql : `SELECT ${keys.join(", ")} FROM (${query.sql})`;
  const left = pairs.length === 1 ? lefts : `(${lefts})`;
  const sql = `(${left} ${negated ? "NOT IN" : "IN"} (${rows}))`;
  return {
    ...typed(sql, OID.bool, place.location, pairs.flat()),
    uses: pairs.flat().flatMap((part) => part.uses),
  };
}

/** The three-valued ANY and ALL over the rows of a query. */
function allOrAny(test: string, rows: string, all: boolean, location: number): Typed {
  const found = all ? "WHEN min(t) = 0 THEN 0" : "WHEN max(t) = 1 THEN 1";
  const unknown = "WHEN count(*) > count(t) THEN NULL";
  const tests = `SELECT ${test} AS t FROM (${rows})`;
  return typed(
    `(SELECT CASE ${found} ${unknown} ELSE ${all ? 1 : 0} END FROM (${tests}))`,
    OID.bool,
    location,
  );
}
