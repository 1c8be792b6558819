import type { AlterTableCmd, AlterTableStmt, Node } from "libpg-query";
import type { Index, Table, View } from "../catalog/catalog.ts";
import { notSupported, SqlError } from "../errors.ts";
import {
  addIdentity,
  dropIdentity,
  dropNotNull,
  setColumnDefault,
  setColumnType,
  setIdentity,
  setNotNull,
} from "./alter-column.ts";
import { assertNewColumn, settleColumn, writtenColumn } from "./column-definition.ts";
import { addConstraints } from "./create-table.ts";
import { columnsIn, viewsOverColumn } from "./dependencies.ts";
import { Removal } from "./drop.ts";
import { verifyNotNull, withRowidColumn } from "./keys.ts";
import { relationName } from "./relation-name.ts";
import type { SchemaDraft } from "./schema-draft.ts";

/** ALTER TABLE with its list of commands, and what of ALTER VIEW, INDEX, SEQUENCE comes so. */
export function alterTable(statement: AlterTableStmt, draft: SchemaDraft): void {
  const name = relationName(statement.relation);
  const commands = (statement.cmds ?? []).flatMap((node) =>
    "AlterTableCmd" in node ? [node.AlterTableCmd] : [],
  );
  const relation = draft.relation(name);
  if (relation === undefined) {
    const text = `relation "${name}" does not exist`;
    if (statement.missing_ok !== true) throw new SqlError("42P01", text);
    draft.notice("00000", `${text}, skipping`);
    return;
  }
  const changing = commands.filter((command) => !WITHOUT_EFFECT.has(command.subtype ?? ""));
  if (changing.length === 0) return;
  if (relation.kind !== "table") {
    throw new SqlError("42809", `ALTER action cannot be performed on relation "${name}"`, {
      detail: `This operation is not supported for ${plural(relation)}.`,
    });
  }
  for (const command of changing.toSorted((left, right) => passOf(left) - passOf(right))) {
    alterOnce(command, name, draft);
  }
}

function passOf(command: AlterTableCmd): number {
  return ORDER.indexOf(command.subtype ?? "");
}

function plural(relation: Table | View | Index | { kind: "sequence" }): string {
  return relation.kind === "index" ? "indexes" : `${relation.kind}s`;
}

/** There is one owner, no storage parameter and no inheritance here. */
const WITHOUT_EFFECT: ReadonlySet<string> = new Set([
  "AT_ChangeOwner",
  "AT_SetRelOptions",
  "AT_ResetRelOptions",
  "AT_SetStatistics",
  "AT_SetStorage",
  "AT_SetOptions",
  "AT_ResetOptions",
  "AT_SetTableSpace",
  "AT_ClusterOn",
  "AT_DropCluster",
  "AT_SetLogged",
  "AT_SetUnLogged",
  "AT_SetAccessMethod",
  "AT_ReplicaIdentity",
  "AT_DisableRowSecurity",
  "AT_NoForceRowSecurity",
  // Every constraint is checked when it is added, NOT VALID or not.
  "AT_ValidateConstraint",
]);

/** PostgreSQL's passes: what drops comes before what changes, and that before what adds. */
const ORDER: readonly string[] = [
  "AT_DropColumn",
  "AT_DropConstraint",
  "AT_AlterColumnType",
  "AT_AddColumn",
  "AT_DropExpression",
  "AT_ColumnDefault",
  "AT_AddIdentity",
  "AT_SetIdentity",
  "AT_DropIdentity",
  "AT_DropNotNull",
  "AT_SetNotNull",
  "AT_AddConstraint",
];

function alterOnce(command: AlterTableCmd, table: string, draft: SchemaDraft): void {
  const subtype: string = command.subtype ?? "";
  switch (subtype) {
    case "AT_AddColumn":
      addColumn(command, table, draft);
      return;
    case "AT_DropColumn":
      dropColumn(command, table, draft);
      return;
    case "AT_AddConstraint":
      addOneConstraint(command.def, table, draft);
      return;
    case "AT_DropConstraint":
      dropConstraint(command, table, draft);
      return;
    case "AT_AlterColumnType":
      setColumnType(command, table, draft);
      return;
    case "AT_ColumnDefault":
      setColumnDefault(command, table, draft);
      return;
    case "AT_SetNotNull":
      setNotNull(command, table, draft);
      return;
    case "AT_DropNotNull":
      dropNotNull(command, table, draft);
      return;
    default:
      alterIdentity(command, table, draft);
  }
}

function alterIdentity(command: AlterTableCmd, table: string, draft: SchemaDraft): void {
  const subtype: string = command.subtype ?? "";
  switch (subtype) {
    case "AT_AddIdentity":
      addIdentity(command, table, draft);
      return;
    case "AT_SetIdentity":
      setIdentity(command, table, draft);
      return;
    case "AT_DropIdentity":
      dropIdentity(command, table, draft);
      return;
    default:
      throw notSupported(`ALTER TABLE ${subtype.replace("AT_", "")}`);
  }
}

function addColumn(command: AlterTableCmd, tableName: string, draft: SchemaDraft): void {
  const definition = command.def;
  if (definition === undefined || !("ColumnDef" in definition)) {
    throw new SqlError("42601", "ADD COLUMN without a definition");
  }
  const before = draft.table(tableName);
  const name = definition.ColumnDef.colname ?? "";
  if (command.missing_ok === true && before.columns.some((column) => column.name === name)) {
    const text = `column "${name}" of relation "${tableName}" already exists, skipping`;
    draft.notice("42701", text);
    return;
  }
  const written = writtenColumn(definition.ColumnDef, before.nextColumnNumber);
  assertNewColumn(name, before.columns, tableName);
  const table: Table = {
    ...before,
    columns: [...before.columns, written.column],
    nextColumnNumber: before.nextColumnNumber + 1,
  };
  draft.put(table);
  const column = settleColumn(written, table, draft);
  draft.put({ ...table, columns: [...before.columns, column] });
  numberRows(column, table, draft);
  verifyNotNull(draft.table(tableName), draft);
  addConstraints(written.constraints, tableName, draft);
}

