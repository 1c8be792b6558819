/**
 * What a database consists of, with the types that PostgreSQL would give it. One immutable Catalog
 * describes one schema version. It is stored as rows of `_synod_catalog` (see docs/sql.md), which
 * DDL changes in the same SQLite transaction as the tables themselves; every node keeps the newest
 * one in memory. pg_catalog and information_schema are projections of it (relations/).
 *
 * Names are as PostgreSQL folded them. Only the schema "public" exists.
 */

/** An expression kept in both languages: as PostgreSQL prints it, and as SQLite runs it. */
export interface StoredExpression {
  readonly postgres: string;
  readonly sqlite: string;
}

export interface Column {
  readonly name: string;
  /** attnum: from 1, never reused within a table. */
  readonly number: number;
  readonly typeOid: number;
  /** atttypmod; -1 for none. */
  readonly typeModifier: number;
  readonly notNull: boolean;
  readonly default: StoredExpression | null;
  /** GENERATED ALWAYS / BY DEFAULT AS IDENTITY. */
  readonly identity: "always" | "byDefault" | null;
  /** The sequence that this column owns (SERIAL, IDENTITY). */
  readonly ownedSequence: string | null;
  /** GENERATED ALWAYS AS (default) STORED: no statement gives it a value. */
  readonly generated?: boolean;
  readonly comment?: string;
}

interface NamedConstraint {
  readonly oid: number;
  readonly name: string;
  readonly comment?: string;
}

export interface KeyConstraint extends NamedConstraint {
  readonly kind: "primaryKey" | "unique";
  readonly columns: readonly string[];
  /** OID of the index behind it; the index carries the constraint's name. */
  readonly indexOid: number;
}

export type ForeignKeyAction = "noAction" | "restrict" | "cascade" | "setNull" | "setDefault";

export interface ForeignKeyConstraint extends NamedConstraint {
  readonly kind: "foreignKey";
  readonly columns: readonly string[];
  readonly foreignTable: string;
  readonly foreignColumns: readonly string[];
  readonly onDelete: ForeignKeyAction;
  readonly onUpdate: ForeignKeyAction;
  readonly deferrable: boolean;
  readonly initiallyDeferred: boolean;
}

export interface CheckConstraint extends NamedConstraint {
  readonly kind: "check";
  readonly expression: StoredExpression;
}

export type Constraint = KeyConstraint | ForeignKeyConstraint | CheckConstraint;

export interface Table {
  readonly kind: "table";
  readonly oid: number;
  readonly name: string;
  readonly columns: readonly Column[];
  /** The next column's number: above all that ever were. */
  readonly nextColumnNumber: number;
  readonly constraints: readonly Constraint[];
  /**
   * The column that is SQLite's rowid (a primary key of one integer column), or null. SQLite would
   * fill NULL into it by itself, so INSERT must always give it a value that cannot be NULL.
   */
  readonly rowidColumn: string | null;
  readonly comment?: string;
}

export interface View {
  readonly kind: "view";
  readonly oid: number;
  readonly name: string;
  readonly columns: readonly Column[];
  /** The query as PostgreSQL text and as SQLite text. */
  readonly query: StoredExpression;
  readonly comment?: string;
}

/** An index that CREATE INDEX made; those of key constraints are listed here as well. */
export interface Index {
  readonly kind: "index";
  readonly oid: number;
  readonly name: string;
  readonly table: string;
  readonly unique: boolean;
  readonly method: string;
  /** Column name, or an expression. */
  readonly keys: readonly IndexKey[];
  readonly where: StoredExpression | null;
  /** The key constraint that this index serves, if any. */
  readonly constraint: string | null;
  readonly comment?: string;
}

export interface IndexKey {
  readonly column: string | null;
  readonly expression: StoredExpression | null;
  readonly descending: boolean;
  readonly nullsFirst: boolean;
}

export interface Sequence {
  readonly kind: "sequence";
  readonly oid: number;
  readonly name: string;
  readonly typeOid: number;
  readonly start: bigint;
  readonly increment: bigint;
  readonly minimum: bigint;
  readonly maximum: bigint;
  readonly cycle: boolean;
  readonly ownedBy: { readonly table: string; readonly column: string } | null;
  readonly comment?: string;
}

export type Relation = Table | View | Index | Sequence;

export interface Catalog {
  /** Rises by one with every DDL statement; 0 for a new database. */
  readonly version: number;
  /** The next OID to give; user objects start at 16384. */
  readonly nextOid: number;
  readonly relations: ReadonlyMap<string, Relation>;
}

export const FIRST_USER_OID = 16384;

export const EMPTY_CATALOG: Catalog = {
  version: 0,
  nextOid: FIRST_USER_OID,
  relations: new Map(),
};
