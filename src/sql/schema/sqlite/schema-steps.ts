/**
 * From two Catalogs to the SQLite statements that lead from one to the other, in this order:
 *
 * | step | why here |
 * | drop views | SQLite resolves every view whenever a table is renamed |
 * | verify rows | PostgreSQL's own errors, before SQLite finds the fault |
 * | drop indexes, drop tables | names become free |
 * | sequences | columns that are added may take values from new ones |
 * | create tables, rebuild changed ones | rebuild: create aside, copy, drop, rename |
 * | create indexes | also those that a rebuild has dropped |
 * | create views | |
 * | rows of _synod_catalog, next_oid | |
 * | fill new tables | last, so that its row count is the statement's |
 */
import type { Catalog, Index, Relation, Sequence, Table, View } from "../../catalog/catalog.ts";
import { encodeRelation } from "../../catalog/stored.ts";
import { identifier } from "../../print/identifiers.ts";
import type { TranslatedQuery } from "../../print/schema-parts.ts";
import type { Step } from "../../translation.ts";
import type { SqliteValue } from "../../values.ts";
import type { SchemaDraft } from "../schema-draft.ts";
import { createIndexSql, tableOf } from "./index-sql.ts";
import { columnList, columnSql, createTableSql, isLiteral } from "./table-sql.ts";

export interface SchemaSteps {
  readonly steps: readonly Step[];
  readonly rebuildsTables: boolean;
}

export function schemaSteps(draft: SchemaDraft): SchemaSteps {
  const before = draft.before;
  const after = draft.catalog();
  const plan = tablePlan(before, after);
  const viewsMove = plan.moves || viewsDiffer(before, after);
  const steps = [
    ...(viewsMove ? dropViews(before) : []),
    ...verificationSteps(draft),
    ...dropIndexes(before, after, plan),
    ...plan.dropped.map((table) => step(`DROP TABLE ${identifier(table.name)}`)),
    ...sequenceSteps(draft, after),
    ...plan.created.map((table) => step(createTableSql(table))),
    ...plan.extended.flatMap(({ table, added }) => addColumns(table, added)),
    ...plan.rebuilt.flatMap(({ from, to }) => rebuild(draft, from, to)),
    ...numberedSteps(draft, after),
    ...createIndexes(before, after, plan),
    ...(viewsMove ? createViews(after) : []),
    ...catalogSteps(before, after),
    ...[...draft.fills].map(([table, query]) => fillStep(after, table, query)),
  ];
  const dropsReferences = plan.dropped.some((table) => isReferenced(table, before));
  return { steps, rebuildsTables: plan.rebuilt.length > 0 || dropsReferences };
}

/** A statement with constant parameters. */
export function step(sql: string, ...values: readonly SqliteValue[]): Step {
  return { sql, parameters: values.map((value) => ({ from: "constant", value })) };
}

interface TablePlan {
  readonly created: readonly Table[];
  readonly dropped: readonly Table[];
  readonly rebuilt: readonly { readonly from: Table; readonly to: Table }[];
  /** Tables that only gain columns at their end. */
  readonly extended: readonly { readonly table: Table; readonly added: Table["columns"] }[];
  /** Some table changes its shape or goes. */
  readonly moves: boolean;
}

function tablePlan(before: Catalog, after: Catalog): TablePlan {
  const old = new Map(tables(before).map((table) => [table.oid, table]));
  const kept = tables(after).flatMap((to) => {
    const from = old.get(to.oid);
    return from === undefined || createTableSql(from) === createTableSql(to) ? [] : [{ from, to }];
  });
  const left = new Set(tables(after).map((table) => table.oid));
  const dropped = tables(before).filter((table) => !left.has(table.oid));
  const extended = kept.flatMap(({ from, to }) => {
    const added = addedColumns(from, to);
    return added === null ? [] : [{ table: to, added }];
  });
  const rebuilt = kept.filter(({ from, to }) => addedColumns(from, to) === null);
  return {
    created: tables(after).filter((table) => !old.has(table.oid)),
    dropped,
    rebuilt,
    extended,
    moves: kept.length > 0 || dropped.length > 0,
  };
}

/** The columns that ALTER TABLE ADD COLUMN can bring `from` to `to` with; null if it cannot. */
function addedColumns(from: Table, to: Table): Table["columns"] | null {
  const added = to.columns.slice(from.columns.length);
  const without = { ...to, columns: to.columns.slice(0, from.columns.length) };
  if (added.length === 0 || createTableSql(from) !== createTableSql(without)) return null;
  const simple = added.every((column) => {
    if (column.generated === true || column.identity !== null) return false;
    if (column.default === null) return !column.notNull;
    return isLiteral(column.default.sqlite) && column.default.sqlite !== "NULL";
  });
  return simple ? added : null;
}

