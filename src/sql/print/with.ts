/** WITH [RECURSIVE]. */
import type { CommonTableExpr, SelectStmt, WithClause } from "libpg-query";
import { stringsOf } from "../analyze/nodes.ts";
import type { CommonTable, OutputColumn, Query, Scope, ScopeColumn } from "../analyze/scope.ts";
import { identifier } from "./identifiers.ts";

export interface WithTables {
  /** "WITH …", or empty. */
  readonly sql: string;
  /** The given scope with the new names. */
  readonly scope: Scope;
}

export function withClause(clause: WithClause | undefined, outer: Scope): WithTables {
  if (clause === undefined) {
    return { sql: "", scope: outer };
  }
  const recursive = clause.recursive === true;
  let scope = outer;
  const parts: string[] = [];
  const taken = new Set<string>();
  for (const node of clause.ctes ?? []) {
    if (!("CommonTableExpr" in node)) continue;
    const { ctename = "", location } = node.CommonTableExpr;
    if (taken.has(ctename)) {
      const message = `WITH query name "${ctename}" specified more than once`;
      throw outer.statement.error("42712", message, location);
    }
    taken.add(ctename);
    const table = commonTable(node.CommonTableExpr, scope, recursive);
    parts.push(table.sql);
    scope = withTable(scope, table.table);
  }
  return { sql: `WITH ${recursive ? "RECURSIVE " : ""}${parts.join(", ")}`, scope };
}

function withTable(scope: Scope, table: CommonTable): Scope {
  return { ...scope, commonTables: new Map([...scope.commonTables, [table.name, table]]) };
}

function commonTable(node: CommonTableExpr, scope: Scope, recursive: boolean) {
  const { ctename: name = "", ctequery, location } = node;
  const { statement } = scope;
  if (node.search_clause !== undefined || node.cycle_clause !== undefined) {
    throw statement.notSupported("SEARCH and CYCLE", location);
  }
  if (ctequery === undefined || !("SelectStmt" in ctequery)) {
    throw statement.notSupported("a data-modifying statement in WITH", location);
  }
  const select = ctequery.SelectStmt;
  // SQLite would take a table of the same name inside of the query for the query itself.
  const sqlName = statement.alias(statement.catalog.relations.has(name) ? `${name}_with` : name);
  const names = stringsOf(node.aliascolnames);
  const body =
    recursive && select.op === "SETOP_UNION" && mentions(select.rarg, name)
      ? recursiveBody(select, { name, sqlName, names }, scope)
      : scope.translate.query(select, scope, { inFrom: true });
  const columns = renamed(body.columns, names, { name, location }, scope);
  const list = columns.map((column) => column.sql).join(", ");
  const hint =
    node.ctematerialized === "CTEMaterializeAlways"
      ? "MATERIALIZED "
      : node.ctematerialized === "CTEMaterializeNever"
        ? "NOT MATERIALIZED "
        : "";
  return {
    sql: `${identifier(sqlName)}(${list}) AS ${hint}(${body.sql})`,
    table: { name, sqlName, columns },
  };
}

/** Whether a tree names a relation anywhere. */
function mentions(tree: unknown, name: string): boolean {
  if (typeof tree !== "object" || tree === null) {
    return false;
  }
  if ("RangeVar" in tree) {
    const { relname, schemaname } = tree.RangeVar as { relname?: string; schemaname?: string };
    if (relname === name && schemaname === undefined) return true;
  }
  return Object.values(tree).some((child) => mentions(child, name));
}

interface Named {
  readonly name: string;
  readonly sqlName: string;
  readonly names: readonly string[];
}

/** The first term decides the types; the second sees the table under its name. */
function recursiveBody(select: SelectStmt, named: Named, scope: Scope): Query {
  const { larg, rarg } = select;
  if (larg === undefined || rarg === undefined) {
    throw scope.statement.notSupported("this recursive query");
  }
  if (select.sortClause !== undefined || select.limitCount !== undefined) {
    throw scope.statement.notSupported("ORDER BY or LIMIT in a recursive query");
  }
  const start = scope.translate.query(larg, scope);
  const { name, sqlName } = named;
  const columns = renamed(start.columns, named.names, { name, location: undefined }, scope);
  const inner = withTable(scope, { name, sqlName, columns, isRecursive: true });
  const targets = start.columns.map((column) => column.typeOid);
  const next = scope.translate.query(rarg, inner, { targets });
  for (const [index, column] of start.columns.entries()) {
    const other = next.columns[index];
    if (other === undefined || other.typeOid !== column.typeOid) {
      const message = `recursive query "${name}" column ${index + 1} has different types in its two terms`;
      throw scope.statement.error("42804", message, undefined, {
        hint: "Cast the output of the non-recursive term to the correct type.",
      });
    }
  }
  const operator = select.all === true ? "UNION ALL" : "UNION";
  return {
    sql: `${start.sql} ${operator} ${next.sql}`,
    columns: start.columns.map((column) => ({ ...column, notNull: false })),
    uses: [...start.uses, ...next.uses],
    singleRow: false,
  };
}

function renamed(
  columns: readonly OutputColumn[],
  names: readonly string[],
  owner: { readonly name: string; readonly location: number | undefined },
  scope: Scope,
): readonly ScopeColumn[] {
  if (names.length > columns.length) {
    const message = `table "${owner.name}" has ${columns.length} columns available but ${names.length} columns specified`;
    throw scope.statement.error("42P10", message, owner.location);
  }
  return columns.map((column, index) => ({
    name: names[index] ?? column.name,
    sql: identifier(column.sqlName),
    typeOid: column.typeOid,
    typeModifier: column.typeModifier,
    notNull: column.notNull,
    origin: column.origin,
  }));
}
