/**
 * The form of a relation in the column `definition` of `_synod_catalog`: one JSON object, with
 * 64-bit integers as decimal strings. Decoding checks every field, because the text comes from a
 * file: what encodeRelation did not write is refused.
 */
import type {
  CheckConstraint,
  Column,
  Constraint,
  ForeignKeyAction,
  ForeignKeyConstraint,
  Index,
  IndexKey,
  KeyConstraint,
  Relation,
  Sequence,
  StoredExpression,
  Table,
  View,
} from "./catalog.ts";

/** The text of `definition`; equal relations give equal text. */
export function encodeRelation(relation: Relation): string {
  return JSON.stringify(relation, (_key, value: unknown) =>
    typeof value === "bigint" ? value.toString() : value,
  );
}

/** Throws DefinitionError for a text that encodeRelation did not write. */
export function decodeRelation(definition: string): Relation {
  const fields = record(parseJson(definition), "relation");
  const kind = fields["kind"];
  switch (kind) {
    case "table":
      return decodeTable(fields);
    case "view":
      return decodeView(fields);
    case "index":
      return decodeIndex(fields);
    case "sequence":
      return decodeSequence(fields);
    default:
      throw new DefinitionError(`relation kind ${String(kind)}`);
  }
}

/** A row of `_synod_catalog` holds something else than a relation: the file is damaged. */
export class DefinitionError extends Error {
  override readonly name = "DefinitionError";
}

type Fields = Readonly<Record<string, unknown>>;

function decodeTable(fields: Fields): Table {
  return {
    kind: "table",
    ...named(fields),
    columns: list(fields, "columns", decodeColumn),
    nextColumnNumber: integer(fields, "nextColumnNumber"),
    constraints: list(fields, "constraints", decodeConstraint),
    rowidColumn: textOrNull(fields, "rowidColumn"),
    ...comment(fields),
  };
}

function decodeView(fields: Fields): View {
  return {
    kind: "view",
    ...named(fields),
    columns: list(fields, "columns", decodeColumn),
    query: expression(fields["query"]),
    ...comment(fields),
  };
}

function decodeIndex(fields: Fields): Index {
  return {
    kind: "index",
    ...named(fields),
    table: text(fields, "table"),
    unique: flag(fields, "unique"),
    method: text(fields, "method"),
    keys: list(fields, "keys", decodeIndexKey),
    where: expressionOrNull(fields, "where"),
    constraint: textOrNull(fields, "constraint"),
    ...comment(fields),
  };
}

function decodeSequence(fields: Fields): Sequence {
  const owner = fields["ownedBy"];
  const owned = owner === null ? null : record(owner, "ownedBy");
  return {
    kind: "sequence",
    ...named(fields),
    typeOid: integer(fields, "typeOid"),
    start: bigInteger(fields, "start"),
    increment: bigInteger(fields, "increment"),
    minimum: bigInteger(fields, "minimum"),
    maximum: bigInteger(fields, "maximum"),
    cycle: flag(fields, "cycle"),
    ownedBy: owned && { table: text(owned, "table"), column: text(owned, "column") },
    ...comment(fields),
  };
}

const IDENTITIES = ["always", "byDefault"] as const;

function decodeColumn(value: unknown): Column {
  const fields = record(value, "column");
  return {
    name: text(fields, "name"),
    number: integer(fields, "number"),
    typeOid: integer(fields, "typeOid"),
    typeModifier: integer(fields, "typeModifier"),
    notNull: flag(fields, "notNull"),
    default: expressionOrNull(fields, "default"),
    identity: fields["identity"] === null ? null : oneOf(fields, "identity", IDENTITIES),
    ownedSequence: textOrNull(fields, "ownedSequence"),
    ...(fields["generated"] === undefined ? {} : { generated: flag(fields, "generated") }),
    ...comment(fields),
  };
}

const CONSTRAINT_KINDS = ["primaryKey", "unique", "foreignKey", "check"] as const;

function decodeConstraint(value: unknown): Constraint {
  const fields = record(value, "constraint");
  const kind = oneOf(fields, "kind", CONSTRAINT_KINDS);
  const constraint = decodeConstraintOfKind(kind, fields);
  return { ...constraint, ...comment(fields) };
}

