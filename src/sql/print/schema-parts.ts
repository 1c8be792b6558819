/** What schema statements need of the query translator: single expressions, and whole queries. */
import type { Node, SelectStmt } from "libpg-query";
import type { Catalog, Column } from "../catalog/catalog.ts";
import { notSupported } from "../errors.ts";

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

/** Columns are printed without their table. No parameters, subqueries or aggregates. */
export function translateExpression(_node: Node, options: ExpressionOptions): TranslatedExpression {
  throw notSupported(options.clause);
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
}

/** The query of CREATE VIEW or CREATE TABLE AS: no parameters. Its columns carry their names. */
export function translateQuery(
  _query: SelectStmt,
  _options: { readonly catalog: Catalog; readonly databaseName: string },
): TranslatedQuery {
  throw notSupported("a query here");
}
