import type {
  Catalog,
  Constraint,
  Index,
  Relation,
  Sequence,
  Table,
  View,
} from "../catalog/catalog.ts";
import { SqlError } from "../errors.ts";
import type { TranslatedQuery } from "../print/schema-parts.ts";
import { assertRelationName, freeName } from "./names.ts";

/** A query that must find no row; it calls synod_fail() for the first one that it finds. */
export interface Verification {
  /** The table whose rows are looked at, as they are after the statement. */
  readonly table: string;
  /** FROM's item is given to it: a subquery named as the table, with the new columns. */
  sql(rows: string): string;
}

/**
 * The next Catalog while one statement's changes are put into it. Nothing of SQLite here: what has
 * to be done there follows from comparing `before` with `after` (schema-steps.ts), from the sources
 * of columns that are computed, and from the rows that must be verified.
 */
export class SchemaDraft {
  readonly before: Catalog;
  readonly databaseName: string;
  readonly notices: { severity: string; sqlState: string; message: string }[] = [];
  /** SQLite expressions over the old row for columns that change: "table oid:column number". */
  readonly sources = new Map<string, string>();
  readonly verifications: Verification[] = [];
  /** Sequences that start again at this value. */
  readonly restarts = new Map<number, bigint>();
  /** New sequences that have numbered the rows of a table, by OID, and the table. */
  readonly numbered = new Map<number, string>();
  /** Queries that fill new tables, by the table's name. */
  readonly fills = new Map<string, Pick<TranslatedQuery, "sqlite" | "mayRunLong">>();
  readonly #relations: Map<string, Relation>;
  #nextOid: number;

  constructor(before: Catalog, databaseName: string) {
    this.before = before;
    this.databaseName = databaseName;
    this.#relations = new Map(before.relations);
    this.#nextOid = before.nextOid;
  }

  /** The Catalog as changed so far, one version above. */
  catalog(): Catalog {
    return {
      version: this.before.version + 1,
      nextOid: this.#nextOid,
      relations: new Map(this.#relations),
    };
  }

  relations(): Iterable<Relation> {
    return this.#relations.values();
  }

  relation(name: string): Relation | undefined {
    return this.#relations.get(name);
  }

  newOid(): number {
    this.#nextOid += 1;
    return this.#nextOid - 1;
  }

  notice(sqlState: string, message: string): void {
    this.notices.push({ severity: "NOTICE", sqlState, message });
  }

  /** Adds a relation under a new name: 42P07 if it is taken, 42939 if it is reserved. */
  add(relation: Relation): void {
    if (this.#relations.has(relation.name)) {
      throw new SqlError("42P07", `relation "${relation.name}" already exists`);
    }
    assertRelationName(relation.name, this);
    this.#relations.set(relation.name, relation);
  }

  /** Replaces the relation of the same name. */
  put(relation: Relation): void {
    this.#relations.set(relation.name, relation);
  }

  remove(name: string): void {
    this.#relations.delete(name);
  }

  /** Puts `relation` under its new name in the place of `oldName`. */
  rename(oldName: string, relation: Relation): void {
    this.#relations.delete(oldName);
    this.add(relation);
  }

  /** 42P01 if there is none, 42809 if it is something else. */
  table(name: string): Table {
    const relation = this.#relations.get(name);
    if (relation === undefined) {
      throw new SqlError("42P01", `relation "${name}" does not exist`);
    }
    if (relation.kind !== "table") throw new SqlError("42809", `"${name}" is not a table`);
    return relation;
  }

  tables(): readonly Table[] {
    return [...this.relations()].filter((relation) => relation.kind === "table");
  }

  views(): readonly View[] {
    return [...this.relations()].filter((relation) => relation.kind === "view");
  }

  sequences(): readonly Sequence[] {
    return [...this.relations()].filter((relation) => relation.kind === "sequence");
  }

  indexesOf(table: string): readonly Index[] {
    return [...this.relations()].filter(
      (relation) => relation.kind === "index" && relation.table === table,
    ) as Index[];
  }

  /** A free relation name made of a table, columns and a label (t_a_key, t_c_seq). */
  freeRelationName(table: string, columns: string | null, label: string): string {
    return freeName(
      table,
      columns,
      label,
      (name) => this.#relations.has(name) || this.hasConstraint(name),
    );
  }

  /** A free constraint name; unlike a relation's it is only compared with other constraints. */
  freeConstraintName(
    table: string,
    columns: string | null,
    label: string,
    own: readonly Constraint[],
  ): string {
    return freeName(
      table,
      columns,
      label,
      (name) => this.hasConstraint(name) || own.some((constraint) => constraint.name === name),
    );
  }

  hasConstraint(name: string): boolean {
    return this.tables().some((table) =>
      table.constraints.some((constraint) => constraint.name === name),
    );
  }

  setSource(table: Table, columnNumber: number, sqlite: string): void {
    this.sources.set(`${table.oid}:${columnNumber}`, sqlite);
  }
}