function decodeConstraintOfKind(
  kind: (typeof CONSTRAINT_KINDS)[number],
  fields: Fields,
): Constraint {
  switch (kind) {
    case "primaryKey":
    case "unique":
      return {
        kind,
        ...named(fields),
        columns: list(fields, "columns", textItem),
        indexOid: integer(fields, "indexOid"),
      } satisfies KeyConstraint;
    case "foreignKey":
      return decodeForeignKey(fields);
    case "check":
      return {
        kind,
        ...named(fields),
        expression: expression(fields["expression"]),
      } satisfies CheckConstraint;
  }
}

const ACTIONS: readonly ForeignKeyAction[] = [
  "noAction",
  "restrict",
  "cascade",
  "setNull",
  "setDefault",
];

function decodeForeignKey(fields: Fields): ForeignKeyConstraint {
  return {
    kind: "foreignKey",
    ...named(fields),
    columns: list(fields, "columns", textItem),
    foreignTable: text(fields, "foreignTable"),
    foreignColumns: list(fields, "foreignColumns", textItem),
    onDelete: oneOf(fields, "onDelete", ACTIONS),
    onUpdate: oneOf(fields, "onUpdate", ACTIONS),
    deferrable: flag(fields, "deferrable"),
    initiallyDeferred: flag(fields, "initiallyDeferred"),
  };
}

function decodeIndexKey(value: unknown): IndexKey {
  const fields = record(value, "index key");
  return {
    column: textOrNull(fields, "column"),
    expression: expressionOrNull(fields, "expression"),
    descending: flag(fields, "descending"),
    nullsFirst: flag(fields, "nullsFirst"),
  };
}

function named(fields: Fields): { oid: number; name: string } {
  return { oid: integer(fields, "oid"), name: text(fields, "name") };
}

function comment(fields: Fields): { comment?: string } {
  return fields["comment"] === undefined ? {} : { comment: text(fields, "comment") };
}

function expression(value: unknown): StoredExpression {
  const fields = record(value, "expression");
  return { postgres: text(fields, "postgres"), sqlite: text(fields, "sqlite") };
}

function expressionOrNull(fields: Fields, name: string): StoredExpression | null {
  return fields[name] === null ? null : expression(fields[name]);
}

function parseJson(source: string): unknown {
  try {
    return JSON.parse(source);
  } catch (cause) {
    throw new DefinitionError("a definition is not JSON", { cause });
  }
}

function record(value: unknown, what: string): Fields {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new DefinitionError(`${what} is no object`);
  }
  return value as Fields;
}

function list<Item>(fields: Fields, name: string, decode: (value: unknown) => Item): Item[] {
  const value = fields[name];
  if (!Array.isArray(value)) throw new DefinitionError(`${name} is no list`);
  return value.map((item) => decode(item));
}

function text(fields: Fields, name: string): string {
  return textItem(fields[name]);
}

function textItem(value: unknown): string {
  if (typeof value !== "string") throw new DefinitionError("a text is missing");
  return value;
}

function textOrNull(fields: Fields, name: string): string | null {
  return fields[name] === null ? null : text(fields, name);
}

function integer(fields: Fields, name: string): number {
  const value = fields[name];
  if (typeof value !== "number" || !Number.isSafeInteger(value)) {
    throw new DefinitionError(`${name} is no integer`);
  }
  return value;
}

function bigInteger(fields: Fields, name: string): bigint {
  const value = text(fields, name);
  if (!/^-?\d{1,19}$/.test(value)) throw new DefinitionError(`${name} is no integer`);
  return BigInt(value);
}

function flag(fields: Fields, name: string): boolean {
  const value = fields[name];
  if (typeof value !== "boolean") throw new DefinitionError(`${name} is no boolean`);
  return value;
}

function oneOf<Choice extends string>(
  fields: Fields,
  name: string,
  choices: readonly Choice[],
): Choice {
  const found = choices.find((choice) => choice === fields[name]);
  if (found === undefined) throw new DefinitionError(`${name} is none of ${choices.join(", ")}`);
  return found;
}
