import type { ColumnDef, Constraint as ConstraintNode, Node } from "libpg-query";
import { stringsOf } from "../analyze/nodes.ts";
import type { Column, Sequence, StoredExpression, Table } from "../catalog/catalog.ts";
import { notSupported, SqlError } from "../errors.ts";
import { translateExpression } from "../print/schema-parts.ts";
import { columnType } from "./column-type.ts";
import { expressionNode } from "./dependencies.ts";
import type { SchemaDraft } from "./schema-draft.ts";
import { sequenceNumbers, sequenceOptions } from "./sequence-options.ts";

/** A constraint as written, with the column that it was written at (null: at the table). */
export interface WrittenConstraint {
  readonly node: ConstraintNode;
  readonly column: string | null;
}

/** A column's definition, sorted into what describes the column and what constrains the table. */
export interface WrittenColumn {
  readonly column: Column;
  readonly serial: boolean;
  readonly default: Node | null;
  readonly generated: Node | null;
  readonly identity: ConstraintNode | null;
  readonly constraints: readonly WrittenConstraint[];
}

/** Reads a column definition; its default needs the finished table: see settleColumn. */
export function writtenColumn(definition: ColumnDef, number: number): WrittenColumn {
  const name = definition.colname ?? "";
  assertColumnName(name);
  assertCollation(definition);
  const type = columnType(definition.typeName, name);
  const parts = withAttributes(definition.constraints ?? []);
  const written = new ColumnParts(name);
  for (const node of parts) written.take(node);
  const identity = written.identity;
  if (identity !== null && (type.serial || written.default !== null)) {
    throw bothDefaults(name, "both default and identity specified");
  }
  return {
    column: {
      name,
      number,
      typeOid: type.typeOid,
      typeModifier: type.typeModifier,
      notNull: (written.notNull ?? false) || type.serial || identity !== null,
      default: null,
      identity: identity === null ? null : identity.generated_when === "a" ? "always" : "byDefault",
      ownedSequence: null,
      ...(written.generated === null ? {} : { generated: true }),
    },
    serial: type.serial,
    default: written.default,
    generated: written.generated,
    identity,
    constraints: written.constraints,
  };
}

/** Sorts the constraints of one column definition. */
class ColumnParts {
  readonly name: string;
  notNull: boolean | null = null;
  default: Node | null = null;
  generated: Node | null = null;
  identity: ConstraintNode | null = null;
  readonly constraints: WrittenConstraint[] = [];

  constructor(name: string) {
    this.name = name;
  }

  take(node: ConstraintNode): void {
    const type: string = node.contype ?? "";
    switch (type) {
      case "CONSTR_NULL":
      case "CONSTR_NOTNULL":
        this.#takeNull(type === "CONSTR_NOTNULL");
        return;
      case "CONSTR_DEFAULT":
        if (this.default !== null) {
          throw bothDefaults(this.name, "multiple default values specified");
        }
        this.default = node.raw_expr ?? null;
        return;
      case "CONSTR_IDENTITY":
        if (this.identity !== null) {
          throw bothDefaults(this.name, "multiple identity specifications");
        }
        this.identity = node;
        return;
      case "CONSTR_GENERATED":
        if (node.generated_kind === "v") throw notSupported("VIRTUAL generated column");
        this.generated = node.raw_expr ?? null;
        return;
      default:
        this.constraints.push({ node, column: this.name });
    }
  }

  #takeNull(notNull: boolean): void {
    if (this.notNull !== null && this.notNull !== notNull) {
      throw new SqlError(
        "42601",
        `conflicting NULL/NOT NULL declarations for column "${this.name}"`,
      );
    }
    this.notNull = notNull;
  }
}

function bothDefaults(column: string, what: string): SqlError {
  return new SqlError("42601", `${what} for column "${column}"`);
}

/** Folds DEFERRABLE and INITIALLY DEFERRED into the constraint that they follow. */
function withAttributes(nodes: readonly Node[]): readonly ConstraintNode[] {
  const constraints: ConstraintNode[] = [];
  for (const node of nodes) {
    if (!("Constraint" in node)) continue;
    const attribute = ATTRIBUTES[node.Constraint.contype ?? ""];
    const last = constraints.pop();
    if (attribute === undefined) {
      if (last !== undefined) constraints.push(last);
      constraints.push(node.Constraint);
    } else if (last === undefined) {
      throw new SqlError("42601", "misplaced DEFERRABLE clause");
    } else {
      constraints.push({ ...last, ...attribute });
    }
  }
  return constraints;
}

const ATTRIBUTES: Readonly<Record<string, Partial<ConstraintNode>>> = {
  CONSTR_ATTR_DEFERRABLE: { deferrable: true },
  CONSTR_ATTR_NOT_DEFERRABLE: { deferrable: false },
  CONSTR_ATTR_DEFERRED: { deferrable: true, initdeferred: true },
  CONSTR_ATTR_IMMEDIATE: { initdeferred: false },
  CONSTR_ATTR_ENFORCED: {},
};

const SYSTEM_COLUMNS: ReadonlySet<string> = new Set([
  "ctid",
  "xmin",
  "cmin",
  "xmax",
  "cmax",
  "tableoid",
]);

