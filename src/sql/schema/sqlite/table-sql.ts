/**
 * How a table of the Catalog looks in SQLite: a STRICT table whose declared types are the four
 * storage classes, with one CHECK a column where the class alone admits values that the PostgreSQL
 * type does not. Keys are unique indexes under PostgreSQL's names (index-sql.ts), but for a primary
 * key of one integer column, which is SQLite's rowid.
 */
import type {
  Column,
  ForeignKeyAction,
  ForeignKeyConstraint,
  Table,
} from "../../catalog/catalog.ts";
import { identifier } from "../../print/identifiers.ts";
import { CHECK_PREFIX } from "../../sqlite-errors.ts";
import { OID } from "../../types/oids.ts";
import { typeByOid } from "../../types/registry.ts";
import { typeCheck } from "./type-check.ts";

/** CREATE TABLE for `table` under the name `as`. */
export function createTableSql(table: Table, as: string = table.name): string {
  const parts = [
    ...table.columns.map((column) => columnSql(column, table.rowidColumn)),
    ...table.constraints.flatMap((constraint) => {
      if (constraint.kind === "check") {
        const name = identifier(`${CHECK_PREFIX}${constraint.oid}`);
        return [`CONSTRAINT ${name} CHECK (${constraint.expression.sqlite})`];
      }
      return constraint.kind === "foreignKey" ? [foreignKeySql(constraint)] : [];
    }),
  ];
  return `CREATE TABLE ${identifier(as)} (${parts.join(", ")}) STRICT`;
}

/** One column with everything that SQLite can check of it alone. */
export function columnSql(column: Column, rowidColumn: string | null): string {
  const words = [identifier(column.name), storageClass(column.typeOid)];
  if (column.name === rowidColumn) words.push("PRIMARY KEY");
  if (column.notNull) words.push("NOT NULL");
  if (column.default !== null) words.push(defaultSql(column, column.default.sqlite));
  const check = typeCheck(column);
  if (check !== null) {
    words.push(`CONSTRAINT ${identifier(check.name)} CHECK (${check.condition})`);
  }
  return words.join(" ");
}

function defaultSql(column: Column, sqlite: string): string {
  if (column.generated === true) return `GENERATED ALWAYS AS (${sqlite}) STORED`;
  return isLiteral(sqlite) ? `DEFAULT ${sqlite}` : `DEFAULT (${sqlite})`;
}

/** Whether ALTER TABLE ADD COLUMN accepts it as a default for rows that exist. */
export function isLiteral(sqlite: string): boolean {
  return /^(?:[-+]?\d+(?:\.\d+)?(?:e[-+]?\d+)?|'(?:[^']|'')*'|x'[0-9a-f]*'|NULL)$/i.test(sqlite);
}

/** SQLite's storage class for the storage form of a type (values.ts). */
function storageClass(typeOid: number): "INTEGER" | "REAL" | "TEXT" | "BLOB" {
  switch (typeOid) {
    case OID.float4:
    case OID.float8:
      return "REAL";
    case OID.bytea:
      return "BLOB";
    default:
      return INTEGER_TYPES.has(typeByOid(typeOid)?.name ?? "") ? "INTEGER" : "TEXT";
  }
}

const INTEGER_TYPES: ReadonlySet<string> = new Set([
  "bool",
  "int2",
  "int4",
  "int8",
  "oid",
  "xid",
  "cid",
  "regclass",
  "regtype",
  "regproc",
  "regprocedure",
  "regnamespace",
  "regoper",
  "regoperator",
  "regrole",
  "regcollation",
  "regconfig",
  "regdictionary",
]);

const ACTIONS: Readonly<Record<ForeignKeyAction, string>> = {
  noAction: "NO ACTION",
  restrict: "RESTRICT",
  cascade: "CASCADE",
  setNull: "SET NULL",
  setDefault: "SET DEFAULT",
};

function foreignKeySql(constraint: ForeignKeyConstraint): string {
  const words = [
    `CONSTRAINT ${identifier(constraint.name)}`,
    `FOREIGN KEY (${columnList(constraint.columns)})`,
    `REFERENCES ${identifier(constraint.foreignTable)} (${columnList(constraint.foreignColumns)})`,
    `ON DELETE ${ACTIONS[constraint.onDelete]} ON UPDATE ${ACTIONS[constraint.onUpdate]}`,
  ];
  if (constraint.deferrable) {
    words.push(`DEFERRABLE INITIALLY ${constraint.initiallyDeferred ? "DEFERRED" : "IMMEDIATE"}`);
  }
  return words.join(" ");
}

/** Names as a list of SQLite identifiers. */
export function columnList(names: readonly string[]): string {
  return names.map(identifier).join(", ");
}
