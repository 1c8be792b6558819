/** Values on their way into table columns. */
import type { Node } from "libpg-query";
import { canCast } from "../analyze/casts.ts";
import { kindOf, locationOf } from "../analyze/nodes.ts";
import type { Scope } from "../analyze/scope.ts";
import type { StatementState } from "../analyze/statement.ts";
import { typeNameOf } from "../analyze/type-name.ts";
import { type Typed, typed } from "../analyze/typed.ts";
import type { Column, Table } from "../catalog/catalog.ts";
import { castTo, checked } from "./cast.ts";
import { literal } from "./literal.ts";

/** Converts by PostgreSQL's assignment casts; 42804 where there is none. */
export function assigned(value: Typed, column: Column, statement: StatementState): Typed {
  const target = { typeOid: column.typeOid, typeModifier: column.typeModifier };
  if (value.unknown === undefined && !canCast(value.typeOid, column.typeOid, "assignment")) {
    throw statement.error(
      "42804",
      `column "${column.name}" is of type ${typeNameOf(column.typeOid)} but expression is of type ${typeNameOf(value.typeOid)}`,
      value.location,
      { hint: "You will need to rewrite or cast the expression." },
    );
  }
  return checked(castTo(value, target, "assignment", statement));
}

/** DEFAULT written out: the column's default expression, its sequence's next value, or NULL. */
export function defaultValue(column: Column, scope: Scope, location = 0): Typed {
  const { statement } = scope;
  if (column.identity !== null && column.ownedSequence !== null) {
    const sequence = statement.catalog.relations.get(column.ownedSequence);
    const oid = sequence?.oid ?? 0;
    return { ...typed(`pg_nextval(${oid})`, column.typeOid, location), notNull: true };
  }
  const sql = column.default === null ? "NULL" : column.default.sqlite;
  return {
    ...typed(sql, column.typeOid, location),
    typeModifier: column.typeModifier,
  };
}

/** SQLite would give its rowid column a number in place of a NULL. */
export function neverNull(value: Typed, column: Column, table: Table): Typed {
  if (column.name !== table.rowidColumn || value.notNull === true) {
    return value;
  }
  return {
    ...value,
    sql: `not_null(${value.sql}, ${literal(table.name)}, ${literal(column.name)})`,
  };
}

/** What one column of a row is given: an expression, or DEFAULT. */
export function columnValue(node: Node, column: Column, table: Table, scope: Scope): Typed {
  if (kindOf(node) === "SetToDefault") {
    return neverNull(defaultValue(column, scope, locationOf(node)), column, table);
  }
  const value = scope.translate.expression(node, scope);
  return neverNull(assigned(value, column, scope.statement), column, table);
}

export function isDefault(node: Node): boolean {
  return kindOf(node) === "SetToDefault";
}

/** 428C9: a value for a column that only its identity or its expression may fill. */
export function refuseGenerated(column: Column, verb: "insert" | "update", scope: Scope): void {
  const { name } = column;
  if (column.generated === true) {
    const message =
      verb === "insert"
        ? `cannot insert a non-DEFAULT value into column "${name}"`
        : `column "${name}" can only be updated to DEFAULT`;
    throw scope.statement.error("428C9", message, undefined, {
      detail: `Column "${name}" is a generated column.`,
    });
  }
  if (column.identity === "always") {
    const message =
      verb === "insert"
        ? `cannot insert a non-DEFAULT value into column "${name}"`
        : `column "${name}" can only be updated to DEFAULT`;
    throw scope.statement.error("428C9", message, undefined, {
      detail: `Column "${name}" is an identity column defined as GENERATED ALWAYS.`,
      ...(verb === "insert" ? { hint: "Use OVERRIDING SYSTEM VALUE to override." } : {}),
    });
  }
}