/** 42701 for a name that every table has already. */
export function assertColumnName(name: string): void {
  if (SYSTEM_COLUMNS.has(name)) {
    const text = `column name "${name}" conflicts with a system column name`;
    throw new SqlError("42701", text);
  }
}

/** 42701 if `table` has the column; 0A000 if only the case of the letters differs. */
export function assertNewColumn(name: string, columns: readonly Column[], table: string): void {
  for (const column of columns) {
    if (column.name === name) {
      const text = `column "${name}" of relation "${table}" already exists`;
      throw new SqlError("42701", text);
    }
    if (column.name.toLowerCase() === name.toLowerCase()) {
      throw notSupported(`column "${name}" beside "${column.name}" (only case differs)`);
    }
  }
}

function assertCollation(definition: ColumnDef): void {
  const collation = stringsOf(definition.collClause?.collname).at(-1);
  if (collation !== undefined && !["default", "C", "POSIX", "ucs_basic"].includes(collation)) {
    throw notSupported(`collation "${collation}"`);
  }
}

/**
 * The column with its sequence, default or generation expression, once the draft holds the table.
 * The sequence of a serial or identity column is added to the draft.
 */
export function settleColumn(written: WrittenColumn, table: Table, draft: SchemaDraft): Column {
  const { column } = written;
  if (written.generated !== null) {
    return { ...column, default: generationExpression(written, written.generated, table, draft) };
  }
  if (written.serial) {
    if (written.default !== null) {
      throw bothDefaults(column.name, "multiple default values specified");
    }
    const sequence = addOwnedSequence(column, table.name, draft, []);
    return { ...column, default: nextvalDefault(sequence, column, draft), ownedSequence: sequence };
  }
  if (written.identity !== null) {
    return withIdentity(column, written.identity, table, draft);
  }
  const expression = written.default;
  return expression === null
    ? column
    : { ...column, default: defaultExpression(expression, column, draft) };
}

/** A column that becomes GENERATED … AS IDENTITY; 22023 unless it is of an integer type. */
export function withIdentity(
  column: Column,
  node: ConstraintNode,
  table: Table,
  draft: SchemaDraft,
): Column {
  const sequence = addOwnedSequence(column, table.name, draft, node.options ?? []);
  return {
    ...column,
    notNull: true,
    identity: node.generated_when === "a" ? "always" : "byDefault",
    ownedSequence: sequence,
  };
}

function addOwnedSequence(
  column: Column,
  table: string,
  draft: SchemaDraft,
  nodes: readonly Node[],
): string {
  const options = sequenceOptions(nodes);
  const numbers = sequenceNumbers({ typeOid: integerType(column), ...options }, null);
  const name = options.name ?? draft.freeRelationName(table, column.name, "seq");
  const sequence: Sequence = {
    kind: "sequence",
    oid: draft.newOid(),
    name,
    ...numbers,
    ownedBy: { table, column: column.name },
  };
  draft.add(sequence);
  return name;
}

function integerType(column: Column): number {
  if (![20, 21, 23].includes(column.typeOid)) {
    throw new SqlError("22023", "identity column type must be smallint, integer, or bigint");
  }
  return column.typeOid;
}

function nextvalDefault(sequence: string, column: Column, draft: SchemaDraft): StoredExpression {
  const quoted = /^[a-z_][a-z0-9_]*$/.test(sequence)
    ? sequence
    : `"${sequence.replaceAll('"', '""')}"`;
  const node = expressionNode(`nextval('${quoted.replaceAll("'", "''")}'::regclass)`);
  return defaultExpression(node, column, draft);
}

/** DEFAULT's expression, assigned to the column's type. */
export function defaultExpression(
  node: Node,
  column: Column,
  draft: SchemaDraft,
): StoredExpression {
  const { sqlite, postgres } = translateExpression(node, {
    catalog: draft.catalog(),
    databaseName: draft.databaseName,
    table: null,
    clause: "DEFAULT expressions",
    target: {
      typeOid: column.typeOid,
      typeModifier: column.typeModifier,
      column: column.name,
    },
  });
  return { sqlite, postgres };
}

function generationExpression(
  written: WrittenColumn,
  node: Node,
  table: Table,
  draft: SchemaDraft,
): StoredExpression {
  const { column } = written;
  if (written.default !== null || written.serial) {
    throw bothDefaults(column.name, "both default and generation expression specified");
  }
  if (written.identity !== null) {
    throw bothDefaults(column.name, "both identity and generation expression specified");
  }
  const translated = translateExpression(node, {
    catalog: draft.catalog(),
    databaseName: draft.databaseName,
    table,
    clause: "column generation expressions",
    target: {
      typeOid: column.typeOid,
      typeModifier: column.typeModifier,
      column: column.name,
    },
  });
  if (!translated.immutable) {
    throw new SqlError("42P17", "generation expression is not immutable");
  }
  const other = table.columns.find(
    (each) => each.generated === true && translated.columns.includes(each.name),
  );
  if (other !== undefined) {
    const text = `cannot use generated column "${other.name}" in column generation expression`;
    throw new SqlError("42P17", text);
  }
  return { sqlite: translated.sqlite, postgres: translated.postgres };
}
