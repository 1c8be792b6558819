/** UNION, INTERSECT, EXCEPT, and ORDER BY and LIMIT over whole queries. */
import type { SelectStmt } from "libpg-query";
import { commonType } from "../analyze/common-type.ts";
import {
  innerScope,
  type OutputColumn,
  type Query,
  type QueryOptions,
  type Scope,
} from "../analyze/scope.ts";
import { type Typed, typed } from "../analyze/typed.ts";
import { coerce } from "./cast.ts";
import { comparisonKey, needsKey } from "./comparison.ts";
import { identifier } from "./identifiers.ts";
import { limitClause } from "./limit.ts";
import { refuseLocking } from "./locking.ts";
import { orderTerm, sortOf } from "./order.ts";
import { type Target, targetFor } from "./targets.ts";

const WORDS: Readonly<Record<string, string>> = {
  SETOP_UNION: "UNION",
  SETOP_INTERSECT: "INTERSECT",
  SETOP_EXCEPT: "EXCEPT",
};

export function setOperation(select: SelectStmt, scope: Scope, options: QueryOptions): Query {
  const { larg, rarg, op = "SETOP_UNION" } = select;
  const word = WORDS[op];
  if (larg === undefined || rarg === undefined || word === undefined) {
    throw scope.statement.notSupported("this set operation");
  }
  refuseLocking(select, scope);
  const inherited = options.targets ?? unknownTargets([larg, rarg], scope);
  const given = inherited === undefined ? options : { targets: inherited };
  const left = scope.translate.query(larg, scope, given);
  const right = scope.translate.query(rarg, scope, given);
  if (left.columns.length !== right.columns.length) {
    const message = `each ${word} query must have the same number of columns`;
    throw scope.statement.error("42601", message);
  }
  const types = left.columns.map((column, index) =>
    commonType([asTyped(column), asTyped(right.columns[index] ?? column)], word, scope.statement),
  );
  const sides: readonly [Query, Query] = [
    converted(left, types, left.columns, scope),
    converted(right, types, left.columns, scope),
  ];
  const inline = isChain(larg) && left.sql === sides[0].sql;
  const sql = combined(sides, { word, all: select.all === true, inline, types }, scope);
  const columns = left.columns.map((column, index) => ({
    ...column,
    typeOid: types[index] ?? column.typeOid,
    typeModifier: sameModifier(column, right.columns[index]),
    notNull: column.notNull && right.columns[index]?.notNull === true,
    origin: null,
  }));
  const query: Query = { sql, columns, uses: [...left.uses, ...right.uses], singleRow: false };
  return orderedRows(query, select, innerScope(scope));
}

function sameModifier(left: OutputColumn, right: OutputColumn | undefined): number {
  const same = left.typeOid === right?.typeOid && left.typeModifier === right.typeModifier;
  return same ? left.typeModifier : -1;
}

/**
 * The types of the side that has them, for literals of unknown type on the other (SELECT NULL
 * UNION SELECT 1). Translating a side twice does no harm but for its parameters' numbers.
 */
function unknownTargets(sides: readonly SelectStmt[], scope: Scope): readonly number[] | undefined {
  const undecided = sides.map(hasBareLiteral);
  if (!undecided.includes(true)) {
    return undefined;
  }
  const known = sides.find((_side, index) => undecided[index] === false) ?? sides.at(-1);
  return known === undefined || undecided.every(Boolean)
    ? mixedTargets(sides, scope)
    : scope.translate.query(known, scope).columns.map((column) => column.typeOid);
}

/** Both sides have literals: each column takes the first type that is not text by default. */
function mixedTargets(sides: readonly SelectStmt[], scope: Scope): readonly number[] {
  const [left = [], right = []] = sides.map((side) => scope.translate.query(side, scope).columns);
  return left.map((column, index) => {
    const other = right[index];
    const bare = isBareAt(sides[0], index);
    return (bare ? other?.typeOid : column.typeOid) ?? column.typeOid;
  });
}

function leaf(select: SelectStmt): SelectStmt {
  return select.larg === undefined ? select : leaf(select.larg);
}

function isBareAt(select: SelectStmt | undefined, index: number): boolean {
  const target = select === undefined ? undefined : leaf(select).targetList?.[index];
  const value = target !== undefined && "ResTarget" in target ? target.ResTarget.val : undefined;
  if (value === undefined) return false;
  return (
    "ParamRef" in value ||
    ("A_Const" in value && (value.A_Const.sval !== undefined || value.A_Const.isnull === true))
  );
}

function hasBareLiteral(select: SelectStmt): boolean {
  if (select.larg !== undefined && select.rarg !== undefined) {
    return hasBareLiteral(select.larg) || hasBareLiteral(select.rarg);
  }
  return (select.targetList ?? []).some((_target, index) => isBareAt(select, index));
}

