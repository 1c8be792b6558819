/** FROM: tables, joins, subqueries and functions, with the names that they bring. */
import type { Alias, JoinExpr, Node, RangeSubselect, RangeVar } from "libpg-query";
import { unreachable } from "../../base/assert.ts";
import { kindOf, locationOf, stringsOf } from "../analyze/nodes.ts";
import {
  type CommonTable,
  type FromItem,
  inClause,
  type Scope,
  type ScopeColumn,
  withItems,
} from "../analyze/scope.ts";
import type { Relation, Table, View } from "../catalog/catalog.ts";
import { type SystemRelation, systemRelation } from "../relations/projection.ts";
import { columnMarks, tableMark } from "./check.ts";
import { rangeFunction } from "./from-function.ts";
import { identifier } from "./identifiers.ts";
import { joined } from "./join.ts";
import { condition } from "./logic.ts";
import { sessionRelation } from "./session-relation.ts";

/** All members of FROM; each may use the ones before it only where that is LATERAL. */
export function fromItems(nodes: readonly Node[], scope: Scope): readonly FromItem[] {
  const items: FromItem[] = [];
  for (const node of nodes) {
    const item = apart(fromItem(node, scope, items), items.length);
    checkNames([...items, item], scope, locationOf(node));
    items.push(item);
  }
  return items;
}

/** SQLite reads "a, b RIGHT JOIN c" as a join of (a, b) with c. */
function apart(item: FromItem, itemsBefore: number): FromItem {
  const outer = / (?:RIGHT|FULL) JOIN /.test(item.sql);
  return outer && itemsBefore > 0 ? inParentheses(item) : item;
}

/** SQLite makes a subquery of it: columns keep their names, rowids do not. */
function inParentheses(item: FromItem): FromItem {
  const rowMarks = item.relations.flatMap(({ columns }) => columnMarks(columns));
  return { ...item, sql: `(${item.sql})`, rowMarks };
}

function checkNames(items: readonly FromItem[], scope: Scope, location: number): void {
  const seen = new Set<string>();
  for (const { name } of items.flatMap((item) => item.relations)) {
    if (seen.has(name)) {
      throw scope.statement.error(
        "42712",
        `table name "${name}" specified more than once`,
        location,
      );
    }
    seen.add(name);
  }
}

function fromItem(node: Node, scope: Scope, before: readonly FromItem[]): FromItem {
  if ("RangeVar" in node) {
    return rangeVar(node.RangeVar, scope);
  }
  if ("JoinExpr" in node) {
    return join(node.JoinExpr, scope, before);
  }
  if ("RangeSubselect" in node) {
    return subselect(node.RangeSubselect, scope);
  }
  if ("RangeFunction" in node) {
    return inClause(scope, "functions in FROM", () =>
      rangeFunction(node.RangeFunction, withItems(scope, before)),
    );
  }
  throw scope.statement.notSupported(`${kindOf(node)} in FROM`, locationOf(node));
}

function rangeVar(node: RangeVar, scope: Scope): FromItem {
  const { relname: name = "", schemaname } = node;
  const common = schemaname === undefined ? scope.commonTables.get(name) : undefined;
  if (common !== undefined) {
    return commonTableItem(common, node.alias, scope);
  }
  const inPublic = schemaname === undefined || schemaname === "public";
  const relation = inPublic ? scope.statement.catalog.relations.get(name) : undefined;
  return relation === undefined ? systemTable(node, scope) : userTable(relation, node, scope);
}

function userTable(relation: Relation, node: RangeVar, scope: Scope): FromItem {
  const { statement } = scope;
  switch (relation.kind) {
    case "table":
    case "view":
      return relationItem(relation, node, scope);
    case "index":
      throw statement.error("42809", `cannot open relation "${relation.name}"`, node.location);
    case "sequence":
      throw statement.notSupported(
        `reading the sequence "${relation.name}" as a table`,
        node.location,
      );
    default:
      return unreachable(relation);
  }
}

function systemTable(node: RangeVar, scope: Scope): FromItem {
  const { relname: name = "", schemaname = "pg_catalog", location = 0 } = node;
  const system = systemRelation(schemaname, name);
  if (system === undefined) {
    const written = node.schemaname === undefined ? name : `${schemaname}.${name}`;
    throw scope.statement.error("42P01", `relation "${written}" does not exist`, location);
  }
  scope.statement.usesSystemRelations = true;
  return systemItem(system, node, scope);
}

interface Source {
  readonly sqlTable: string;
  readonly name: string;
  readonly schema: string | null;
  readonly tableOid: number;
  readonly columns: readonly ScopeColumn[];
  readonly hasRowid?: boolean;
}

