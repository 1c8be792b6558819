/** Definitions as PostgreSQL's pg_get_…def functions print them. */
import type {
  Constraint,
  ForeignKeyAction,
  ForeignKeyConstraint,
  Index,
  IndexKey,
} from "../catalog/catalog.ts";
import { quotedName, quotedNames } from "./quoted-name.ts";

/** "pretty" leaves out the outermost parentheses and the schema. */
export interface DefinitionStyle {
  readonly pretty: boolean;
}

export function indexDefinition(index: Index, style: DefinitionStyle): string {
  const unique = index.unique ? "UNIQUE " : "";
  const table = style.pretty ? quotedName(index.table) : `public.${quotedName(index.table)}`;
  const keys = index.keys.map((key) => indexKeyDefinition(key, style) + directionOf(key));
  const where =
    index.where === null
      ? ""
      : ` WHERE ${style.pretty ? bare(index.where.postgres) : index.where.postgres}`;
  return (
    `CREATE ${unique}INDEX ${quotedName(index.name)} ON ${table} ` +
    `USING ${index.method} (${keys.join(", ")})${where}`
  );
}

/** One key without its direction, as pg_get_indexdef(oid, n, pretty) prints it. */
export function indexKeyDefinition(key: IndexKey, { pretty }: DefinitionStyle): string {
  if (key.column !== null) return quotedName(key.column);
  const text = key.expression?.postgres ?? "";
  if (/^[a-z_]\w*\(.*\)$/is.test(text) && bare(`(${text})`) === text) return text;
  return `(${pretty ? bare(text) : text})`;
}

function directionOf(key: IndexKey): string {
  if (key.descending) return key.nullsFirst ? " DESC" : " DESC NULLS LAST";
  return key.nullsFirst ? " NULLS FIRST" : "";
}

export function constraintDefinition(constraint: Constraint, { pretty }: DefinitionStyle): string {
  switch (constraint.kind) {
    case "primaryKey":
      return `PRIMARY KEY (${quotedNames(constraint.columns)})`;
    case "unique":
      return `UNIQUE (${quotedNames(constraint.columns)})`;
    case "check": {
      const text = constraint.expression.postgres;
      return `CHECK (${pretty ? bare(text) : text})`;
    }
    case "foreignKey":
      return foreignKeyDefinition(constraint);
  }
}

export const ACTION_WORDS: Readonly<Record<ForeignKeyAction, string>> = {
  noAction: "NO ACTION",
  restrict: "RESTRICT",
  cascade: "CASCADE",
  setNull: "SET NULL",
  setDefault: "SET DEFAULT",
};

function foreignKeyDefinition(constraint: ForeignKeyConstraint): string {
  const { columns, foreignTable, foreignColumns, onUpdate, onDelete } = constraint;
  const words = [
    `FOREIGN KEY (${quotedNames(columns)})`,
    `REFERENCES ${quotedName(foreignTable)}(${quotedNames(foreignColumns)})`,
  ];
  if (onUpdate !== "noAction") words.push(`ON UPDATE ${ACTION_WORDS[onUpdate]}`);
  if (onDelete !== "noAction") words.push(`ON DELETE ${ACTION_WORDS[onDelete]}`);
  if (constraint.deferrable) words.push("DEFERRABLE");
  if (constraint.initiallyDeferred) words.push("INITIALLY DEFERRED");
  return words.join(" ");
}

/** The text without parentheses that enclose all of it. */
export function bare(text: string): string {
  if (!text.startsWith("(") || !text.endsWith(")")) return text;
  let depth = 0;
  let quote: string | null = null;
  for (let at = 0; at < text.length; at += 1) {
    const character = text.charAt(at);
    if (quote !== null) {
      if (character === quote) quote = null;
    } else if (character === "'" || character === '"') {
      quote = character;
    } else if (character === "(") {
      depth += 1;
    } else if (character === ")") {
      depth -= 1;
      if (depth === 0 && at < text.length - 1) return text;
    }
  }
  return text.slice(1, -1);
}