function addColumns(table: Table, added: Table["columns"]): Step[] {
  return added.map((column) =>
    step(`ALTER TABLE ${identifier(table.name)} ADD COLUMN ${columnSql(column, null)}`),
  );
}

/** SQLite's own advice for what ALTER TABLE cannot do; foreign keys are off while it runs. */
function rebuild(draft: SchemaDraft, from: Table, to: Table): Step[] {
  const aside = `_synod_rebuild_${to.oid}`;
  const stored = to.columns.filter((column) => column.generated !== true);
  const names = columnList(stored.map((column) => column.name));
  const values = stored.map((column) => sourceOf(draft, from, to, column)).join(", ");
  return [
    step(createTableSql(to, aside)),
    step(
      `INSERT INTO ${identifier(aside)} (${names}) ` +
        `SELECT ${values} FROM ${identifier(from.name)} ORDER BY ${rowidName(from)}`,
    ),
    step(`DROP TABLE ${identifier(from.name)}`),
    step(`ALTER TABLE ${identifier(aside)} RENAME TO ${identifier(to.name)}`),
  ];
}

/** What a column's value is made of: a given expression, the same column, or its default. */
function sourceOf(
  draft: SchemaDraft,
  from: Table,
  to: Table,
  column: Table["columns"][number],
): string {
  const given = draft.sources.get(`${to.oid}:${column.number}`);
  if (given !== undefined) return given;
  const old = from.columns.find((each) => each.number === column.number);
  return old === undefined ? (column.default?.sqlite ?? "NULL") : identifier(old.name);
}

/** A name by which SQLite lets the hidden row number be read; a column may hide some of them. */
function rowidName(table: Table): string {
  const taken = new Set(table.columns.map((column) => column.name.toLowerCase()));
  return ["rowid", "_rowid_", "oid"].find((name) => !taken.has(name)) ?? "1";
}

function verificationSteps(draft: SchemaDraft): Step[] {
  return draft.verifications.flatMap((verification) => {
    const to = draft.table(verification.table);
    const from = tables(draft.before).find((table) => table.oid === to.oid);
    if (from === undefined) return [];
    const values = to.columns.map((column) => {
      const source = column.generated === true ? column.default?.sqlite : undefined;
      return `${source ?? sourceOf(draft, from, to, column)} AS ${identifier(column.name)}`;
    });
    const rows = `(SELECT ${values.join(", ")} FROM ${identifier(from.name)}) AS ${identifier(to.name)}`;
    return [step(verification.sql(rows))];
  });
}

function dropIndexes(before: Catalog, after: Catalog, plan: TablePlan): Step[] {
  const gone = new Set(plan.dropped.map((table) => table.name));
  return indexes(before)
    .filter((index) => !gone.has(index.table) && indexText(index, before) !== null)
    .filter((index) => indexText(index, before) !== indexTextByOid(index.oid, after))
    .map((index) => step(`DROP INDEX ${identifier(index.name)}`));
}

function createIndexes(before: Catalog, after: Catalog, plan: TablePlan): Step[] {
  const rebuilt = new Set(plan.rebuilt.map(({ to }) => to.name));
  return indexes(after).flatMap((index) => {
    const text = indexText(index, after);
    if (text === null) return [];
    const stays = text === indexTextByOid(index.oid, before) && !rebuilt.has(index.table);
    return stays ? [] : [step(text)];
  });
}

function indexText(index: Index, catalog: Catalog): string | null {
  const table = tableOf(index, catalog);
  return table === undefined ? null : createIndexSql(index, table);
}

function indexTextByOid(oid: number, catalog: Catalog): string | null {
  const index = indexes(catalog).find((each) => each.oid === oid);
  return index === undefined ? null : indexText(index, catalog);
}

function sequenceSteps(draft: SchemaDraft, after: Catalog): Step[] {
  const old = new Map(sequences(draft.before).map((sequence) => [sequence.oid, sequence]));
  const left = new Set(sequences(after).map((sequence) => sequence.oid));
  const dropped = [...old.values()].filter((sequence) => !left.has(sequence.oid));
  return [
    ...dropped.map((each) => step("DELETE FROM _synod_sequences WHERE name = ?1", each.name)),
    ...sequences(after).flatMap((sequence) => sequenceStep(old.get(sequence.oid), sequence)),
    ...sequences(after).flatMap((sequence) => {
      const value = draft.restarts.get(sequence.oid);
      if (value === undefined) return [];
      const sql = "UPDATE _synod_sequences SET last_value = ?1, is_called = 0 WHERE name = ?2";
      return [step(sql, value, sequence.name)];
    }),
  ];
}

