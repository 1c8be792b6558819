/** pg_constraint. */
import type {
  Catalog,
  Constraint,
  ForeignKeyAction,
  ForeignKeyConstraint,
  Table,
} from "../catalog/catalog.ts";
import { columnsIn } from "../schema/dependencies.ts";
import { indexesOf, tableNamed, tablesOf } from "./pg-relations.ts";
import type { Producers, ProjectedRow } from "./projection-source.ts";
import { flag, PUBLIC_OID } from "./system-oids.ts";

export const constraintProducers: Producers = {
  *pg_constraint(source) {
    for (const table of tablesOf(source)) {
      for (const constraint of table.constraints) {
        yield { ...base(table, constraint), ...ofKind(table, constraint, source.catalog) };
      }
    }
  },
};

const TYPE_LETTERS: Readonly<Record<Constraint["kind"], string>> = {
  primaryKey: "p",
  unique: "u",
  foreignKey: "f",
  check: "c",
};

function base(table: Table, constraint: Constraint): ProjectedRow {
  return {
    oid: BigInt(constraint.oid),
    conname: constraint.name,
    connamespace: PUBLIC_OID,
    contype: TYPE_LETTERS[constraint.kind],
    condeferrable: 0n,
    condeferred: 0n,
    convalidated: 1n,
    conrelid: BigInt(table.oid),
    contypid: 0n,
    conindid: 0n,
    conparentid: 0n,
    confrelid: 0n,
    confupdtype: " ",
    confdeltype: " ",
    confmatchtype: " ",
    conislocal: 1n,
    coninhcount: 0n,
    connoinherit: flag(constraint.kind !== "check"),
  };
}

function ofKind(table: Table, constraint: Constraint, catalog: Catalog): ProjectedRow {
  switch (constraint.kind) {
    case "primaryKey":
    case "unique":
      return {
        conindid: BigInt(constraint.indexOid),
        conkey: numbersOf(constraint.columns, table),
      };
    case "check":
      return {
        conkey: numbersOf([...columnsIn(constraint.expression.postgres)], table),
        conbin: constraint.expression.postgres,
      };
    case "foreignKey":
      return foreignKeyRow(table, constraint, catalog);
  }
}

const ACTION_LETTERS: Readonly<Record<ForeignKeyAction, string>> = {
  noAction: "a",
  restrict: "r",
  cascade: "c",
  setNull: "n",
  setDefault: "d",
};

function foreignKeyRow(
  table: Table,
  constraint: ForeignKeyConstraint,
  catalog: Catalog,
): ProjectedRow {
  const foreign = tableNamed(constraint.foreignTable, catalog);
  const wanted = constraint.foreignColumns.toSorted().join("\0");
  const index =
    foreign &&
    indexesOf(foreign, catalog).find(
      (each) =>
        each.unique &&
        each.keys
          .map((key) => key.column ?? "")
          .toSorted()
          .join("\0") === wanted,
    );
  return {
    condeferrable: flag(constraint.deferrable),
    condeferred: flag(constraint.initiallyDeferred),
    conindid: BigInt(index?.oid ?? 0),
    confrelid: BigInt(foreign?.oid ?? 0),
    confupdtype: ACTION_LETTERS[constraint.onUpdate],
    confdeltype: ACTION_LETTERS[constraint.onDelete],
    confmatchtype: "s",
    conkey: numbersOf(constraint.columns, table),
    confkey: foreign === undefined ? "[]" : numbersOf(constraint.foreignColumns, foreign),
  };
}

/** Column numbers as an int2[] in storage form. */
function numbersOf(names: readonly string[], table: Table): string {
  const numbers = names.flatMap(
    (name) => table.columns.find((column) => column.name === name)?.number ?? [],
  );
  return JSON.stringify(numbers);
}
