/** INSERT: every column that has a default, and SQLite's rowid column, is given explicitly. */
import type { InsertStmt, Node, SelectStmt } from "libpg-query";
import { listItems } from "../analyze/nodes.ts";
import { inClause, type OutputColumn, type Scope } from "../analyze/scope.ts";
import { type Typed, typed } from "../analyze/typed.ts";
import type { Column, Table } from "../catalog/catalog.ts";
import {
  assigned,
  columnValue,
  defaultValue,
  isDefault,
  neverNull,
  refuseGenerated,
} from "./assignment.ts";
import { identifier } from "./identifiers.ts";
import { onConflict } from "./on-conflict.ts";
import { returning } from "./returning.ts";
import {
  checkDistinctColumns,
  columnOf,
  resTargets,
  type TargetTable,
  targetTable,
} from "./target-table.ts";
import { withClause } from "./with.ts";

export interface Changed {
  readonly sql: string;
  readonly columns: readonly OutputColumn[] | null;
}

export function insert(node: InsertStmt, outer: Scope): Changed {
  // The target goes first, because it alone keeps its own name in the printed statement.
  const target = targetTable(node.relation, outer);
  const tables = withClause(node.withClause, outer);
  const { scope } = tables;
  const { table } = target;
  const given = node.cols === undefined ? table.columns : namedColumns(node, target, scope);
  checkDistinctColumns(given, scope);
  const rows = insertRows({ node, target, given, scope });
  const conflict = onConflict(node.onConflictClause, target, scope);
  const list = rows.columns.map((column) => identifier(column.name)).join(", ");
  const result = returning(node.returningClause, target, scope);
  const columns = list === "" ? " DEFAULT VALUES" : ` (${list}) ${rows.sql}`;
  const separator = conflict !== "" && rows.isSelect ? " WHERE true" : "";
  const prefix = tables.sql === "" ? "" : `${tables.sql} `;
  return {
    sql: `${prefix}INSERT INTO ${identifier(table.name)}${columns}${separator}${conflict}${result.sql}`,
    columns: result.columns,
  };
}

function namedColumns(node: InsertStmt, { table }: TargetTable, scope: Scope): readonly Column[] {
  return resTargets(node.cols).map((target) => columnOf(table, target, scope));
}

interface InsertParts {
  readonly node: InsertStmt;
  readonly target: TargetTable;
  /** The columns that the statement gives, in its order. */
  readonly given: readonly Column[];
  readonly scope: Scope;
}

interface Rows {
  readonly columns: readonly Column[];
  readonly sql: string;
  readonly isSelect: boolean;
}

function insertRows(parts: InsertParts): Rows {
  const select = sourceOf(parts.node);
  if (select === undefined) {
    return valueRows([[]], { ...parts, given: [] });
  }
  const plain = select.valuesLists !== undefined && select.sortClause === undefined;
  return plain && select.limitCount === undefined && select.withClause === undefined
    ? valueRows((select.valuesLists ?? []).map(listItems), parts)
    : selectRows(select, parts);
}

function sourceOf(node: InsertStmt): SelectStmt | undefined {
  const source = node.selectStmt;
  return source !== undefined && "SelectStmt" in source ? source.SelectStmt : undefined;
}

/** The given columns that a value is taken for: those of OVERRIDING USER VALUE are left out. */
function overridden(column: Column, { node }: InsertParts): boolean {
  return node.override === "OVERRIDING_USER_VALUE" && column.identity !== null;
}

function checkWritable(column: Column, { node, scope }: InsertParts): void {
  const system = node.override === "OVERRIDING_SYSTEM_VALUE";
  if (column.generated === true || (column.identity === "always" && !system)) {
    refuseGenerated(column, "insert", scope);
  }
}

/** Columns that the statement leaves out and that SQLite would not fill as PostgreSQL does. */
export function omittedColumns(given: readonly Column[], table: Table): readonly Column[] {
  return table.columns.filter(
    (column) =>
      !given.includes(column) &&
      column.generated !== true &&
      (column.default !== null || column.identity !== null || column.name === table.rowidColumn),
  );
}

