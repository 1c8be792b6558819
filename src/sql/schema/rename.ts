/**
 * ALTER … RENAME. SQLite renames tables and columns by itself, in indexes, checks and foreign keys
 * as well; the expressions in the Catalog are read back, renamed and translated again.
 */
import type { Node, RenameStmt } from "libpg-query";
import type { Constraint, Index, StoredExpression, Table } from "../catalog/catalog.ts";
import { notSupported, SqlError } from "../errors.ts";
import { identifier } from "../print/identifiers.ts";
import { translateExpression } from "../print/schema-parts.ts";
import type { Step } from "../translation.ts";
import { assertNewConstraint } from "./checks.ts";
import { assertColumnName, assertNewColumn } from "./column-definition.ts";
import {
  defaultsOver,
  expressionNode,
  parsedTree,
  viewsOver,
  viewsOverColumn,
  walk,
} from "./dependencies.ts";
import { relationName } from "./relation-name.ts";
import type { SchemaDraft } from "./schema-draft.ts";
import { step } from "./sqlite/schema-steps.ts";
import { viewOf } from "./views.ts";

/**
 * Renames in the draft. Returns the statements that bring SQLite's tables along; null when the
 * difference between the Catalogs says all.
 */
export function rename(statement: RenameStmt, draft: SchemaDraft): readonly Step[] | null {
  const name = relationName(statement.relation);
  const newName = statement.newname ?? "";
  const type: string = statement.renameType ?? "OBJECT_TABLE";
  if (WITHOUT_RENAME.has(type)) throw notSupported(`ALTER ${type.replace("OBJECT_", "")} RENAME`);
  if (draft.relation(name) === undefined) {
    const text = `relation "${name}" does not exist`;
    if (statement.missing_ok !== true) throw new SqlError("42P01", text);
    draft.notice("00000", `${text}, skipping`);
    return null;
  }
  switch (type) {
    case "OBJECT_TABLE":
    case "OBJECT_VIEW":
    case "OBJECT_INDEX":
    case "OBJECT_SEQUENCE":
      return renameRelation(name, newName, draft);
    case "OBJECT_COLUMN":
      return renameColumn({ table: name, from: statement.subname ?? "", to: newName }, draft);
    case "OBJECT_TABCONSTRAINT":
      renameConstraint({ table: name, from: statement.subname ?? "", to: newName }, draft);
      return null;
    default:
      throw notSupported(`ALTER ${type.replace("OBJECT_", "")} RENAME`);
  }
}

const WITHOUT_RENAME: ReadonlySet<string> = new Set([
  "OBJECT_DATABASE",
  "OBJECT_ROLE",
  "OBJECT_SCHEMA",
]);

function renameRelation(name: string, newName: string, draft: SchemaDraft): readonly Step[] | null {
  const relation = draft.relation(name);
  if (relation === undefined) return null;
  const views = viewsOver(name, draft);
  switch (relation.kind) {
    case "table":
      renameTable(relation, newName, draft);
      break;
    case "view":
      draft.rename(name, { ...relation, name: newName });
      break;
    case "index":
      renameIndex(relation, newName, draft);
      return null;
    case "sequence":
      renameSequence(name, newName, draft);
      return null;
  }
  for (const view of views) {
    const tree = parsedTree(view.query.postgres);
    walk(tree, (kind, body) => {
      if (kind !== "RangeVar" || body["relname"] !== name) return;
      body["relname"] = newName;
      body["alias"] ??= { aliasname: name };
    });
    replaceView(view.name, tree, draft);
  }
  if (relation.kind === "view") return null;
  return [step(`ALTER TABLE ${identifier(name)} RENAME TO ${identifier(newName)}`)];
}

function replaceView(name: string, tree: Node, draft: SchemaDraft): void {
  const old = draft.relation(name);
  if (old?.kind !== "view" || !("SelectStmt" in tree)) return;
  const aliases = old.columns.map((column) => column.name);
  const { query } = viewOf(name, tree.SelectStmt, aliases, draft);
  draft.put({ ...old, query });
}

function renameTable(table: Table, newName: string, draft: SchemaDraft): void {
  draft.rename(table.name, { ...table, name: newName });
  for (const index of draft.indexesOf(table.name)) draft.put({ ...index, table: newName });
  for (const other of draft.tables()) {
    const constraints = other.constraints.map((constraint) =>
      constraint.kind === "foreignKey" && constraint.foreignTable === table.name
        ? { ...constraint, foreignTable: newName }
        : constraint,
    );
    draft.put({ ...other, constraints });
  }
  for (const sequence of draft.sequences()) {
    const owner = sequence.ownedBy;
    if (owner?.table === table.name) {
      draft.put({ ...sequence, ownedBy: { table: newName, column: owner.column } });
    }
  }
}

/** An index that serves a constraint carries its name, and the other way round. */
function renameIndex(index: Index, newName: string, draft: SchemaDraft): void {
  const constraint = index.constraint === null ? null : newName;
  draft.rename(index.name, { ...index, name: newName, constraint });
  const table = draft.table(index.table);
  const constraints = table.constraints.map((each) =>
    (each.kind === "primaryKey" || each.kind === "unique") && each.indexOid === index.oid
      ? { ...each, name: newName }
      : each,
  );
  draft.put({ ...table, constraints });
}