function asTyped(column: OutputColumn): Typed {
  return {
    ...typed(identifier(column.sqlName), column.typeOid, 0),
    typeModifier: column.typeModifier,
  };
}

/** The query with its columns in the common types, named as the first query names them. */
function converted(
  query: Query,
  types: readonly number[],
  names: readonly OutputColumn[],
  scope: Scope,
): Query {
  if (query.columns.every((column, index) => column.typeOid === types[index])) {
    return query;
  }
  const values = query.columns.map((column, index) => {
    const value = coerce(asTyped(column), types[index] ?? column.typeOid, scope.statement);
    return `${value.sql} AS ${identifier(names[index]?.sqlName ?? column.sqlName)}`;
  });
  return { ...query, sql: `SELECT ${values.join(", ")} FROM (${query.sql})` };
}

/** A chain of set operations needs no parentheses on its left: SQLite reads from the left too. */
function isChain(select: SelectStmt): boolean {
  const bare =
    select.sortClause === undefined &&
    select.limitCount === undefined &&
    select.limitOffset === undefined &&
    select.withClause === undefined;
  return bare && select.op !== undefined && select.op !== "SETOP_NONE";
}

interface Operation {
  readonly word: string;
  readonly all: boolean;
  readonly inline: boolean;
  readonly types: readonly number[];
}

function combined(sides: readonly [Query, Query], operation: Operation, scope: Scope): string {
  const { word, all, inline, types } = operation;
  const keyed = types.some(needsKey);
  const [left, right] = sides;
  if (all && word === "UNION") {
    return `${inline ? left.sql : member(left)} UNION ALL ${member(right)}`;
  }
  if (!all && !keyed) {
    return `${inline ? left.sql : member(left)} ${word} ${member(right)}`;
  }
  if (word === "UNION") {
    return firstOfEach(`${member(left)} UNION ALL ${member(right)}`, left.columns, types, scope);
  }
  if (keyed) {
    throw scope.statement.notSupported(`${word} over columns of this type`);
  }
  return `${list(left)} FROM (${numbered(left)} ${word} ${numbered(right)})`;
}

function list(query: Query): string {
  const names = query.columns.map(
    (column, index) => `"c${index + 1}" AS ${identifier(column.sqlName)}`,
  );
  return `SELECT ${names.join(", ")}`;
}

/** INTERSECT ALL and EXCEPT ALL count duplicates: numbering them makes every row distinct. */
function numbered(query: Query): string {
  const names = query.columns.map((column) => identifier(column.sqlName));
  const columns = names.map((name, index) => `${name} AS "c${index + 1}"`).join(", ");
  return `SELECT ${columns}, row_number() OVER (PARTITION BY ${names.join(", ")}) AS "n" FROM (${query.sql})`;
}

function member(query: Query): string {
  const simple = /^(?:SELECT|VALUES) /.test(query.sql) && !COMPOUND.test(query.sql);
  return simple ? query.sql : `SELECT * FROM (${query.sql})`;
}

/** What a member of a compound may not hold at its own level. Inside parentheses it does no harm. */
const COMPOUND = / (?:UNION|INTERSECT|EXCEPT|ORDER BY|LIMIT) /;

function firstOfEach(
  sql: string,
  columns: readonly OutputColumn[],
  types: readonly number[],
  scope: Scope,
): string {
  const names = columns.map((column) => identifier(column.sqlName)).join(", ");
  const keys = columns.map((column, index) =>
    comparisonKey({ ...asTyped(column), typeOid: types[index] ?? column.typeOid }, scope),
  );
  const number = `row_number() OVER (PARTITION BY ${keys.join(", ")}) AS "row:number"`;
  return `SELECT ${names} FROM (SELECT *, ${number} FROM (${sql})) WHERE "row:number" = 1`;
}

/** Adds ORDER BY and LIMIT to a query whose output columns are all that they may name. */
export function orderedRows(query: Query, select: SelectStmt, scope: Scope): Query {
  const targets = query.columns.map(
    (column): Target => ({
      name: column.name,
      sqlName: column.sqlName,
      value: { ...asTyped(column), notNull: column.notNull },
    }),
  );
  const terms = (select.sortClause ?? []).map((node) => {
    const sort = sortOf(node);
    const target = targetFor(sort.node, "ORDER BY", targets, scope);
    if (target === undefined) {
      const message = "invalid UNION/INTERSECT/EXCEPT ORDER BY clause";
      throw scope.statement.error("0A000", message, undefined, {
        detail: "Only result column names can be used, not expressions or functions.",
      });
    }
    return orderTerm(target.value, sort, scope).sql;
  });
  const limit = limitClause(select, scope);
  if (terms.length === 0 && limit.sql === "") {
    return query;
  }
  const order = terms.length === 0 ? "" : ` ORDER BY ${terms.join(", ")}`;
  return {
    ...query,
    sql: `SELECT * FROM (${query.sql})${order}${limit.sql}`,
    singleRow: query.singleRow || limit.single,
  };
}