function valueRows(rows: readonly (readonly Node[])[], parts: InsertParts): Rows {
  const { target, scope } = parts;
  const width = rows[0]?.length ?? 0;
  const given = checkWidth(rows, parts).filter((column) => column.generated !== true);
  const rest = omittedColumns(given, target.table);
  const texts = inClause(scope, "VALUES", () => {
    const defaults = rest.map((column) => omittedValue(column, parts).sql);
    return rows.map((row) => {
      const values: string[] = [];
      for (const [index, node] of row.entries()) {
        const column = parts.given[index];
        if (column === undefined) continue;
        if (column.generated === true) checkGenerated(node, column, parts);
        else values.push(rowValue(node, column, parts).sql);
      }
      return values.concat(defaults);
    });
  });
  const columns = [...given.slice(0, width), ...rest];
  scope.statement.changesSequences ||= false;
  if (columns.length === 0 && target.table.columns.length > 0) {
    const [first] = target.table.columns.filter((column) => column.generated !== true);
    return first === undefined
      ? { columns: [], sql: "", isSelect: false }
      : {
          columns: [first],
          sql: rows
            .map(() => "(NULL)")
            .join(", ")
            .replace(/^/, "VALUES "),
          isSelect: false,
        };
  }
  return {
    columns,
    sql: `VALUES ${texts.map((values) => `(${values.join(", ")})`).join(", ")}`,
    isSelect: false,
  };
}

/** The columns that the rows' values are for: as many as there are values. */
function checkWidth(rows: readonly (readonly Node[])[], parts: InsertParts): readonly Column[] {
  const { given, node, scope } = parts;
  const width = rows[0]?.length ?? 0;
  if (rows.some((row) => row.length !== width)) {
    throw scope.statement.error("42601", "VALUES lists must all be the same length");
  }
  checkCount(width, { given, named: node.cols !== undefined, scope });
  return given.slice(0, width);
}

function checkCount(
  width: number,
  {
    given,
    named,
    scope,
  }: { readonly given: readonly Column[]; readonly named: boolean; readonly scope: Scope },
): void {
  if (width > given.length) {
    throw scope.statement.error("42601", "INSERT has more expressions than target columns");
  }
  if (named && width < given.length) {
    throw scope.statement.error("42601", "INSERT has more target columns than expressions");
  }
}

function rowValue(node: Node, column: Column, parts: InsertParts): Typed {
  const { scope, target } = parts;
  if (isDefault(node) || overridden(column, parts)) {
    return neverNull(defaultValue(column, scope), column, target.table);
  }
  checkWritable(column, parts);
  return columnValue(node, column, target.table, scope);
}

/** A generated column takes DEFAULT and nothing else, and is then left out. */
function checkGenerated(node: Node, column: Column, parts: InsertParts): void {
  if (!isDefault(node)) refuseGenerated(column, "insert", parts.scope);
}

function omittedValue(column: Column, { scope, target }: InsertParts): Typed {
  return neverNull(defaultValue(column, scope), column, target.table);
}

function selectRows(select: SelectStmt, parts: InsertParts): Rows {
  const { scope, target, given, node } = parts;
  const targets = given.map((column) => column.typeOid);
  const query = scope.translate.query(select, scope, { targets });
  checkCount(query.columns.length, { given, named: node.cols !== undefined, scope });
  const used = given.slice(0, query.columns.length);
  for (const column of used) {
    if (!overridden(column, parts)) checkWritable(column, parts);
  }
  const rest = omittedColumns(used, target.table);
  const values = used.map((column, index) => {
    const output = query.columns[index];
    if (output === undefined || overridden(column, parts)) {
      return omittedValue(column, parts).sql;
    }
    const value = {
      ...typed(identifier(output.sqlName), output.typeOid, 0),
      typeModifier: output.typeModifier,
      notNull: output.notNull,
    };
    return neverNull(assigned(value, column, scope.statement), column, target.table).sql;
  });
  const defaults = rest.map((column) => omittedValue(column, parts).sql);
  const columns = [...used, ...rest];
  return {
    columns,
    sql: `SELECT ${[...values, ...defaults].join(", ")} FROM (${query.sql})`,
    isSelect: true,
  };
}
