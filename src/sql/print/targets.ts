/** The select list: stars expanded, names given, and the terms that ORDER BY and GROUP BY name. */
import type { Node } from "libpg-query";
import { columnName } from "../analyze/column-name.ts";
import { columnTyped, findRelation, relationOf } from "../analyze/columns.ts";
import { integerOf, locationOf, stringsOf } from "../analyze/nodes.ts";
import { inClause, type QueryOptions, type Scope, type ScopeColumn } from "../analyze/scope.ts";
import type { Typed } from "../analyze/typed.ts";
import { isTableFunction } from "../functions/library.ts";
import { quotedName } from "../relations/quoted-name.ts";
import { OID } from "../types/oids.ts";
import { checked, coerce, settled } from "./cast.ts";
import { columnMarks } from "./check.ts";
import { tableCall } from "./from-function.ts";
import { identifier } from "./identifiers.ts";

export interface Target {
  readonly name: string;
  /** What the printed query calls it: unique within the query. */
  readonly sqlName: string;
  readonly value: Typed;
}

export function targets(
  nodes: readonly Node[],
  scope: Scope,
  options: QueryOptions = {},
): readonly Target[] {
  return inClause(scope, "SELECT", () => targetsOf(nodes, scope, options));
}

/** The same for RETURNING, whose clause name the caller has set. */
export function targetsOf(
  nodes: readonly Node[],
  scope: Scope,
  options: QueryOptions = {},
): readonly Target[] {
  const named = nodes.flatMap((node) => targetsOfNode(node, scope));
  const taken = new Set<string>();
  return named.map(({ name, value }, index) => ({
    name,
    sqlName: uniqueName(name, index, taken),
    value: output(value, options.targets?.[index], scope),
  }));
}

interface NamedValue {
  readonly name: string;
  readonly value: Typed;
}

function targetsOfNode(node: Node, scope: Scope): readonly NamedValue[] {
  if (!("ResTarget" in node) || node.ResTarget.val === undefined) {
    throw scope.statement.notSupported("this select list");
  }
  const { val, name } = node.ResTarget;
  if ("ColumnRef" in val && "A_Star" in (val.ColumnRef.fields?.at(-1) ?? {})) {
    const location = val.ColumnRef.location ?? 0;
    const columns = star(stringsOf(val.ColumnRef.fields), location, scope);
    scope.statement.noteStar(location, columns.map(qualifiedName));
    return columns;
  }
  const value = setReturning(val, scope) ?? scope.translate.expression(val, scope);
  return [{ name: name ?? columnName(val), value }];
}

function qualifiedName({ name, value }: NamedValue): string {
  const relation = value.uses[0]?.relation ?? "";
  return relation === "" ? quotedName(name) : `${quotedName(relation)}.${quotedName(name)}`;
}

function star(qualifier: readonly string[], location: number, scope: Scope): readonly NamedValue[] {
  const named = (column: ScopeColumn, relation: string, at: Scope) => ({
    name: column.name,
    value: columnTyped(column, { scope: at, relation, location }),
  });
  if (qualifier.length === 0) {
    if (scope.items.length === 0) {
      throw scope.statement.error(
        "42601",
        "SELECT * with no tables specified is not valid",
        location,
      );
    }
    return scope.items.flatMap((item) =>
      item.columns.map((column) => named(column, relationOf(item, column), scope)),
    );
  }
  const relation = qualifier.at(-1) ?? "";
  const found = findRelation(relation, qualifier.at(-2) ?? null, scope);
  if (found === undefined) {
    const message = `missing FROM-clause entry for table "${relation}"`;
    throw scope.statement.error("42P01", message, location);
  }
  return found.relation.columns.map((column) => named(column, relation, found.scope));
}

/** A function that gives rows becomes one more FROM item, evaluated for each row before it. */
function setReturning(node: Node, scope: Scope): Typed | undefined {
  if (!("FuncCall" in node) || !isTableFunction(stringsOf(node.FuncCall.funcname).at(-1) ?? "")) {
    return undefined;
  }
  const { level, statement } = scope;
  const location = locationOf(node);
  const call = tableCall(node.FuncCall, scope);
  const [column, another] = call?.columns ?? [];
  if (call === undefined || column === undefined || another !== undefined) {
    throw statement.notSupported("a function that gives composite rows here", location);
  }
  if (level.setReturning.length > 0 || level.clause !== "SELECT") {
    throw statement.notSupported("several set-returning functions in one list", location);
  }
  const alias = identifier(statement.alias(call.name));
  const sql = `${alias}."c1"`;
  const rowMarks = columnMarks([{ sql }]);
  level.setReturning.push({ sql: `${call.sql} AS ${alias}`, relations: [], columns: [], rowMarks });
  return {
    sql,
    typeOid: column.typeOid,
    typeModifier: -1,
    location,
    uses: call.uses,
  };
}

/** What leaves a query is of a known type and checked to be in its range. */
function output(value: Typed, target: number | undefined, scope: Scope): Typed {
  if (value.unknown !== undefined) {
    return coerce(value, target ?? OID.text, scope.statement);
  }
  return checked(settled(value, scope.statement));
}

function uniqueName(name: string, index: number, taken: Set<string>): string {
  const free = !taken.has(name.toLowerCase()) && name !== "?column?";
  const chosen = free ? name : `${name === "?column?" ? "column" : name}:${index + 1}`;
  taken.add(chosen.toLowerCase());
  return chosen;
}

/** The select-list item that an ORDER BY or GROUP BY term names by position or by its name. */
export function targetFor(
  node: Node | undefined,
  clause: string,
  list: readonly Target[],
  scope: Scope,
): Target | undefined {
  const position = integerOf(node);
  if (position !== undefined && node !== undefined) {
    const target = list[position - 1];
    if (target === undefined) {
      const message = `${clause} position ${position} is not in select list`;
      throw scope.statement.error("42P10", message, locationOf(node));
    }
    return target;
  }
  if (node === undefined || !("ColumnRef" in node) || node.ColumnRef.fields?.length !== 1) {
    return undefined;
  }
  const [name = ""] = stringsOf(node.ColumnRef.fields);
  const matches = list.filter((target) => target.name === name);
  const [match] = matches;
  if (matches.some((target) => target.value.sql !== match?.value.sql)) {
    throw scope.statement.error("42702", `${clause} "${name}" is ambiguous`, locationOf(node));
  }
  return match;
}
