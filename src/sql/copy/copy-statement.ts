/**
 * COPY. What comes in becomes INSERTs, one for each chunk of lines, which read the chunk by a table
 * function of ours (copy-rows.ts); what goes out is a query.
 */
import type { CopyStmt, Node, RangeVar, SubLink } from "libpg-query";
import { stringsOf } from "../analyze/nodes.ts";
import { type FromItem, rootScope, type Scope, withItems } from "../analyze/scope.ts";
import { StatementState } from "../analyze/statement.ts";
import { typed } from "../analyze/typed.ts";
import type { Catalog, Column, Relation, Table } from "../catalog/catalog.ts";
import { notSupported, SqlError } from "../errors.ts";
import type { ParsedStatement } from "../parse.ts";
import { defaultValue, neverNull } from "../print/assignment.ts";
import { identifier } from "../print/identifiers.ts";
import { omittedColumns } from "../print/insert.ts";
import { literal } from "../print/literal.ts";
import { clauseCondition } from "../print/logic.ts";
import { targetTable } from "../print/target-table.ts";
import { translators } from "../print/translators.ts";
import { systemRelation } from "../relations/projection.ts";
import { refuseParameters } from "../statement-parameters.ts";
import type {
  CopyInTranslation,
  CopyOutTranslation,
  Translation,
  WriteTranslation,
} from "../translation.ts";
import { OID } from "../types/oids.ts";
import { type CopyOptions, copyOptions } from "./copy-options.ts";
import { type CopyShape, copyRowsFunction } from "./copy-rows.ts";

export interface CopyContext {
  readonly catalog: Catalog;
  readonly databaseName: string;
  readonly source: ParsedStatement;
  /** Translates the query of COPY (query) TO. */
  readonly translateQuery: (query: Node) => Translation | undefined;
}

/** Throws SqlError in PostgreSQL's words. */
export function copyStatement(
  node: CopyStmt,
  context: CopyContext,
): CopyInTranslation | CopyOutTranslation {
  refuseParameters(context.source);
  refuseFiles(node);
  return node.is_from === true ? copyFrom(node, context) : copyTo(node, context);
}

/** Nobody has the roles that may read and write the server's files, or run its programs. */
function refuseFiles({ filename, is_program: isProgram, is_from: isFrom }: CopyStmt): void {
  if (filename === undefined) return;
  const [role, what] =
    isProgram === true
      ? ["pg_execute_server_program", "an external program"]
      : [isFrom === true ? "pg_read_server_files" : "pg_write_server_files", "a file"];
  const direction = isProgram === true ? "to or from" : isFrom === true ? "from" : "to";
  const message = `must be superuser or have privileges of the ${role} role to COPY ${direction} ${what}`;
  throw new SqlError("42501", message, {
    hint: "Anyone can COPY to stdout or from stdin. psql's \\copy command also works for anyone.",
  });
}

/** What the parameters of a chunk's INSERT are: its text, the lines before it, its line end. */
const CHUNK_TYPES = [OID.text, OID.int8, OID.text] as const;

function copyFrom(
  node: CopyStmt,
  { catalog, databaseName, source }: CopyContext,
): CopyInTranslation {
  const parameterTypes = [...CHUNK_TYPES];
  const statement = new StatementState({ catalog, databaseName, parameterTypes, source });
  const scope = rootScope(statement, translators);
  refuseOtherTargets(relationOf(node.relation, catalog));
  const { table } = targetTable(node.relation, scope);
  const columns = namedColumns(table, node.attlist);
  if (columns.length === 0) throw notSupported("COPY into no columns");
  const options = copyOptions(node.options, { isFrom: true, statement });
  const step = { sql: insertSql({ node, table, columns, options }, scope) };
  const insert: WriteTranslation = {
    kind: "write",
    step: { ...step, parameters: statement.parameters },
    parameterTypes,
    columns: null,
    tag: "COPY",
    tagCounts: true,
  };
  return {
    kind: "copyIn",
    insert,
    data: {
      format: options.format,
      header: options.header,
      table: table.name,
      columns: columns.map(({ name }) => name),
    },
    parameterTypes: [],
    columns: null,
    tag: "COPY",
    tagCounts: true,
  };
}

interface CopyFromParts {
  readonly node: CopyStmt;
  readonly table: Table;
  readonly columns: readonly Column[];
  readonly options: CopyOptions;
}