/** A sequence that numbered a table's rows goes on behind the last of them. */
function numberedSteps(draft: SchemaDraft, after: Catalog): Step[] {
  return sequences(after).flatMap(({ oid, name }) => {
    const table = draft.numbered.get(oid);
    if (table === undefined) return [];
    const count = `(SELECT count(*) FROM ${identifier(table)})`;
    const sql =
      `UPDATE _synod_sequences SET last_value = start + (${count} - 1) * increment, ` +
      `is_called = 1 WHERE name = ?1 AND ${count} > 0`;
    return [step(sql, name)];
  });
}

function sequenceStep(old: Sequence | undefined, sequence: Sequence): Step[] {
  const { name, start, increment, minimum, maximum } = sequence;
  const cycle = sequence.cycle ? 1n : 0n;
  if (old === undefined) {
    const sql =
      "INSERT INTO _synod_sequences (name, last_value, is_called, start, increment, minimum, " +
      "maximum, cycle) VALUES (?1, ?2, 0, ?2, ?3, ?4, ?5, ?6)";
    return [step(sql, name, start, increment, minimum, maximum, cycle)];
  }
  if (
    encodeRelation({ ...old, ownedBy: null }) === encodeRelation({ ...sequence, ownedBy: null })
  ) {
    return [];
  }
  const sql =
    "UPDATE _synod_sequences SET name = ?1, start = ?2, increment = ?3, minimum = ?4, " +
    "maximum = ?5, cycle = ?6 WHERE name = ?7";
  return [step(sql, name, start, increment, minimum, maximum, cycle, old.name)];
}

/** The rows of _synod_catalog that differ, and next_oid. */
export function catalogSteps(before: Catalog, after: Catalog): Step[] {
  const removed = [...before.relations.keys()].filter((name) => !after.relations.has(name));
  const written = [...after.relations.values()].filter((relation) => {
    const old = before.relations.get(relation.name);
    return old === undefined || (old !== relation && !sameRelation(old, relation));
  });
  const steps = [
    ...removed.map((name) => step("DELETE FROM _synod_catalog WHERE name = ?1", name)),
    ...written.map((relation) =>
      step(
        "INSERT OR REPLACE INTO _synod_catalog (name, kind, oid, definition) " +
          "VALUES (?1, ?2, ?3, ?4)",
        relation.name,
        relation.kind,
        BigInt(relation.oid),
        encodeRelation(relation),
      ),
    ),
  ];
  if (before.nextOid !== after.nextOid) {
    const sql = "INSERT OR REPLACE INTO _synod_state (key, value) VALUES ('next_oid', ?1)";
    steps.push(step(sql, BigInt(after.nextOid)));
  }
  return steps;
}

function sameRelation(left: Relation, right: Relation): boolean {
  return encodeRelation(left) === encodeRelation(right);
}

export function dropViews(catalog: Catalog): Step[] {
  return viewsInOrder(catalog)
    .toReversed()
    .map((view) => step(`DROP VIEW ${identifier(view.name)}`));
}

export function createViews(catalog: Catalog): Step[] {
  return viewsInOrder(catalog).map((view) => {
    const columns = columnList(view.columns.map((column) => column.name));
    return step(`CREATE VIEW ${identifier(view.name)} (${columns}) AS ${view.query.sqlite}`);
  });
}

function viewsDiffer(before: Catalog, after: Catalog): boolean {
  return JSON.stringify(createViews(before)) !== JSON.stringify(createViews(after));
}

function fillStep(
  catalog: Catalog,
  table: string,
  { sqlite, mayRunLong }: Pick<TranslatedQuery, "sqlite" | "mayRunLong">,
): Step {
  const relation = catalog.relations.get(table);
  const names = relation?.kind === "table" ? relation.columns.map((column) => column.name) : [];
  const sql = `INSERT INTO ${identifier(table)} (${columnList(names)}) ${sqlite}`;
  return { ...step(sql), mayRunLong };
}

function isReferenced(table: Table, catalog: Catalog): boolean {
  return tables(catalog).some((other) =>
    other.constraints.some(
      (constraint) => constraint.kind === "foreignKey" && constraint.foreignTable === table.name,
    ),
  );
}

function tables(catalog: Catalog): Table[] {
  return [...catalog.relations.values()].filter((relation) => relation.kind === "table");
}

function indexes(catalog: Catalog): Index[] {
  return [...catalog.relations.values()].filter((relation) => relation.kind === "index");
}

function sequences(catalog: Catalog): Sequence[] {
  return [...catalog.relations.values()].filter((relation) => relation.kind === "sequence");
}

/** By OID, so that a view comes after those that it reads. */
function viewsInOrder(catalog: Catalog): View[] {
  return [...catalog.relations.values()]
    .filter((relation) => relation.kind === "view")

    .toSorted((left, right) => left.oid - right.oid);
}
