/**
 * From SQLite's errors to PostgreSQL's. SQLite says which rule was broken in the text of its
 * message; the schema statements (schema/) choose the names in it so that it can be read back:
 *
 * | SQLite's message                              | what it is here |
 * | UNIQUE constraint failed: t.a, t.b            | a key over plain columns |
 * | UNIQUE constraint failed: index 'name'        | an index with an expression |
 * | NOT NULL constraint failed: t.a               | |
 * | CHECK constraint failed: _synod_check:OID     | the CHECK constraint with that OID |
 * | CHECK constraint failed: _synod_type:T:M:C    | the column C does not hold its type T with modifier M |
 * | cannot store TEXT value in INTEGER column t.a | a value in the form of another type |
 * | FOREIGN KEY constraint failed                 | any; see foreignKeyError |
 */
import type { Catalog, ForeignKeyConstraint, Index, Table } from "./catalog/catalog.ts";
import { SqlError } from "./errors.ts";
import { typeViolation } from "./type-violation.ts";

/** CHECK constraints of the user are called so in SQLite, followed by their OID. */
export const CHECK_PREFIX = "_synod_check:";
/** CHECK constraints that enforce a column's type are called so, then type:modifier:column. */
export const TYPE_PREFIX = "_synod_type:";

/**
 * The client's error for an SQLite error, or null when it is not the statement's fault (disk full,
 * I/O, no memory, corrupt file, misuse): then the machine must stop. `code` is SQLite's extended
 * code by name (SQLITE_CONSTRAINT_UNIQUE); `table` is the statement's target where it is known.
 */
export function sqlErrorFromSqlite(
  code: string,
  message: string,
  catalog: Catalog,
  table: string | null = null,
): SqlError | null {
  if (code.startsWith("SQLITE_CONSTRAINT")) return constraintError(code, message, catalog, table);
  switch (code) {
    case "SQLITE_TOOBIG":
      return new SqlError("54000", "value is too large");
    case "SQLITE_MISMATCH":
      return new SqlError("42804", "value is not of the type of its column");
    case "SQLITE_RANGE":
      return new SqlError("08P01", "wrong number of parameters");
    case "SQLITE_AUTH":
      return new SqlError("42501", `permission denied: ${message}`);
    case "SQLITE_INTERRUPT":
      return new SqlError("57014", "canceling statement due to user request");
    case "SQLITE_ERROR":
      return plainError(message);
    default:
      return null;
  }
}

/** SQLITE_ERROR's texts that say more than "this statement is wrong". */
const PLAIN_ERRORS: readonly (readonly [RegExp, string, string])[] = [
  [/^integer overflow$/, "22003", "bigint out of range"],
  [/^malformed JSON/, "22P02", "invalid input syntax for type json"],
  [
    /too (?:large|many|deep)|stack overflow|recursion limit|tables in a join/i,
    "54001",
    "statement is too complex",
  ],
];

function plainError(message: string): SqlError {
  const known = PLAIN_ERRORS.find(([pattern]) => pattern.test(message));
  return known ? new SqlError(known[1], known[2]) : new SqlError("XX000", message);
}

function constraintError(
  code: string,
  message: string,
  catalog: Catalog,
  table: string | null,
): SqlError {
  const subject = message.slice(message.indexOf("failed: ") + "failed: ".length);
  switch (code) {
    case "SQLITE_CONSTRAINT_UNIQUE":
    case "SQLITE_CONSTRAINT_PRIMARYKEY":
    case "SQLITE_CONSTRAINT_ROWID":
      return uniqueError(subject, catalog);
    case "SQLITE_CONSTRAINT_NOTNULL":
      return notNullError(subject, catalog);
    case "SQLITE_CONSTRAINT_CHECK":
      return checkError(subject, catalog);
    case "SQLITE_CONSTRAINT_FOREIGNKEY":
      return unknownForeignKeyError(catalog, table);
    case "SQLITE_CONSTRAINT_DATATYPE":
      return new SqlError("42804", message);
    default:
      return new SqlError("23000", message);
  }
}

function uniqueError(subject: string, catalog: Catalog): SqlError {
  const index = violatedIndex(subject, catalog);
  if (index === undefined) return new SqlError("23505", `duplicate key value: ${subject}`);
  const text = `duplicate key value violates unique constraint "${index.name}"`;
  return new SqlError("23505", text, {
    schema: "public",
    table: index.table,
    constraint: index.name,
  });
}

/** Several indexes may have the same columns: a constraint comes first, then a whole index. */
function violatedIndex(subject: string, catalog: Catalog): Index | undefined {
  const candidates: Index[] = [];
  for (const relation of catalog.relations.values()) {
    if (relation.kind === "index" && relation.unique && describes(subject, relation)) {
      candidates.push(relation);
    }
  }
  return (
    candidates.find((index) => index.constraint !== null) ??
    candidates.find((index) => index.where === null) ??
    candidates[0]
  );
}