function insertSql({ node, table, columns, options }: CopyFromParts, scope: Scope): string {
  const { statement } = scope;
  const alias = identifier(statement.alias("copied"));
  const rest = omittedColumns(columns, table);
  const values = columns.map((column, at) => {
    const value = typed(`${alias}.c${at + 1}`, column.typeOid, 0);
    return neverNull({ ...value, typeModifier: column.typeModifier }, column, table).sql;
  });
  const defaults = rest.map((column) => neverNull(defaultValue(column, scope), column, table).sql);
  const list = [...columns, ...rest].map(({ name }) => identifier(name)).join(", ");
  const chunk = CHUNK_TYPES.map((_type, at) => statement.clientParameter(at + 1)).join(", ");
  const shape = literal(JSON.stringify(shapeOf(table, columns, options)));
  const rows = `${copyRowsFunction(columns.length)}(${chunk}, ${shape}, ${statement.timeZone()})`;
  const item = lineItem(alias, table, columns);
  const where = copyCondition(node.whereClause, withItems(scope, [item]));
  return (
    `INSERT INTO ${identifier(table.name)} (${list}) ` +
    `SELECT ${[...values, ...defaults].join(", ")} FROM ${rows} AS ${alias}${where}`
  );
}

function shapeOf(table: Table, columns: readonly Column[], options: CopyOptions): CopyShape {
  const copied = columns.map(({ name }) => name);
  checkNames(options.forceNotNull, { copied, table, option: "FORCE_NOT_NULL" });
  checkNames(options.forceNull, { copied, table, option: "FORCE_NULL" });
  return {
    format: options.format,
    table: table.name,
    columns: columns.map(({ name, typeOid, typeModifier }) => ({
      name,
      typeOid,
      typeModifier,
      forceNotNull: options.forceNotNull.includes(name),
      forceNull: options.forceNull.includes(name),
    })),
  };
}

/** The line as WHERE sees it: under the table's name, with the columns that it has values for. */
function lineItem(alias: string, table: Table, columns: readonly Column[]): FromItem {
  const scopeColumns = columns.map(({ name, typeOid, typeModifier }, at) => ({
    name,
    sql: `${alias}.c${at + 1}`,
    typeOid,
    typeModifier,
    notNull: false,
    origin: null,
  }));
  const relation = { name: table.name, schema: null, columns: scopeColumns, tableOid: 0 };
  return { sql: alias, relations: [relation], columns: scopeColumns, rowMarks: [] };
}

function copyCondition(node: Node | undefined, scope: Scope): string {
  if (node === undefined) return "";
  const subquery = subLinkIn(node);
  if (subquery !== null) {
    const message = "cannot use subquery in COPY FROM WHERE condition";
    throw scope.statement.error("0A000", message, subquery.location ?? 0);
  }
  return ` WHERE ${clauseCondition(node, "WHERE", scope)?.sql ?? "1"}`;
}

/** A subquery anywhere in an expression. */
function subLinkIn(tree: object): SubLink | null {
  if ("SubLink" in tree) return tree.SubLink as SubLink;
  for (const part of Object.values(tree)) {
    const found = typeof part === "object" && part !== null ? subLinkIn(part) : null;
    if (found !== null) return found;
  }
  return null;
}

function copyTo(node: CopyStmt, context: CopyContext): CopyOutTranslation {
  const { catalog, databaseName, source } = context;
  const statement = new StatementState({ catalog, databaseName, parameterTypes: [], source });
  const { query: asked, attlist, relation } = node;
  const selected = asked ?? selectOf(relation ?? {}, attlist, catalog);
  const options = copyOptions(node.options, { isFrom: false, statement });
  const query = context.translateQuery(selected);
  if (query?.kind !== "read" && query?.kind !== "write") {
    throw notSupported("COPY of this query");
  }
  const { columns } = query;
  if (columns === null) throw new SqlError("0A000", "COPY query must have a RETURNING clause");
  const names = columns.map(({ name }) => name);
  if (options.forceQuote !== "all") {
    const found = asked === undefined ? relationOf(relation, catalog) : undefined;
    const table = found?.kind === "table" ? found : null;
    checkNames(options.forceQuote, { copied: names, table, option: "FORCE_QUOTE" });
  }
  return {
    kind: "copyOut",
    query,
    format: options.format,
    header: options.header === "none" ? null : names,
    forceQuote: names.map(
      (name) => options.forceQuote === "all" || options.forceQuote.includes(name),
    ),
    parameterTypes: [],
    columns: null,
    tag: "COPY",
    tagCounts: true,
  };
}