function sourceItem(source: Source, alias: Alias | undefined, scope: Scope): FromItem {
  const name = alias?.aliasname ?? source.name;
  const sqlAlias = scope.statement.alias(name);
  const names = stringsOf(alias?.colnames);
  if (names.length > source.columns.length) {
    const message = `table "${name}" has ${source.columns.length} columns available but ${names.length} columns specified`;
    throw scope.statement.error("42P10", message);
  }
  const columns = source.columns.map((column, index) => ({
    ...column,
    name: names[index] ?? column.name,
    sql: `${identifier(sqlAlias)}.${column.sql}`,
  }));
  const sql =
    source.sqlTable === identifier(sqlAlias)
      ? source.sqlTable
      : `${source.sqlTable} AS ${identifier(sqlAlias)}`;
  const schema = alias === undefined ? source.schema : null;
  const relations = [{ name, schema, columns, tableOid: source.tableOid }];
  const rowMarks =
    source.hasRowid === true ? [tableMark(identifier(sqlAlias))] : columnMarks(columns);
  return { sql, relations, columns, rowMarks };
}

function commonTableItem(table: CommonTable, alias: Alias | undefined, scope: Scope): FromItem {
  const source: Source = {
    sqlTable: identifier(table.sqlName),
    name: table.name,
    schema: null,
    tableOid: 0,
    columns: table.columns,
  };
  return { ...sourceItem(source, alias, scope), isRecursive: table.isRecursive === true };
}

function relationItem(relation: Table | View, node: RangeVar, scope: Scope): FromItem {
  // Whatever loops there are, they are in the view's text.
  if (relation.kind === "view") scope.statement.mayRunLong = true;
  const source: Source = {
    sqlTable: identifier(relation.name),
    name: relation.name,
    schema: "public",
    tableOid: relation.oid,
    columns: relationColumns(relation),
    hasRowid: relation.kind === "table",
  };
  return sourceItem(source, node.alias, scope);
}

export function relationColumns(relation: Table | View): readonly ScopeColumn[] {
  return relation.columns.map((column) => ({
    name: column.name,
    sql: identifier(column.name),
    typeOid: column.typeOid,
    typeModifier: column.typeModifier,
    notNull: relation.kind === "table" && column.notNull,
    origin: { tableOid: relation.oid, number: column.number },
  }));
}

function systemItem(system: SystemRelation, node: RangeVar, scope: Scope): FromItem {
  const stored = `${identifier(system.schema)}.${identifier(system.name)}`;
  const source: Source = {
    sqlTable: sessionRelation(system, scope.statement) ?? stored,
    name: system.name,
    schema: system.schema,
    tableOid: system.oid,
    columns: system.columns.map((column, index) => ({
      name: column.name,
      sql: identifier(column.name),
      typeOid: column.typeOid,
      typeModifier: -1,
      notNull: false,
      origin: { tableOid: system.oid, number: index + 1 },
    })),
  };
  return sourceItem(source, node.alias, scope);
}

function subselect(node: RangeSubselect, scope: Scope): FromItem {
  const { subquery, alias } = node;
  if (subquery === undefined || !("SelectStmt" in subquery)) {
    throw scope.statement.notSupported("this subquery in FROM");
  }
  if (node.lateral === true) {
    throw scope.statement.notSupported("LATERAL");
  }
  const outside = withItems(scope, []);
  const query = scope.translate.query(subquery.SelectStmt, outside, { inFrom: true });
  const columns = query.columns.map((column) => ({
    ...column,
    sql: identifier(column.sqlName),
  }));
  const name = alias?.aliasname ?? "subquery";
  const source: Source = {
    sqlTable: `(${query.sql})`,
    name,
    schema: null,
    tableOid: 0,
    columns,
  };
  return sourceItem(source, alias, scope);
}

function join(node: JoinExpr, scope: Scope, before: readonly FromItem[]): FromItem {
  const { larg, rarg, quals, alias } = node;
  if (larg === undefined || rarg === undefined) {
    throw scope.statement.notSupported("this join");
  }
  if (alias !== undefined || node.join_using_alias !== undefined) {
    throw scope.statement.notSupported("an alias for a join");
  }
  const left = fromItem(larg, scope, before);
  const right = fromItem(rarg, scope, [...before, left]);
  checkNames([left, right], scope, locationOf(rarg));
  const on = () =>
    inClause(scope, "JOIN conditions", () => {
      if (quals === undefined) return undefined;
      const inner = withItems(scope, [left, right]);
      return condition(scope.translate.expression(quals, inner), "JOIN/ON", scope).sql;
    });
  const nested = "JoinExpr" in rarg ? inParentheses(right) : right;
  return joined(node, left, nested, { scope, on });
}