function describes(subject: string, index: Index): boolean {
  if (subject === `index '${index.name}'`) return true;
  return subject === index.keys.map((key) => `${index.table}.${key.column ?? ""}`).join(", ");
}

function notNullError(subject: string, catalog: Catalog): SqlError {
  for (const table of tables(catalog)) {
    const column = table.columns.find((each) => `${table.name}.${each.name}` === subject);
    if (column) return notNullViolation(table.name, column.name);
  }
  const dot = subject.lastIndexOf(".");
  return notNullViolation(subject.slice(0, dot), subject.slice(dot + 1));
}

/** 23502 in PostgreSQL's words. */
function notNullViolation(table: string, column: string): SqlError {
  const text = `null value in column "${column}" of relation "${table}" violates not-null constraint`;
  return new SqlError("23502", text, { schema: "public", table, column });
}

function checkError(subject: string, catalog: Catalog): SqlError {
  if (subject.startsWith(TYPE_PREFIX)) return typeViolation(subject.slice(TYPE_PREFIX.length));
  const oid = Number(subject.slice(CHECK_PREFIX.length));
  for (const table of tables(catalog)) {
    const constraint = table.constraints.find((each) => each.oid === oid);
    if (constraint) return checkViolation(table.name, constraint.name);
  }
  return new SqlError("23514", `new row violates check constraint "${subject}"`);
}

/** 23514 in PostgreSQL's words. */
function checkViolation(table: string, constraint: string): SqlError {
  const text = `new row for relation "${table}" violates check constraint "${constraint}"`;
  return new SqlError("23514", text, { schema: "public", table, constraint });
}

/**
 * A row of PRAGMA foreign_key_check, which a machine can ask for to name the constraint: after a
 * FOREIGNKEY error it runs the statement again in a savepoint with PRAGMA defer_foreign_keys on,
 * checks, and rolls back.
 */
export interface ForeignKeyViolation {
  /** The table with the REFERENCES clause. */
  readonly table: string;
  /** SQLite's number of the foreign key in that table (`fkid`). */
  readonly foreignKeyId: number;
  /** What the statement changed; it decides between PostgreSQL's two messages. */
  readonly target: string | null;
  /** The key's values as text, if they were read. */
  readonly values?: readonly string[];
}

/** 23503 with the constraint's name. */
export function foreignKeyError(violation: ForeignKeyViolation, catalog: Catalog): SqlError {
  const table = catalog.relations.get(violation.table);
  const constraint =
    table?.kind === "table" ? foreignKeyById(table, violation.foreignKeyId) : undefined;
  if (constraint === undefined) return new SqlError("23503", "foreign key constraint violated");
  return foreignKeyViolation(violation.table, constraint, violation);
}

/** SQLite numbers a table's foreign keys from the last one written, which is 0, to the first. */
function foreignKeyById(table: Table, id: number): ForeignKeyConstraint | undefined {
  return table.constraints.filter((each) => each.kind === "foreignKey").at(-1 - id);
}

function foreignKeyViolation(
  table: string,
  constraint: ForeignKeyConstraint,
  known: Pick<ForeignKeyViolation, "target" | "values">,
): SqlError {
  const parent = constraint.foreignTable;
  const parentSide = known.target === parent && known.target !== table;
  const verb = parentSide ? "update or delete" : "insert or update";
  const where = parentSide ? ` on table "${table}"` : "";
  const text =
    `${verb} on table "${parentSide ? parent : table}" ` +
    `violates foreign key constraint "${constraint.name}"${where}`;
  const columns = parentSide ? constraint.foreignColumns : constraint.columns;
  const fault = parentSide
    ? `is still referenced from table "${table}"`
    : `is not present in table "${parent}"`;
  const detail = known.values && {
    detail: `Key (${columns.join(", ")})=(${known.values.join(", ")}) ${fault}.`,
  };
  return new SqlError("23503", text, {
    schema: "public",
    table,
    constraint: constraint.name,
    ...detail,
  });
}

function unknownForeignKeyError(catalog: Catalog, target: string | null): SqlError {
  const candidates = [...tables(catalog)].flatMap((table) =>
    table.constraints
      .filter((constraint) => constraint.kind === "foreignKey")
      .filter((constraint) => target === null || involves(table, constraint, target))
      .map((constraint) => ({ table, constraint })),
  );
  const [only, another] = candidates;
  if (only === undefined || another !== undefined) {
    return new SqlError("23503", "insert, update or delete violates a foreign key constraint");
  }
  return foreignKeyViolation(only.table.name, only.constraint, { target });
}

function involves(table: Table, constraint: ForeignKeyConstraint, target: string): boolean {
  return table.name === target || constraint.foreignTable === target;
}

function* tables(catalog: Catalog): Iterable<Table> {
  for (const relation of catalog.relations.values()) {
    if (relation.kind === "table") yield relation;
  }
}
