import type { Catalog } from "../catalog/catalog.ts";
import type { SqliteValue } from "../values.ts";

/** What the system relations are filled from: one database's schema and the list of databases. */
export interface ProjectionSource {
  readonly catalog: Catalog;
  readonly databases: readonly { readonly id: number; readonly name: string }[];
  readonly currentDatabase: string;
}

/** One row of a system relation by column name; a column that is missing is NULL. */
export type ProjectedRow = Readonly<Record<string, SqliteValue>>;

/** The rows of the system relations that are not always empty, by relation name. */
export type Producers = Readonly<
  Record<string, (source: ProjectionSource) => Iterable<ProjectedRow>>
>;