/** SELECT of the columns of a table, as if it had been written. */
function selectOf(
  relation: RangeVar,
  attlist: readonly Node[] | undefined,
  catalog: Catalog,
): Node {
  const found = relationOf(relation, catalog);
  refuseOtherSources(found);
  const names =
    found?.kind === "table"
      ? namedColumns(found, attlist).map(({ name }) => name)
      : attlist && stringsOf(attlist);
  const fields: Node[][] = names?.map((name) => [{ String: { sval: name } }]) ?? [[{ A_Star: {} }]];
  const targetList = fields.map((each): Node => {
    return { ResTarget: { val: { ColumnRef: { fields: each, location: 0 } }, location: 0 } };
  });
  const fromClause: Node[] = [{ RangeVar: relation }];
  return {
    SelectStmt: { targetList, fromClause, limitOption: "LIMIT_OPTION_DEFAULT", op: "SETOP_NONE" },
  };
}

/** Undefined: one of the system's. Throws 42P01 where there is none, without a position. */
function relationOf(node: RangeVar = {}, catalog: Catalog): Relation | undefined {
  const { relname = "", schemaname } = node;
  const isPublic = schemaname === undefined || schemaname === "public";
  const relation = isPublic ? catalog.relations.get(relname) : undefined;
  if (relation !== undefined) return relation;
  if (systemRelation(schemaname ?? "pg_catalog", relname) !== undefined) return undefined;
  const written = schemaname === undefined ? relname : `${schemaname}.${relname}`;
  throw new SqlError("42P01", `relation "${written}" does not exist`);
}

function refuseOtherSources(relation: Relation | undefined): void {
  if (relation?.kind === "view") {
    throw new SqlError("42809", `cannot copy from view "${relation.name}"`, {
      hint: "Try the COPY (SELECT ...) TO variant.",
    });
  }
  if (relation?.kind === "sequence") {
    throw new SqlError("42809", `cannot copy from sequence "${relation.name}"`);
  }
  if (relation?.kind === "index") throw new SqlError("42809", `"${relation.name}" is an index`);
}

function refuseOtherTargets(relation: Relation | undefined): void {
  if (relation?.kind === "view") {
    throw new SqlError("42809", `cannot copy to view "${relation.name}"`, {
      hint: "To enable copying to a view, provide an INSTEAD OF INSERT trigger.",
    });
  }
  if (relation?.kind === "sequence") {
    throw new SqlError("42809", `cannot copy to sequence "${relation.name}"`);
  }
  if (relation?.kind === "index") throw new SqlError("42809", `"${relation.name}" is an index`);
}

/** The columns of the list, or all that are not generated. Throws 42703, 42P10, 42701. */
function namedColumns(table: Table, attlist: readonly Node[] | undefined): readonly Column[] {
  if (attlist === undefined) return table.columns.filter(({ generated }) => generated !== true);
  const columns: Column[] = [];
  for (const name of stringsOf(attlist)) {
    const column = table.columns.find((each) => each.name === name);
    if (column === undefined) {
      const message = `column "${name}" of relation "${table.name}" does not exist`;
      throw new SqlError("42703", message);
    }
    if (column.generated === true) {
      throw new SqlError("42P10", `column "${name}" is a generated column`, {
        detail: "Generated columns cannot be used in COPY.",
      });
    }
    if (columns.includes(column)) {
      throw new SqlError("42701", `column "${name}" specified more than once`);
    }
    columns.push(column);
  }
  return columns;
}

interface NamedInOption {
  /** The columns that are copied. */
  readonly copied: readonly string[];
  /** Null: a query. */
  readonly table: Table | null;
  readonly option: string;
}

/** Throws for an option that names a column which is not there (42703), or not copied (42P10). */
function checkNames(names: readonly string[], { copied, table, option }: NamedInOption): void {
  const other = names.find((name) => !copied.includes(name));
  if (other === undefined) return;
  if (table?.columns.some(({ name }) => name === other) === true) {
    throw new SqlError("42P10", `${option} column "${other}" not referenced by COPY`);
  }
  const where = table === null ? "" : ` of relation "${table.name}"`;
  throw new SqlError("42703", `column "${other}"${where} does not exist`);
}
