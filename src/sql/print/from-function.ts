/** Functions in FROM: those that give rows, and any other as a table of one row. */
import type { FuncCall, Node, RangeFunction } from "libpg-query";
import { kindOf, listItems, stringsOf } from "../analyze/nodes.ts";
import { resolveCall } from "../analyze/resolve.ts";
import type { FromItem, Scope, ScopeColumn } from "../analyze/scope.ts";
import type { Typed } from "../analyze/typed.ts";
import { tableSignaturesOf } from "../functions/library.ts";
import type { TableSignature } from "../functions/table-functions.ts";
import { OID } from "../types/oids.ts";
import { coerce, settled } from "./cast.ts";
import { columnMarks } from "./check.ts";
import { callForm } from "./function-call-form.ts";
import { identifier } from "./identifiers.ts";
import { fillTemplate } from "./template.ts";

export function rangeFunction(node: RangeFunction, scope: Scope): FromItem {
  const [call, another] = (node.functions ?? []).map((list) => listItems(list)[0]);
  if (call === undefined || another !== undefined) {
    throw scope.statement.notSupported("ROWS FROM with several functions");
  }
  if (node.coldeflist !== undefined) {
    throw scope.statement.notSupported("a column definition list");
  }
  const called = "FuncCall" in call ? tableCall(call.FuncCall, scope) : undefined;
  return called === undefined ? scalarItem(call, node, scope) : tableItem(called, node, scope);
}

export interface TableCall {
  readonly name: string;
  readonly sql: string;
  readonly columns: readonly { readonly name: string; readonly typeOid: number }[];
  readonly uses: Typed["uses"];
}

/** A call of a function that gives rows; undefined for any other function. */
export function tableCall(node: FuncCall, scope: Scope): TableCall | undefined {
  const name = stringsOf(node.funcname).at(-1) ?? "";
  const candidates = tableSignaturesOf(name);
  if (candidates.length === 0) {
    return undefined;
  }
  const args = (node.args ?? []).map((arg) => scope.translate.expression(arg, scope));
  const types = args.map((arg) => (arg.unknown === undefined ? arg.typeOid : OID.unknown));
  const resolution = resolveCall(candidates, types);
  if (resolution === "none" || resolution === "ambiguous") {
    const problem = resolution === "none" ? "does not exist" : "is not unique";
    const message = `function ${callForm(name, types)} ${problem}`;
    throw scope.statement.error("42883", message, node.location ?? 0);
  }
  const { statement } = scope;
  // The others give as many rows as their arguments have parts.
  if (name === "generate_series") statement.mayRunLong = true;
  if (resolution.result === OID.bytea) {
    throw statement.notSupported("a function that gives rows of bytea", node.location);
  }
  const converted = args.map((arg, index) =>
    coerce(arg, resolution.args[index] ?? OID.text, statement),
  );
  const signature = resolution.signature as TableSignature;
  const sql = fillTemplate(
    signature.template,
    converted.map((arg) =>
      arg.typeOid === OID.timestamptz ? `in_utc(${statement.timeZone()}, ${arg.sql})` : arg.sql,
    ),
  );
  const columns = signature.columns.map((column) => ({
    name: column.name === "" ? name : column.name,
    typeOid: column.typeOid === 0 ? resolution.result : column.typeOid,
  }));
  return { name, sql, columns, uses: converted.flatMap((arg) => arg.uses) };
}

/** Every table function gives its columns, then "ordinality". */
function tableItem(call: TableCall, node: RangeFunction, scope: Scope): FromItem {
  const declared = call.columns.map((column, index) => ({
    ...column,
    sql: identifier(`c${index + 1}`),
  }));
  const ordinality = { name: "ordinality", typeOid: OID.int8, sql: identifier("ordinality") };
  const columns = node.ordinality === true ? [...declared, ordinality] : declared;
  return named(call.sql, call.name, columns, { node, scope });
}

function scalarItem(call: Node, node: RangeFunction, scope: Scope): FromItem {
  const value = settled(scope.translate.expression(call, scope), scope.statement);
  if (node.ordinality === true) {
    throw scope.statement.notSupported("WITH ORDINALITY of a function that gives one row");
  }
  if (value.uses.length > 0) {
    throw scope.statement.notSupported("LATERAL");
  }
  const name = "FuncCall" in call ? (stringsOf(call.FuncCall.funcname).at(-1) ?? "") : kindOf(call);
  const column = { name, typeOid: value.typeOid, sql: identifier("c1") };
  return named(`(SELECT ${value.sql} AS "c1")`, name, [column], { node, scope });
}

interface FunctionColumn {
  readonly name: string;
  readonly typeOid: number;
  readonly sql: string;
}

/** An alias for a function of one column names that column as well. */
function named(
  sql: string,
  functionName: string,
  columns: readonly FunctionColumn[],
  { node, scope }: { readonly node: RangeFunction; readonly scope: Scope },
): FromItem {
  const name = node.alias?.aliasname ?? functionName;
  const names = stringsOf(node.alias?.colnames);
  const single = columns.filter((column) => column.name !== "ordinality").length === 1;
  const sqlAlias = scope.statement.alias(name);
  const scopeColumns = columns.map(
    (column, index): ScopeColumn => ({
      name: names[index] ?? (single && index === 0 && node.alias ? name : column.name),
      sql: `${identifier(sqlAlias)}.${column.sql}`,
      typeOid: column.typeOid,
      typeModifier: -1,
      notNull: false,
      origin: null,
    }),
  );
  return {
    sql: `${sql} AS ${identifier(sqlAlias)}`,
    relations: [{ name, schema: null, columns: scopeColumns, tableOid: 0 }],
    columns: scopeColumns,
    rowMarks: columnMarks(scopeColumns),
  };
}
