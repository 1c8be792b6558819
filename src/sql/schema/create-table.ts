import type { CreateStmt, IntoClause, Node, SelectStmt } from "libpg-query";
import { stringsOf } from "../analyze/nodes.ts";
import type { Column, Table } from "../catalog/catalog.ts";
import { notSupported, SqlError } from "../errors.ts";
import { translateQuery } from "../print/schema-parts.ts";
import { addCheck } from "./checks.ts";
import {
  assertColumnName,
  assertNewColumn,
  settleColumn,
  type WrittenColumn,
  type WrittenConstraint,
  writtenColumn,
} from "./column-definition.ts";
import { addForeignKey } from "./foreign-keys.ts";
import { addKey } from "./keys.ts";
import { relationName } from "./relation-name.ts";
import type { SchemaDraft } from "./schema-draft.ts";

/** CREATE TABLE. */
export function createTable(statement: CreateStmt, draft: SchemaDraft): void {
  assertSupported(statement);
  const name = relationName(statement.relation);
  if (existsAlready(name, statement.if_not_exists === true, draft)) return;
  const { columns, constraints } = readElements(statement.tableElts ?? [], name);
  const table: Table = {
    kind: "table",
    oid: draft.newOid(),
    name,
    columns: columns.map((written) => written.column),
    nextColumnNumber: columns.length + 1,
    constraints: [],
    rowidColumn: null,
  };
  draft.add(table);
  draft.put({ ...table, columns: columns.map((each) => settleColumn(each, table, draft)) });
  addConstraints([...columns.flatMap((each) => each.constraints), ...constraints], name, draft);
}

function assertSupported(statement: CreateStmt): void {
  if ((statement.inhRelations ?? []).length > 0) {
    throw notSupported(statement.partbound === undefined ? "INHERITS" : "PARTITION OF");
  }
  if (statement.partspec !== undefined) throw notSupported("PARTITION BY");
  if (statement.ofTypename !== undefined) throw notSupported("CREATE TABLE OF");
  const isColumn = (element: Node): boolean => "ColumnDef" in element;
  if (!(statement.tableElts ?? []).some(isColumn)) throw notSupported("a table without columns");
}

/** True if the relation exists and the statement says that this is fine; 42P07 otherwise. */
export function existsAlready(name: string, ifNotExists: boolean, draft: SchemaDraft): boolean {
  if (draft.relation(name) === undefined) return false;
  const text = `relation "${name}" already exists`;
  if (!ifNotExists) throw new SqlError("42P07", text);
  draft.notice("42P07", `${text}, skipping`);
  return true;
}

interface Elements {
  readonly columns: readonly WrittenColumn[];
  readonly constraints: readonly WrittenConstraint[];
}

const COLUMNS_MAX = 1600;

function readElements(elements: readonly Node[], table: string): Elements {
  const columns: WrittenColumn[] = [];
  const constraints: WrittenConstraint[] = [];
  for (const element of elements) {
    if ("ColumnDef" in element) {
      const written = writtenColumn(element.ColumnDef, columns.length + 1);
      assertDistinct(
        written.column.name,
        columns.map((each) => each.column),
        table,
      );
      columns.push(written);
    } else if ("Constraint" in element) {
      constraints.push({ node: element.Constraint, column: null });
    } else {
      throw notSupported("LIKE in CREATE TABLE");
    }
  }
  if (columns.length > COLUMNS_MAX) {
    throw new SqlError("54011", `tables can have at most ${COLUMNS_MAX} columns`);
  }
  return { columns, constraints };
}

function assertDistinct(name: string, columns: readonly Column[], table: string): void {
  if (columns.some((column) => column.name === name)) {
    throw new SqlError("42701", `column "${name}" specified more than once`);
  }
  assertNewColumn(name, columns, table);
}

/** PostgreSQL's order, which decides the names it makes up: checks, keys, foreign keys. */
const ORDER: readonly string[] = [
  "CONSTR_CHECK",
  "CONSTR_PRIMARY",
  "CONSTR_UNIQUE",
  "CONSTR_FOREIGN",
];

/** Adds constraints to a table of the draft. */
export function addConstraints(
  constraints: readonly WrittenConstraint[],
  table: string,
  draft: SchemaDraft,
): void {
  const rank = ({ node }: WrittenConstraint) => ORDER.indexOf(node.contype ?? "");
  for (const written of constraints.toSorted((left, right) => rank(left) - rank(right))) {
    addConstraint(written, table, draft);
  }
}

function addConstraint(written: WrittenConstraint, table: string, draft: SchemaDraft): void {
  const type: string = written.node.contype ?? "";
  switch (type) {
    case "CONSTR_CHECK":
      addCheck(written, table, draft);
      return;
    case "CONSTR_PRIMARY":
    case "CONSTR_UNIQUE":
      addKey(written, table, draft);
      return;
    case "CONSTR_FOREIGN":
      addForeignKey(written, table, draft);
      return;
    case "CONSTR_EXCLUSION":
      throw notSupported("EXCLUDE constraint");
    default:
      throw notSupported(`constraint ${type}`);
  }
}

/** CREATE TABLE AS and SELECT INTO; false when the table is there already. */
export function createTableAs(
  query: SelectStmt,
  into: IntoClause,
  ifNotExists: boolean,
  draft: SchemaDraft,
): boolean {
  const name = relationName(into.rel);
  if (existsAlready(name, ifNotExists, draft)) return false;
  const translated = translateQuery(query, {
    catalog: draft.before,
    databaseName: draft.databaseName,
  });
  if (translated.usesSystemRelations) throw notSupported("CREATE TABLE AS over system relations");
  const names = stringsOf(into.colNames);
  if (names.length > translated.columns.length) {
    throw new SqlError("42601", "too many column names were specified");
  }
  const columns: Column[] = [];
  for (const [at, column] of translated.columns.entries()) {
    const columnName = names[at] ?? column.name;
    assertColumnName(columnName);
    assertDistinct(columnName, columns, name);
    columns.push(plainColumn(columnName, at + 1, column));
  }
  draft.add({
    kind: "table",
    oid: draft.newOid(),
    name,
    columns,
    nextColumnNumber: columns.length + 1,
    constraints: [],
    rowidColumn: null,
  });
  if (into.skipData !== true) draft.fills.set(name, translated);
  return true;
}

/** A column without constraints. */
export function plainColumn(
  name: string,
  number: number,
  type: { readonly typeOid: number; readonly typeModifier: number },
): Column {
  return {
    name,
    number,
    typeOid: type.typeOid,
    typeModifier: type.typeModifier,
    notNull: false,
    default: null,
    identity: null,
    ownedSequence: null,
  };
}