/**
 * Rows that exist get the first values of a new column's own sequence, in their order. SQL counts
 * them out, because the sequence is not in the schema that running functions see yet.
 */
function numberRows(column: Table["columns"][number], table: Table, draft: SchemaDraft): void {
  const sequence = draft.relation(column.ownedSequence ?? "");
  if (sequence?.kind !== "sequence") return;
  const { start, increment, oid } = sequence;
  const count = "row_number() OVER (ORDER BY rowid)";
  draft.setSource(table, column.number, `${start} + (${count} - 1) * ${increment}`);
  draft.numbered.set(oid, table.name);
}

function dropColumn(command: AlterTableCmd, tableName: string, draft: SchemaDraft): void {
  const table = draft.table(tableName);
  const name = command.name ?? "";
  const column = table.columns.find((each) => each.name === name);
  if (column === undefined) {
    const text = `column "${name}" of relation "${tableName}" does not exist`;
    if (command.missing_ok !== true) throw new SqlError("42703", text);
    draft.notice("00000", `${text}, skipping`);
    return;
  }
  const removal = new Removal(draft, command.behavior === "DROP_CASCADE");
  const on = `column ${name} of table ${tableName}`;
  for (const view of viewsOverColumn(tableName, name, draft)) removal.view(view.name, on);
  const generated = table.columns.filter(
    (each) => each.generated === true && columnsIn(each.default?.postgres ?? "").has(name),
  );
  for (const each of generated) {
    removal.dependent(`column ${each.name} of table ${tableName}`, on, () => {
      dropColumn({ ...command, name: each.name }, tableName, draft);
    });
  }
  for (const constraint of draft.table(tableName).constraints) {
    if (constraintMentions(constraint, name)) {
      removeConstraint(constraint, { table: tableName, removal, draft });
    }
  }
  removal.settle(on);
  removeColumn(name, tableName, draft);
}

function removeColumn(name: string, tableName: string, draft: SchemaDraft): void {
  for (const index of draft.indexesOf(tableName)) {
    const texts = [...index.keys.map((key) => key.expression), index.where];
    const mentions =
      index.keys.some((key) => key.column === name) ||
      texts.some((text) => text !== null && columnsIn(text.postgres).has(name));
    if (mentions) draft.remove(index.name);
  }
  for (const sequence of draft.sequences()) {
    const owner = sequence.ownedBy;
    if (owner?.table === tableName && owner.column === name) draft.remove(sequence.name);
  }
  const table = draft.table(tableName);
  draft.put(
    withRowidColumn({ ...table, columns: table.columns.filter((each) => each.name !== name) }),
  );
}

function constraintMentions(constraint: Table["constraints"][number], column: string): boolean {
  return constraint.kind === "check"
    ? columnsIn(constraint.expression.postgres).has(column)
    : constraint.columns.includes(column);
}

function addOneConstraint(node: Node | undefined, table: string, draft: SchemaDraft): void {
  if (node === undefined || !("Constraint" in node)) {
    throw new SqlError("42601", "ADD CONSTRAINT without a definition");
  }
  addConstraints([{ node: node.Constraint, column: null }], table, draft);
}

function dropConstraint(command: AlterTableCmd, tableName: string, draft: SchemaDraft): void {
  const table = draft.table(tableName);
  const name = command.name ?? "";
  const constraint = table.constraints.find((each) => each.name === name);
  if (constraint === undefined) {
    const text = `constraint "${name}" of relation "${tableName}" does not exist`;
    if (command.missing_ok !== true) throw new SqlError("42704", text);
    draft.notice("00000", `${text}, skipping`);
    return;
  }
  const removal = new Removal(draft, command.behavior === "DROP_CASCADE");
  removeConstraint(constraint, { table: tableName, removal, draft });
  removal.settle(`constraint ${name} on table ${tableName}`);
}

interface RemovalFrom {
  readonly table: string;
  readonly removal: Removal;
  readonly draft: SchemaDraft;
}

/** Removes a constraint with its index; foreign keys of other tables may rest on it. */
function removeConstraint(
  constraint: Table["constraints"][number],
  { table, removal, draft }: RemovalFrom,
): void {
  if (constraint.kind === "primaryKey" || constraint.kind === "unique") {
    for (const { owner, key } of foreignKeysOnto(table, constraint.columns, draft)) {
      const what = `constraint ${key.name} on table ${owner}`;
      removal.dependent(what, `index ${constraint.name}`, () => {
        withoutConstraint(key.oid, owner, draft);
      });
    }
    draft.remove(constraint.name);
  }
  withoutConstraint(constraint.oid, table, draft);
}

/** The foreign keys that refer to exactly these columns. */
function foreignKeysOnto(table: string, columns: readonly string[], draft: SchemaDraft) {
  const wanted = columns.toSorted().join("\0");
  return draft.tables().flatMap((owner) =>
    owner.constraints
      .filter((key) => key.kind === "foreignKey" && key.foreignTable === table)
      .filter(
        (key) => key.kind === "foreignKey" && key.foreignColumns.toSorted().join("\0") === wanted,
      )
      .map((key) => ({ owner: owner.name, key })),
  );
}

function withoutConstraint(oid: number, tableName: string, draft: SchemaDraft): void {
  const table = draft.table(tableName);
  const constraints = table.constraints.filter((each) => each.oid !== oid);
  draft.put(withRowidColumn({ ...table, constraints }));
}
