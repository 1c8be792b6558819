/** The commands of ALTER TABLE that change one column. */
import type { AlterTableCmd, Node } from "libpg-query";
import type { Column, Sequence, Table } from "../catalog/catalog.ts";
import { SqlError } from "../errors.ts";
import { identifier } from "../print/identifiers.ts";
import { translateExpression } from "../print/schema-parts.ts";
import { defaultExpression, withIdentity } from "./column-definition.ts";
import { columnType, typeText } from "./column-type.ts";
import { columnsIn, expressionNode, viewsOverColumn } from "./dependencies.ts";
import { primaryKeyOf, verifyNotNull, withRowidColumn } from "./keys.ts";
import type { SchemaDraft } from "./schema-draft.ts";
import { sequenceNumbers, sequenceOptions } from "./sequence-options.ts";
import { changeSequence } from "./sequences.ts";

function columnOf(command: AlterTableCmd, table: Table): Column {
  const name = command.name ?? "";
  const column = table.columns.find((each) => each.name === name);
  if (column === undefined) {
    const text = `column "${name}" of relation "${table.name}" does not exist`;
    throw new SqlError("42703", text);
  }
  return column;
}

function putColumn(column: Column, tableName: string, draft: SchemaDraft): void {
  const table = draft.table(tableName);
  const columns = table.columns.map((each) => (each.number === column.number ? column : each));
  draft.put(withRowidColumn({ ...table, columns }));
}

export function setColumnDefault(command: AlterTableCmd, table: string, draft: SchemaDraft): void {
  const column = columnOf(command, draft.table(table));
  if (column.identity !== null) {
    const text = `column "${column.name}" of relation "${table}" is an identity column`;
    throw new SqlError("42601", text, {
      hint: "Use ALTER TABLE ... ALTER COLUMN ... DROP IDENTITY instead.",
    });
  }
  if (column.generated === true) {
    const text = `column "${column.name}" of relation "${table}" is a generated column`;
    throw new SqlError("42601", text);
  }
  const node = command.def;
  putColumn(
    { ...column, default: node === undefined ? null : defaultExpression(node, column, draft) },
    table,
    draft,
  );
}

export function setNotNull(command: AlterTableCmd, table: string, draft: SchemaDraft): void {
  const column = columnOf(command, draft.table(table));
  putColumn({ ...column, notNull: true }, table, draft);
  verifyNotNull(draft.table(table), draft);
}

export function dropNotNull(command: AlterTableCmd, tableName: string, draft: SchemaDraft): void {
  const table = draft.table(tableName);
  const column = columnOf(command, table);
  if (column.identity !== null) {
    const text = `column "${column.name}" of relation "${tableName}" is an identity column`;
    throw new SqlError("42601", text);
  }
  if (primaryKeyOf(table)?.columns.includes(column.name) === true) {
    throw new SqlError("42P16", `column "${column.name}" is in a primary key`);
  }
  putColumn({ ...column, notNull: false }, tableName, draft);
}

/** ALTER COLUMN TYPE: every row's value is computed by USING, or by assigning it to the new type. */
export function setColumnType(command: AlterTableCmd, tableName: string, draft: SchemaDraft): void {
  const table = draft.table(tableName);
  const column = columnOf(command, table);
  const definition = command.def !== undefined && "ColumnDef" in command.def ? command.def : null;
  const type = columnType(definition?.ColumnDef.typeName, column.name);
  assertNotUsed(column, table, draft);
  const changed: Column = { ...column, ...pick(type), default: null };
  const using = definition?.ColumnDef.raw_default;
  draft.setSource(table, column.number, valueOf(using, { column, changed, table, draft }));
  const withDefault =
    column.generated === true ? column.default : castDefault(column, changed, draft);
  putColumn({ ...changed, default: withDefault }, tableName, draft);
  retranslate(column.name, tableName, draft);
}

function pick({ typeOid, typeModifier }: { typeOid: number; typeModifier: number }) {
  return { typeOid, typeModifier };
}

function assertNotUsed(column: Column, table: Table, draft: SchemaDraft): void {
  const view = viewsOverColumn(table.name, column.name, draft)[0];
  if (view !== undefined) {
    throw new SqlError("0A000", "cannot alter type of a column used by a view or rule", {
      detail: `rule _RETURN on view ${view.name} depends on column "${column.name}"`,
    });
  }
  const generated = table.columns.find(
    (each) => each.generated === true && columnsIn(each.default?.postgres ?? "").has(column.name),
  );
  if (generated !== undefined) {
    const text = "cannot alter type of a column used by a generated column";
    throw new SqlError("0A000", text, {
      detail: `Column "${column.name}" is used by generated column "${generated.name}".`,
    });
  }
}

interface TypeChange {
  readonly column: Column;
  readonly changed: Column;
  readonly table: Table;
  readonly draft: SchemaDraft;
}

