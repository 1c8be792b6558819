import type { Scope } from "./scope.ts";

/** The table column that an expression is a plain copy of. */
export interface ColumnOrigin {
  readonly tableOid: number;
  readonly number: number;
}

/** A column that an expression reads, with the query level that it belongs to. */
export interface ColumnUse {
  readonly scope: Scope;
  readonly relation: string;
  readonly column: string;
  readonly sql: string;
  readonly location: number;
  readonly origin: ColumnOrigin | null;
}

/** A translated expression: SQLite text and PostgreSQL type. */
export interface Typed {
  readonly sql: string;
  readonly typeOid: number;
  readonly typeModifier: number;
  /** Where PostgreSQL points to in errors. */
  readonly location: number;
  /** Type unknown as yet: a quoted literal (or NULL), or a parameter. `sql` is then not to be used. */
  readonly unknown?:
    | { readonly kind: "literal"; readonly text: string | null }
    | { readonly kind: "parameter"; readonly number: number };
  readonly origin?: ColumnOrigin;
  /** Cannot be NULL. */
  readonly notNull?: boolean;
  /** The sum, difference or product of integers, not yet checked to be in its type's range. */
  readonly unchecked?: boolean;
  /** The value, if it is a number written in the statement. */
  readonly constant?: bigint;
  /** A row constructor's fields. */
  readonly fields?: readonly Typed[];
  /** Columns read outside of aggregates. */
  readonly uses: readonly ColumnUse[];
}

export function typed(
  sql: string,
  typeOid: number,
  location: number,
  parts: readonly Typed[] = [],
): Typed {
  return { sql, typeOid, typeModifier: -1, location, uses: usesOf(parts) };
}

const NO_USES: readonly ColumnUse[] = [];

export function usesOf(parts: readonly Typed[]): readonly ColumnUse[] {
  const only = parts[0];
  if (only === undefined) return NO_USES;
  return parts.length === 1 ? only.uses : parts.flatMap((part) => part.uses);
}
