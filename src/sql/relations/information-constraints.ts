/** The views of information_schema that describe constraints. */
import type { Constraint, ForeignKeyConstraint, KeyConstraint, Table } from "../catalog/catalog.ts";
import { columnsIn } from "../schema/dependencies.ts";
import { ACTION_WORDS } from "./definitions.ts";
import { yesOrNo } from "./information-columns.ts";
import { indexesOf, tableNamed, tablesOf } from "./pg-relations.ts";
import type { Producers, ProjectedRow, ProjectionSource } from "./projection-source.ts";
import { PUBLIC_OID } from "./system-oids.ts";

export const informationConstraintProducers: Producers = {
  *table_constraints(source) {
    for (const table of tablesOf(source)) {
      for (const constraint of table.constraints) yield tableConstraint(table, constraint, source);
      for (const column of table.columns) {
        if (!column.notNull) continue;
        const name = notNullName(table, column.number);
        yield {
          ...constraintPlace(name, source),
          ...tablePlace(table.name, source),
          constraint_type: "CHECK",
          ...NOT_DEFERRABLE,
        };
      }
    }
  },
  *key_column_usage(source) {
    for (const table of tablesOf(source)) {
      for (const constraint of table.constraints) {
        if (constraint.kind !== "check") yield* keyColumns(table, constraint, source);
      }
    }
  },
  *constraint_column_usage(source) {
    for (const table of tablesOf(source)) {
      for (const constraint of table.constraints) yield* usedColumns(table, constraint, source);
    }
  },
  *constraint_table_usage(source) {
    for (const table of tablesOf(source)) {
      for (const constraint of table.constraints) {
        if (constraint.kind === "check") continue;
        const used = constraint.kind === "foreignKey" ? constraint.foreignTable : table.name;
        yield { ...tablePlace(used, source), ...constraintPlace(constraint.name, source) };
      }
    }
  },
  *referential_constraints(source) {
    for (const table of tablesOf(source)) {
      for (const constraint of table.constraints) {
        if (constraint.kind === "foreignKey") yield referential(constraint, source);
      }
    }
  },
  *check_constraints(source) {
    for (const table of tablesOf(source)) {
      for (const constraint of table.constraints) {
        if (constraint.kind !== "check") continue;
        const clause = constraint.expression.postgres;
        yield { ...constraintPlace(constraint.name, source), check_clause: clause };
      }
      for (const column of table.columns) {
        if (!column.notNull) continue;
        const place = constraintPlace(notNullName(table, column.number), source);
        yield { ...place, check_clause: `${column.name} IS NOT NULL` };
      }
    }
  },
};

const NOT_DEFERRABLE: ProjectedRow = {
  is_deferrable: "NO",
  initially_deferred: "NO",
  enforced: "YES",
};

/** The standard sees NOT NULL as a constraint; PostgreSQL 15 makes its name up like this. */
function notNullName(table: Table, columnNumber: number): string {
  return `${PUBLIC_OID}_${table.oid}_${columnNumber}_not_null`;
}

function constraintPlace(name: string, source: ProjectionSource): ProjectedRow {
  return {
    constraint_catalog: source.currentDatabase,
    constraint_schema: "public",
    constraint_name: name,
  };
}

function tablePlace(name: string, source: ProjectionSource): ProjectedRow {
  return { table_catalog: source.currentDatabase, table_schema: "public", table_name: name };
}

const TYPE_WORDS: Readonly<Record<Constraint["kind"], string>> = {
  primaryKey: "PRIMARY KEY",
  unique: "UNIQUE",
  foreignKey: "FOREIGN KEY",
  check: "CHECK",
};

function tableConstraint(
  table: Table,
  constraint: Constraint,
  source: ProjectionSource,
): ProjectedRow {
  const foreign = constraint.kind === "foreignKey";
  return {
    ...constraintPlace(constraint.name, source),
    ...tablePlace(table.name, source),
    constraint_type: TYPE_WORDS[constraint.kind],
    is_deferrable: yesOrNo(foreign && constraint.deferrable),
    initially_deferred: yesOrNo(foreign && constraint.initiallyDeferred),
    enforced: "YES",
    ...(constraint.kind === "unique" ? { nulls_distinct: "YES" } : {}),
  };
}

function* keyColumns(
  table: Table,
  constraint: KeyConstraint | ForeignKeyConstraint,
  source: ProjectionSource,
): Iterable<ProjectedRow> {
  const key =
    constraint.kind === "foreignKey" ? referencedKey(constraint, source)?.columns : undefined;
  for (const [at, column] of constraint.columns.entries()) {
    const referenced = constraint.kind === "foreignKey" ? constraint.foreignColumns[at] : undefined;
    yield {
      ...constraintPlace(constraint.name, source),
      ...tablePlace(table.name, source),
      column_name: column,
      ordinal_position: BigInt(at + 1),
      position_in_unique_constraint:
        referenced === undefined ? null : BigInt((key ?? [referenced]).indexOf(referenced) + 1),
    };
  }
}

/** The unique key that a foreign key points to: its name and columns. */
function referencedKey(
  constraint: ForeignKeyConstraint,
  source: ProjectionSource,
): { readonly name: string; readonly columns: readonly string[] } | undefined {
  const foreign = tableNamed(constraint.foreignTable, source.catalog);
  if (foreign === undefined) return undefined;
  const wanted = constraint.foreignColumns.toSorted().join("\0");
  for (const index of indexesOf(foreign, source.catalog)) {
    const columns = index.keys.map((key) => key.column ?? "");
    if (index.unique && columns.toSorted().join("\0") === wanted) {
      return { name: index.name, columns };
    }
  }
  return undefined;
}

function* usedColumns(
  table: Table,
  constraint: Constraint,
  source: ProjectionSource,
): Iterable<ProjectedRow> {
  const [used, columns] = usage(table, constraint);
  for (const column of columns) {
    yield {
      ...tablePlace(used, source),
      column_name: column,
      ...constraintPlace(constraint.name, source),
    };
  }
}

function usage(table: Table, constraint: Constraint): readonly [string, readonly string[]] {
  switch (constraint.kind) {
    case "foreignKey":
      return [constraint.foreignTable, constraint.foreignColumns];
    case "check":
      return [table.name, [...columnsIn(constraint.expression.postgres)]];
    case "primaryKey":
    case "unique":
      return [table.name, constraint.columns];
  }
}

function referential(constraint: ForeignKeyConstraint, source: ProjectionSource): ProjectedRow {
  return {
    ...constraintPlace(constraint.name, source),
    unique_constraint_catalog: source.currentDatabase,
    unique_constraint_schema: "public",
    unique_constraint_name: referencedKey(constraint, source)?.name ?? null,
    match_option: "NONE",
    update_rule: ACTION_WORDS[constraint.onUpdate],
    delete_rule: ACTION_WORDS[constraint.onDelete],
  };
}