function valueOf(using: Node | undefined, { column, changed, table, draft }: TypeChange): string {
  const node = using ?? expressionNode(identifier(column.name));
  try {
    return translateExpression(node, {
      catalog: draft.catalog(),
      databaseName: draft.databaseName,
      table,
      clause: "transform expression",
      target: { ...pick(changed), column: column.name },
    }).sqlite;
  } catch (error) {
    if (!(error instanceof SqlError) || error.sqlState !== "42804" || using !== undefined)
      throw error;
    const type = typeText(changed.typeOid, changed.typeModifier);
    throw new SqlError(
      "42804",
      `column "${column.name}" cannot be cast automatically to type ${type}`,
      {
        hint: `You might need to specify "USING ${column.name}::${type}".`,
      },
    );
  }
}

function castDefault(column: Column, changed: Column, draft: SchemaDraft): Column["default"] {
  if (column.default === null) return null;
  try {
    return defaultExpression(expressionNode(column.default.postgres), changed, draft);
  } catch (error) {
    if (!(error instanceof SqlError) || error.sqlState !== "42804") throw error;
    const type = typeText(changed.typeOid, changed.typeModifier);
    const text = `default for column "${column.name}" cannot be cast automatically to type ${type}`;
    throw new SqlError("42804", text);
  }
}

/** Checks and indexes over a column whose type has changed may mean another SQLite text. */
function retranslate(column: string, tableName: string, draft: SchemaDraft): void {
  const table = draft.table(tableName);
  const again = (postgres: string, clause: string) => {
    const { databaseName } = draft;
    const catalog = draft.catalog();
    const { sqlite } = translateExpression(expressionNode(postgres), {
      catalog,
      databaseName,
      table,
      clause,
    });
    return { sqlite, postgres };
  };
  const constraints = table.constraints.map((constraint) =>
    constraint.kind === "check" && columnsIn(constraint.expression.postgres).has(column)
      ? { ...constraint, expression: again(constraint.expression.postgres, "check constraints") }
      : constraint,
  );
  draft.put({ ...table, constraints });
  for (const index of draft.indexesOf(tableName)) {
    const keys = index.keys.map((key) =>
      key.expression !== null && columnsIn(key.expression.postgres).has(column)
        ? { ...key, expression: again(key.expression.postgres, "index expressions") }
        : key,
    );
    const where =
      index.where !== null && columnsIn(index.where.postgres).has(column)
        ? again(index.where.postgres, "index predicates")
        : index.where;
    draft.put({ ...index, keys, where });
  }
}

export function addIdentity(command: AlterTableCmd, tableName: string, draft: SchemaDraft): void {
  const table = draft.table(tableName);
  const column = columnOf(command, table);
  const node = command.def !== undefined && "Constraint" in command.def ? command.def : null;
  const fault =
    column.identity !== null
      ? "is already an identity column"
      : column.default !== null
        ? "already has a default value"
        : null;
  const subject = `column "${column.name}" of relation "${tableName}"`;
  if (fault !== null) throw new SqlError("55000", `${subject} ${fault}`);
  if (!column.notNull) {
    throw new SqlError(
      "55000",
      `${subject} must be declared NOT NULL before identity can be added`,
    );
  }
  putColumn(withIdentity(column, node?.Constraint ?? {}, table, draft), tableName, draft);
}

export function setIdentity(command: AlterTableCmd, tableName: string, draft: SchemaDraft): void {
  const column = columnOf(command, draft.table(tableName));
  const sequence = identitySequence(column, tableName, draft);
  const items =
    command.def !== undefined && "List" in command.def ? (command.def.List.items ?? []) : [];
  const isGenerated = (node: Node) => "DefElem" in node && node.DefElem.defname === "generated";
  const generated = items.find(isGenerated);
  if (generated !== undefined && "DefElem" in generated) {
    const arg = generated.DefElem.arg;
    // The grammar gives the letter of the catalog as a number: 97 is "a".
    const always = arg !== undefined && "Integer" in arg && arg.Integer.ival === 97;
    putColumn({ ...column, identity: always ? "always" : "byDefault" }, tableName, draft);
  }
  const rest = items.filter((node) => !isGenerated(node));
  if (rest.length > 0) changeSequence(sequence, sequenceOptions(rest), draft);
}

function identitySequence(column: Column, table: string, draft: SchemaDraft): Sequence {
  const sequence = draft.relation(column.ownedSequence ?? "");
  if (column.identity === null || sequence?.kind !== "sequence") {
    const text = `column "${column.name}" of relation "${table}" is not an identity column`;
    throw new SqlError("55000", text);
  }
  return { ...sequence, ...sequenceNumbers({}, sequence) };
}

export function dropIdentity(command: AlterTableCmd, tableName: string, draft: SchemaDraft): void {
  const column = columnOf(command, draft.table(tableName));
  if (column.identity === null) {
    const text = `column "${column.name}" of relation "${tableName}" is not an identity column`;
    if (command.missing_ok !== true) throw new SqlError("55000", text);
    draft.notice("00000", `${text}, skipping`);
    return;
  }
  draft.remove(identitySequence(column, tableName, draft).name);
  putColumn({ ...column, identity: null, ownedSequence: null }, tableName, draft);
}
