/** What schema statements need of the query translator: single expressions, and whole queries. */
import type { Node, SelectStmt } from "libpg-query";
import { type FromItem, inClause, rootScope, type Scope, withItems } from "../analyze/scope.ts";
import { StatementState } from "../analyze/statement.ts";
import type { Catalog, Column } from "../catalog/catalog.ts";
import { deparserOf } from "../postgres-text/query-text.ts";
import { assigned } from "./assignment.ts";
import { settled } from "./cast.ts";
import { identifier } from "./identifiers.ts";
import { translators } from "./translators.ts";

export interface ExpressionOptions {
  readonly catalog: Catalog;
  readonly databaseName: string;
  /** The table whose columns may be named; null where none may (DEFAULT). */
  readonly table: { readonly name: string; readonly columns: readonly Column[] } | null;
  /** "DEFAULT expressions", "check constraints", "index expressions" …: for errors. */
  readonly clause: string;
  /** The value is assigned to this type; absent: it keeps its own. */
  readonly target?: {
    readonly typeOid: number;
    readonly typeModifier: number;
    readonly column: string;
  };
}

export interface TranslatedExpression {
  readonly sqlite: string;
  /** As pg_get_expr would print it. */
  readonly postgres: string;
  readonly typeOid: number;
  readonly typeModifier: number;
  /** Names of the columns that it reads. */
  readonly columns: readonly string[];
  /** Gives the same for the same row, always: fit for an index. */
  readonly immutable: boolean;
}

/** Columns are printed without their table's name. No parameters, subqueries or aggregates. */
export function translateExpression(node: Node, options: ExpressionOptions): TranslatedExpression {
  const statement = stateOf(options);
  const root = rootScope(statement, {
    ...translators,
    query: () => {
      throw statement.error("0A000", `cannot use subquery in ${singular(options.clause)}`);
    },
  });
  const scope = withItems(root, options.table === null ? [] : [bareTable(options.table)]);
  const given = inClause(scope, options.clause, () => scope.translate.expression(node, scope));
  if (statement.parameters.length > 0) {
    throw statement.notSupported(`a value of the session in ${options.clause}`);
  }
  const { target } = options;
  const value =
    target === undefined ? settled(given, statement) : assigned(given, columnOf(target), statement);
  return {
    sqlite: value.sql,
    postgres: deparserOf(statement.resolved).expression(node),
    typeOid: value.typeOid,
    typeModifier: value.typeModifier,
    columns: [...new Set(value.uses.map((use) => use.column))],
    immutable: !statement.volatile,
  };
}

function singular(clause: string): string {
  return clause.replace(/s$/, "");
}

function stateOf({ catalog, databaseName }: { catalog: Catalog; databaseName: string }) {
  return new StatementState({
    catalog,
    databaseName,
    parameterTypes: null,
    // The tree may come from another text than the client's, so positions would mislead.
    source: { text: "", position: 0, byteOffset: Number.MAX_SAFE_INTEGER },
  });
}

function bareTable({ name, columns }: NonNullable<ExpressionOptions["table"]>): FromItem {
  const scopeColumns = columns.map((column) => ({
    name: column.name,
    sql: identifier(column.name),
    typeOid: column.typeOid,
    typeModifier: column.typeModifier,
    notNull: column.notNull,
    origin: null,
  }));
  const relation = { name, schema: null, columns: scopeColumns, tableOid: 0 };
  return { sql: "", relations: [relation], columns: scopeColumns, rowMarks: [] };
}

function columnOf(target: NonNullable<ExpressionOptions["target"]>): Column {
  return {
    name: target.column,
    number: 1,
    typeOid: target.typeOid,
    typeModifier: target.typeModifier,
    notNull: false,
    default: null,
    identity: null,
    ownedSequence: null,
  };
}

export interface TranslatedQuery {
  readonly sqlite: string;
  readonly postgres: string;
  readonly columns: readonly {
    readonly name: string;
    readonly typeOid: number;
    readonly typeModifier: number;
  }[];
  readonly usesSystemRelations: boolean;
  /** See Step.mayRunLong. */
  readonly mayRunLong: boolean;
}

/** The query of CREATE VIEW or CREATE TABLE AS: no parameters. Its columns carry their names. */
export function translateQuery(
  query: SelectStmt,
  options: { readonly catalog: Catalog; readonly databaseName: string },
): TranslatedQuery {
  const statement = stateOf(options);
  const scope: Scope = rootScope(statement, translators);
  const { sql, columns } = scope.translate.query(query, scope);
  if (statement.parameters.length > 0) {
    throw statement.notSupported("a value of the session in a stored query");
  }
  return {
    sqlite: sql,
    postgres: deparserOf(statement.resolved).query(query),
    columns: columns.map(({ name, typeOid, typeModifier }) => ({ name, typeOid, typeModifier })),
    usesSystemRelations: statement.usesSystemRelations,
    mayRunLong: statement.mayRunLong,
  };
}
