/** TRUNCATE: every row of the tables goes, and their sequences start again if that is asked for. */
import type { RangeVar, TruncateStmt } from "libpg-query";
import type { Catalog, Sequence, Table } from "./catalog/catalog.ts";
import { notSupported, SqlError } from "./errors.ts";
import { identifier } from "./print/identifiers.ts";
import type { SchemaTranslation, WriteTranslation } from "./translation.ts";

export function truncate(
  node: TruncateStmt,
  catalog: Catalog,
): WriteTranslation | SchemaTranslation {
  const named = (node.relations ?? []).flatMap((relation) =>
    "RangeVar" in relation ? [tableOf(relation.RangeVar, catalog)] : [],
  );
  const cascade = node.behavior === "DROP_CASCADE";
  const chosen = cascade ? withReferring(named, catalog) : named;
  if (!cascade) {
    refuseReferred(chosen, catalog);
  }
  const ordered = referringFirst(chosen);
  const tables = ordered ?? chosen;
  const [only, another] = tables;
  const common = {
    parameterTypes: [],
    columns: null,
    tag: "TRUNCATE TABLE",
    tagCounts: false,
  };
  const deletions = tables.map((table) => ({
    sql: `DELETE FROM ${identifier(table.name)}`,
    parameters: [],
  }));
  const [first] = deletions;
  if (
    only !== undefined &&
    first !== undefined &&
    another === undefined &&
    node.restart_seqs !== true
  ) {
    return { kind: "write", step: first, ...common };
  }
  const restarts =
    node.restart_seqs === true ? tables.flatMap((table) => restart(table, catalog)) : [];
  return {
    kind: "schema",
    steps: [...deletions, ...restarts],
    // Where tables refer to one another in a circle, no order spares the foreign keys.
    rebuildsTables: ordered === null,
    catalog: { ...catalog, version: catalog.version + 1 },
    ...common,
  };
}

function tableOf(node: RangeVar, catalog: Catalog): Table {
  const name = node.relname ?? "";
  const relation = catalog.relations.get(name);
  if (relation === undefined || (node.schemaname ?? "public") !== "public") {
    throw new SqlError("42P01", `relation "${name}" does not exist`);
  }
  if (relation.kind !== "table") {
    throw new SqlError("42809", `"${name}" is not a table`);
  }
  return relation;
}

function tablesOf(catalog: Catalog): readonly Table[] {
  return [...catalog.relations.values()].filter((relation) => relation.kind === "table");
}

function refersTo(table: Table, target: Table): boolean {
  return table.constraints.some(
    (constraint) => constraint.kind === "foreignKey" && constraint.foreignTable === target.name,
  );
}

/** The tables in an order in which none is emptied before those that refer to it; null: there is none. */
function referringFirst(tables: readonly Table[]): readonly Table[] | null {
  const left = new Set(tables);
  const ordered: Table[] = [];
  while (left.size > 0) {
    const free = [...left].find((target) =>
      [...left].every((table) => table === target || !refersTo(table, target)),
    );
    if (free === undefined) return null;
    left.delete(free);
    ordered.push(free);
  }
  return ordered;
}

function refuseReferred(tables: readonly Table[], catalog: Catalog): void {
  for (const target of tables) {
    const referring = tablesOf(catalog).find(
      (table) => !tables.includes(table) && refersTo(table, target),
    );
    if (referring !== undefined) {
      throw new SqlError(
        "0A000",
        "cannot truncate a table referenced in a foreign key constraint",
        {
          detail: `Table "${referring.name}" references "${target.name}".`,
          hint: `Truncate table "${referring.name}" at the same time, or use TRUNCATE ... CASCADE.`,
        },
      );
    }
  }
}

function withReferring(tables: readonly Table[], catalog: Catalog): readonly Table[] {
  const found = new Set(tables);
  for (const target of found) {
    for (const table of tablesOf(catalog)) {
      if (refersTo(table, target)) found.add(table);
    }
  }
  return [...found];
}

/** As an INSERT that inserts nothing, because a step is a statement that gives no rows. */
function restart(table: Table, catalog: Catalog) {
  const sequences = table.columns.flatMap((column): readonly Sequence[] => {
    const relation = catalog.relations.get(column.ownedSequence ?? "");
    return relation?.kind === "sequence" ? [relation] : [];
  });
  const [column] = table.columns;
  if (column === undefined) {
    throw notSupported("RESTART IDENTITY of a table without columns");
  }
  return sequences.map((sequence) => ({
    sql:
      `INSERT INTO ${identifier(table.name)} (${identifier(column.name)}) ` +
      `SELECT NULL WHERE pg_setval(${sequence.oid}, ${sequence.start}, 0) IS NULL`,
    parameters: [],
  }));
}
