/**
 * pg_catalog and information_schema on a reading connection: two schemas in memory, attached under
 * these names and filled from the catalog that the connection sees. They are filled anew only when
 * the catalog or the list of databases is another one than last time.
 *
 * What they are filled for stands among them: a rollback, also one to a savepoint, takes it back
 * together with the rows.
 */
import {
  type ProjectedTable,
  type ProjectionSource,
  projectedTables,
} from "../sql/relations/projection.ts";
import type { Connection, Statement } from "./connection.ts";

const FILLED_FOR = "pg_catalog._synod_filled_for";

export class SystemRelations {
  readonly #connection: Connection;
  readonly #isReader: boolean;
  /** Null: not attached; "": nobody's. */
  #filledFor: string | null = null;
  #noted: Statement | null = null;

  /** A reader's connection refuses to write otherwise. */
  constructor(connection: Connection, use: "reader" | "writer") {
    this.#connection = connection;
    this.#isReader = use === "reader";
  }

  /** Whether the relations hold the rows for this already. */
  isFilledFor(source: ProjectionSource): boolean {
    const key = keyOf(source);
    if (this.#filledFor !== key) return false;
    this.#noted ??= this.#connection.prepare<unknown[]>(`SELECT key FROM ${FILLED_FOR}`).pluck();
    return this.#noted.get() === key;
  }

  /** What was filled in is gone, or nobody's any more. */
  forget(): void {
    if (this.#filledFor !== null) this.#filledFor = "";
  }

  /** Makes the relations exist; must run outside of a transaction. */
  attach(): void {
    if (this.#filledFor !== null) return;
    this.#unlocked(() => {
      for (const schema of ["pg_catalog", "information_schema"]) {
        this.#connection.exec(`ATTACH ':memory:' AS ${schema}`);
      }
      for (const { schema, name, columns } of projectedTables) {
        const list = columns.map((column) => quote(column.name)).join(", ");
        this.#connection.exec(`CREATE TABLE ${schema}.${quote(name)} (${list})`);
      }
      this.#connection.exec(`CREATE TABLE ${FILLED_FOR} (key TEXT)`);
    });
    this.#filledFor = "";
  }

  /** Brings the rows up to date, inside the transaction that the query runs in. */
  fill(source: ProjectionSource): void {
    if (this.isFilledFor(source)) return;
    // Until all of them are full they are nobody's.
    this.#filledFor = "";
    const key = keyOf(source);
    this.#unlocked(() => {
      for (const table of projectedTables) this.#fillTable(table, source);
      this.#connection.exec(`DELETE FROM ${FILLED_FOR}`);
      this.#connection.prepare<unknown[]>(`INSERT INTO ${FILLED_FOR} VALUES (?)`).run(key);
    });
    this.#filledFor = key;
  }

  #fillTable(table: ProjectedTable, source: ProjectionSource): void {
    const target = `${table.schema}.${quote(table.name)}`;
    this.#connection.exec(`DELETE FROM ${target}`);
    const marks = table.columns.map(() => "?").join(", ");
    const insert = this.#connection.prepare<unknown[]>(`INSERT INTO ${target} VALUES (${marks})`);
    for (const row of table.rows(source)) insert.run(row);
  }

  /** Lets the connection write while `work` runs: it only writes to its own memory. */
  #unlocked(work: () => void): void {
    if (!this.#isReader) return work();
    this.#connection.pragma("query_only = OFF");
    try {
      work();
    } finally {
      this.#connection.pragma("query_only = ON");
    }
  }
}

function keyOf({ catalog, databases, currentDatabase }: ProjectionSource): string {
  return JSON.stringify([catalog.version, currentDatabase, databases]);
}

function quote(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
