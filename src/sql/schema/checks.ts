import type { CheckConstraint, Table } from "../catalog/catalog.ts";
import { SqlError } from "../errors.ts";
import { stringLiteral } from "../print/identifiers.ts";
import { translateExpression } from "../print/schema-parts.ts";
import { OID } from "../types/oids.ts";
import type { WrittenConstraint } from "./column-definition.ts";
import type { SchemaDraft } from "./schema-draft.ts";

/** Adds a CHECK constraint to the table in the draft, and verifies the rows that there are. */
export function addCheck(written: WrittenConstraint, tableName: string, draft: SchemaDraft): void {
  const { node } = written;
  const table = draft.table(tableName);
  if (node.raw_expr === undefined) throw new SqlError("42601", "CHECK without a condition");
  const translated = translateExpression(node.raw_expr, {
    catalog: draft.catalog(),
    databaseName: draft.databaseName,
    table,
    clause: "check constraints",
  });
  if (translated.typeOid !== OID.bool && translated.typeOid !== OID.unknown) {
    throw new SqlError("42804", "argument of CHECK must be type boolean");
  }
  const used = new Set(translated.columns);
  const [only] = used;
  const about = used.size === 1 && only !== undefined ? only : null;
  const constraint: CheckConstraint = {
    kind: "check",
    oid: draft.newOid(),
    name: node.conname ?? draft.freeConstraintName(tableName, about, "check", table.constraints),
    expression: { sqlite: translated.sqlite, postgres: translated.postgres },
  };
  assertNewConstraint(constraint.name, table);
  draft.put({ ...table, constraints: [...table.constraints, constraint] });
  verifyCheck(constraint, tableName, draft);
}

/** 42710 if the table has a constraint of that name. */
export function assertNewConstraint(name: string, table: Table): void {
  if (table.constraints.some((constraint) => constraint.name === name)) {
    const text = `constraint "${name}" for relation "${table.name}" already exists`;
    throw new SqlError("42710", text);
  }
}

function verifyCheck(constraint: CheckConstraint, table: string, draft: SchemaDraft): void {
  const { name, expression } = constraint;
  const text = `check constraint "${name}" of relation "${table}" is violated by some row`;
  draft.verifications.push({
    table,
    sql: (rows) =>
      `SELECT synod_fail('23514', ${stringLiteral(text)}, NULL, ${stringLiteral(table)}, ` +
      `${stringLiteral(name)}, NULL) FROM ${rows} WHERE NOT (${expression.sqlite}) LIMIT 1`,
  });
}
