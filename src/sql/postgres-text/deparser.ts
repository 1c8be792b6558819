import type { Node, SelectStmt } from "libpg-query";

/** What was learned from translating a statement and is needed to write it down again. */
export interface Resolved {
  /** Type OID of each literal that had none, by its location. */
  readonly literalTypes: ReadonlyMap<number, number>;
  /** The columns of each `*`, by its location, as `relation.column`. */
  readonly stars: ReadonlyMap<number, readonly string[]>;
}

/** How the writers of expressions and of queries reach each other. */
export interface Deparser extends Resolved {
  readonly expression: (node: Node) => string;
  readonly query: (select: SelectStmt) => string;
}
