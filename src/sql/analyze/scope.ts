import type { Node, SelectStmt } from "libpg-query";
import type { StatementState } from "./statement.ts";
import type { ColumnOrigin, ColumnUse, Typed } from "./typed.ts";

/** A column that an expression may name. */
export interface ScopeColumn {
  readonly name: string;
  /** How SQLite names it from anywhere inside the query. */
  readonly sql: string;
  readonly typeOid: number;
  readonly typeModifier: number;
  readonly notNull: boolean;
  readonly origin: ColumnOrigin | null;
}

/** What a qualified name's first part may be: a table, view, subquery or function in FROM. */
export interface ScopeRelation {
  readonly name: string;
  readonly schema: string | null;
  readonly columns: readonly ScopeColumn[];
  readonly tableOid: number;
}

/** One member of FROM with the names that it brings. */
export interface FromItem {
  readonly sql: string;
  readonly relations: readonly ScopeRelation[];
  /** The columns that `*` and unqualified names see, in order. */
  readonly columns: readonly ScopeColumn[];
  /** What names a row of each member that is always there (print/check.ts). */
  readonly rowMarks: readonly string[];
  /** The query's own rows so far: it goes on as long as they give new ones. */
  readonly isRecursive?: boolean;
}

/** A query that WITH names. */
export interface CommonTable {
  /** Named inside of itself. */
  readonly isRecursive?: boolean;
  readonly name: string;
  readonly sqlName: string;
  readonly columns: readonly ScopeColumn[];
}

/** What is known of one SELECT while its clauses are translated. */
export interface QueryLevel {
  /** The clause now being translated, as errors name it: "WHERE", "JOIN conditions" … */
  clause: string;
  aggregates: number;
  windowFunctions: number;
  /** Inside an aggregate's arguments. */
  insideAggregate: boolean;
  /** SQLite texts of the GROUP BY expressions. */
  readonly groupKeys: Set<string>;
  /** WINDOW clause: name to definition. */
  readonly windows: Map<string, string>;
  /** FROM items that set-returning functions of the target list became. */
  readonly setReturning: FromItem[];
}

/** A column that a query gives. */
export interface OutputColumn {
  readonly name: string;
  /** What the printed query calls it: unique within the query. */
  readonly sqlName: string;
  readonly typeOid: number;
  readonly typeModifier: number;
  readonly notNull: boolean;
  readonly origin: ColumnOrigin | null;
}

/** A translated SELECT, VALUES or set operation. */
export interface Query {
  readonly sql: string;
  readonly columns: readonly OutputColumn[];
  /** Columns of enclosing queries that it reads. */
  readonly uses: readonly ColumnUse[];
  /** Cannot give more than one row. */
  readonly singleRow: boolean;
}

export interface QueryOptions {
  /** Types that output columns of unknown type take (INSERT … SELECT 'x'); text where absent. */
  readonly targets?: readonly number[];
  /** It is a member of another query's FROM. */
  readonly inFrom?: boolean;
}

/** How the printers reach each other; a table instead of imports, which would be circular. */
export interface Translators {
  readonly expression: (node: Node, scope: Scope) => Typed;
  /** `scope` is the enclosing one. */
  readonly query: (select: SelectStmt, scope: Scope, options?: QueryOptions) => Query;
}

/** Names that can be used at one place of a statement. */
export interface Scope {
  readonly translate: Translators;
  readonly statement: StatementState;
  readonly parent: Scope | null;
  readonly items: readonly FromItem[];
  readonly commonTables: ReadonlyMap<string, CommonTable>;
  readonly level: QueryLevel;
  /** Columns are printed without their table's name (CHECK, index expressions). */
  readonly bareColumns: boolean;
}

function newLevel(clause: string): QueryLevel {
  return {
    clause,
    aggregates: 0,
    windowFunctions: 0,
    insideAggregate: false,
    groupKeys: new Set(),
    windows: new Map(),
    setReturning: [],
  };
}

export function rootScope(statement: StatementState, translate: Translators): Scope {
  return {
    translate,
    statement,
    parent: null,
    items: [],
    commonTables: new Map(),
    level: newLevel("statement"),
    bareColumns: false,
  };
}

/** A query inside of `outer`; it sees the names of `outer`. */
export function innerScope(outer: Scope): Scope {
  return {
    translate: outer.translate,
    statement: outer.statement,
    parent: outer,
    items: [],
    commonTables: outer.commonTables,
    level: newLevel("SELECT"),
    bareColumns: false,
  };
}

/** The same query level with other FROM items in sight. */
export function withItems(scope: Scope, items: readonly FromItem[]): Scope {
  return { ...scope, items };
}

/** Translates one clause and restores the level's clause name. */
export function inClause<T>(scope: Scope, clause: string, action: () => T): T {
  const { level } = scope;
  const before = level.clause;
  level.clause = clause;
  try {
    return action();
  } finally {
    level.clause = before;
  }
}

/** The columns of enclosing queries among those read at a level. */
export function outerUses(uses: readonly ColumnUse[], scope: Scope): readonly ColumnUse[] {
  return uses.filter((use) => use.scope.level !== scope.level);
}