function renameSequence(name: string, newName: string, draft: SchemaDraft): void {
  const sequence = draft.relation(name);
  if (sequence === undefined) return;
  const users = defaultsOver(name, draft);
  draft.rename(name, { ...sequence, name: newName });
  for (const table of draft.tables()) {
    const columns = table.columns.map((column) => {
      const owned = column.ownedSequence === name ? newName : column.ownedSequence;
      const uses = users.some(
        (use) => use.table.oid === table.oid && use.column.number === column.number,
      );
      const expression = uses ? withSequence(column.default, name, newName) : column.default;
      return { ...column, ownedSequence: owned, default: expression };
    });
    draft.put({ ...table, columns });
  }
}

/** Both texts name the sequence in a string; its name stands there alone, or quoted. */
function withSequence(
  expression: StoredExpression | null,
  name: string,
  newName: string,
): StoredExpression | null {
  if (expression === null) return null;
  const replace = (text: string, printed: string) =>
    [`'${name}'`, `'${doubleQuoted(name)}'`].reduce(
      (done, each) => done.replaceAll(each, `'${printed}'`),
      text,
    );
  const plain = /^[a-z_][a-z0-9_]*$/.test(newName) ? newName : doubleQuoted(newName);
  return {
    postgres: replace(expression.postgres, plain),
    sqlite: replace(expression.sqlite, newName),
  };
}

function doubleQuoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

interface Renaming {
  readonly table: string;
  readonly from: string;
  readonly to: string;
}

function renameColumn(renaming: Renaming, draft: SchemaDraft): readonly Step[] {
  const { table: tableName, from, to } = renaming;
  const table = draft.table(tableName);
  if (!table.columns.some((column) => column.name === from)) {
    throw new SqlError("42703", `column "${from}" does not exist`);
  }
  assertColumnName(to);
  const others = table.columns.filter((column) => column.name !== from);
  assertNewColumn(to, others, tableName);
  const [view] = viewsOverColumn(tableName, from, draft);
  if (view !== undefined) throw notSupported(`renaming a column that view "${view.name}" reads`);
  const renamed: Table = {
    ...table,
    columns: table.columns.map((each) => (each.name === from ? { ...each, name: to } : each)),
    rowidColumn: table.rowidColumn === from ? to : table.rowidColumn,
  };
  const again = (stored: StoredExpression, clause: string) =>
    renamedExpression(stored, { clause, renaming, table: renamed, draft });
  draft.put({
    ...renamed,
    columns: renamed.columns.map((each) =>
      each.generated === true && each.default !== null
        ? { ...each, default: again(each.default, "column generation expressions") }
        : each,
    ),
    constraints: table.constraints.map((each) => renamedConstraint(each, renaming, again)),
  });
  renameForeignColumns(renaming, draft);
  for (const index of draft.indexesOf(tableName)) {
    draft.put({
      ...index,
      keys: index.keys.map((key) => ({
        ...key,
        column: key.column === from ? to : key.column,
        expression: key.expression && again(key.expression, "index expressions"),
      })),
      where: index.where && again(index.where, "index predicates"),
    });
  }
  return [
    step(
      `ALTER TABLE ${identifier(tableName)} RENAME COLUMN ${identifier(from)} TO ${identifier(to)}`,
    ),
  ];
}

type Again = (stored: StoredExpression, clause: string) => StoredExpression;

function renamedConstraint(constraint: Constraint, renaming: Renaming, again: Again): Constraint {
  if (constraint.kind === "check") {
    return { ...constraint, expression: again(constraint.expression, "check constraints") };
  }
  const columns = constraint.columns.map((each) => (each === renaming.from ? renaming.to : each));
  return { ...constraint, columns };
}

function renameForeignColumns({ table, from, to }: Renaming, draft: SchemaDraft): void {
  for (const other of draft.tables()) {
    const constraints = other.constraints.map((constraint) =>
      constraint.kind === "foreignKey" && constraint.foreignTable === table
        ? {
            ...constraint,
            foreignColumns: constraint.foreignColumns.map((each) => (each === from ? to : each)),
          }
        : constraint,
    );
    draft.put({ ...other, constraints });
  }
  for (const sequence of draft.sequences()) {
    const owner = sequence.ownedBy;
    if (owner?.table === table && owner.column === from) {
      draft.put({ ...sequence, ownedBy: { table, column: to } });
    }
  }
}

interface Place {
  readonly clause: string;
  readonly renaming: Renaming;
  readonly table: Table;
  readonly draft: SchemaDraft;
}

function renamedExpression(stored: StoredExpression, place: Place): StoredExpression {
  const { from, to } = place.renaming;
  const node = expressionNode(stored.postgres);
  walk(node, (kind, body) => {
    if (kind !== "ColumnRef") return;
    walk(body, (inner, text) => {
      if (inner === "String" && text["sval"] === from) text["sval"] = to;
    });
  });
  const { sqlite, postgres } = translateExpression(node, {
    catalog: place.draft.catalog(),
    databaseName: place.draft.databaseName,
    table: place.table,
    clause: place.clause,
  });
  return { sqlite, postgres };
}

function renameConstraint({ table: tableName, from, to }: Renaming, draft: SchemaDraft): void {
  const table = draft.table(tableName);
  const constraint = table.constraints.find((each) => each.name === from);
  if (constraint === undefined) {
    const text = `constraint "${from}" for table "${tableName}" does not exist`;
    throw new SqlError("42704", text);
  }
  if (constraint.kind === "primaryKey" || constraint.kind === "unique") {
    const index = draft.relation(constraint.name);
    if (index?.kind === "index") renameIndex(index, to, draft);
    return;
  }
  assertNewConstraint(to, table);
  const constraints = table.constraints.map((each) =>
    each.oid === constraint.oid ? { ...each, name: to } : each,
  );
  draft.put({ ...table, constraints });
}
