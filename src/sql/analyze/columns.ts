/** Column references: names to the columns of FROM. */
import type { ColumnRef } from "libpg-query";
import { OID } from "../types/oids.ts";
import { stringsOf } from "./nodes.ts";
import type { FromItem, Scope, ScopeColumn, ScopeRelation } from "./scope.ts";
import type { Typed } from "./typed.ts";

export function resolveColumn(node: ColumnRef, scope: Scope): Typed {
  const names = stringsOf(node.fields);
  const location = node.location ?? 0;
  const [first = "", second, third] = names;
  if (names.length === 1) {
    return resolveUnqualified(first, location, scope);
  }
  if (second !== undefined && names.length === 2) {
    return resolveQualified({ relation: first, schema: null, column: second }, location, scope);
  }
  if (second !== undefined && third !== undefined && names.length === 3) {
    return resolveQualified({ relation: second, schema: first, column: third }, location, scope);
  }
  throw scope.statement.notSupported(`the name ${names.join(".")}`, location);
}

function resolveUnqualified(name: string, location: number, scope: Scope): Typed {
  for (let at: Scope | null = scope; at !== null; at = at.parent) {
    const matches = at.items.flatMap((item) =>
      item.columns.filter((column) => column.name === name).map((column) => ({ item, column })),
    );
    const [match, another] = matches;
    if (another !== undefined) {
      throw scope.statement.error("42702", `column reference "${name}" is ambiguous`, location);
    }
    if (match !== undefined) {
      const relation = relationOf(match.item, match.column);
      return columnTyped(match.column, { scope: at, relation, location });
    }
  }
  if (findRelation(name, null, scope) !== undefined) {
    throw scope.statement.notSupported(`a whole-row reference ("${name}")`, location);
  }
  throw scope.statement.error("42703", `column "${name}" does not exist`, location);
}

export function relationOf(item: FromItem, column: ScopeColumn): string {
  const owner = item.relations.find((relation) =>
    relation.columns.some((candidate) => candidate.sql === column.sql),
  );
  return owner?.name ?? "";
}

interface QualifiedName {
  readonly relation: string;
  readonly schema: string | null;
  readonly column: string;
}

function resolveQualified(name: QualifiedName, location: number, scope: Scope): Typed {
  const found = findRelation(name.relation, name.schema, scope);
  if (found === undefined) {
    throw missingRelation(name, location, scope);
  }
  const matches = found.relation.columns.filter((column) => column.name === name.column);
  const [column, another] = matches;
  if (another !== undefined) {
    throw scope.statement.error(
      "42702",
      `column reference "${name.column}" is ambiguous`,
      location,
    );
  }
  if (column === undefined) {
    if (name.column === "tableoid" && found.relation.tableOid !== 0) {
      return {
        sql: String(found.relation.tableOid),
        typeOid: OID.oid,
        typeModifier: -1,
        location,
        notNull: true,
        uses: [],
      };
    }
    throw scope.statement.error(
      "42703",
      `column ${name.relation}.${name.column} does not exist`,
      location,
    );
  }
  return columnTyped(column, { scope: found.scope, relation: name.relation, location });
}

function missingRelation(name: QualifiedName, location: number, scope: Scope) {
  return scope.statement.error(
    "42P01",
    `missing FROM-clause entry for table "${name.relation}"`,
    location,
  );
}

export interface FoundRelation {
  readonly relation: ScopeRelation;
  readonly scope: Scope;
}

/** The innermost FROM item of that name. */
export function findRelation(
  name: string,
  schema: string | null,
  scope: Scope,
): FoundRelation | undefined {
  for (let at: Scope | null = scope; at !== null; at = at.parent) {
    for (const item of at.items) {
      const relation = item.relations.find(
        (candidate) => candidate.name === name && (schema === null || candidate.schema === schema),
      );
      if (relation !== undefined) {
        return { relation, scope: at };
      }
    }
  }
  return undefined;
}

export function columnTyped(
  column: ScopeColumn,
  use: { readonly scope: Scope; readonly relation: string; readonly location: number },
): Typed {
  return {
    sql: column.sql,
    typeOid: column.typeOid,
    typeModifier: column.typeModifier,
    location: use.location,
    notNull: column.notNull,
    ...(column.origin === null ? {} : { origin: column.origin }),
    uses: [{ ...use, column: column.name, sql: column.sql, origin: column.origin }],
  };
}
