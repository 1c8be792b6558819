/** What stored expressions and queries mention, read back from their PostgreSQL text. */
import type { Node } from "libpg-query";
import type { Column, Table, View } from "../catalog/catalog.ts";
import { SqlError } from "../errors.ts";
import { parseStatements } from "../parse.ts";
import type { SchemaDraft } from "./schema-draft.ts";

export interface Mentions {
  readonly relations: ReadonlySet<string>;
  readonly columns: ReadonlySet<string>;
}

/** Names in a query. A column counts by its bare name, whatever table it is of. */
function mentionsOf(postgres: string): Mentions {
  const relations = new Set<string>();
  const columns = new Set<string>();
  walk(parsedTree(postgres), (kind, body) => {
    if (kind === "RangeVar" && typeof body["relname"] === "string") relations.add(body["relname"]);
    const last = kind === "ColumnRef" ? lastField(body) : undefined;
    if (last !== undefined) columns.add(last);
  });
  return { relations, columns };
}

/** The column names in a stored expression. */
export function columnsIn(postgres: string): ReadonlySet<string> {
  return mentionsOf(`SELECT ${postgres}`).columns;
}

/** The tree of an expression's text, fit for translateExpression. */
export function expressionNode(postgres: string): Node {
  const tree = parsedTree(`SELECT ${postgres}`);
  const target = "SelectStmt" in tree ? tree.SelectStmt.targetList?.[0] : undefined;
  const value = target !== undefined && "ResTarget" in target ? target.ResTarget.val : undefined;
  if (value === undefined) throw new SqlError("XX000", "a stored expression cannot be read");
  return value;
}

/** The tree of one statement's text. */
export function parsedTree(text: string): Node {
  const statement = parseStatements(text)[0];
  if (statement === undefined) throw new SqlError("XX000", "a stored query cannot be read");
  return statement.node;
}

type Body = Record<string, unknown>;

/** Visits every node below `tree` with its kind; a visitor may change the bodies. */
export function walk(tree: unknown, visit: (kind: string, body: Body) => void): void {
  if (Array.isArray(tree)) {
    for (const item of tree) walk(item, visit);
    return;
  }
  if (typeof tree !== "object" || tree === null) return;
  for (const [kind, body] of Object.entries(tree)) {
    if (typeof body === "object" && body !== null && !Array.isArray(body)) {
      visit(kind, body as Body);
    }
    walk(body, visit);
  }
}

/** A ColumnRef's last name; undefined for a star. */
function lastField(body: Body): string | undefined {
  const fields = body["fields"] as readonly Node[] | undefined;
  const last = fields?.at(-1);
  return last !== undefined && "String" in last ? last.String.sval : undefined;
}

/** Views that read `relation`, directly. */
export function viewsOver(relation: string, draft: SchemaDraft): readonly View[] {
  return draft
    .views()
    .filter((view) => view.name !== relation)
    .filter((view) => mentionsOf(view.query.postgres).relations.has(relation));
}

/** Views that read `table` and a column of that name. */
export function viewsOverColumn(
  table: string,
  column: string,
  draft: SchemaDraft,
): readonly View[] {
  return viewsOver(table, draft).filter((view) =>
    mentionsOf(view.query.postgres).columns.has(column),
  );
}

/** Columns whose default takes values from `sequence`. */
export function defaultsOver(
  sequence: string,
  draft: SchemaDraft,
): readonly { readonly table: Table; readonly column: Column }[] {
  return draft
    .tables()
    .flatMap((table) =>
      table.columns
        .filter(
          (column) => column.default !== null && usesSequence(column.default.postgres, sequence),
        )
        .map((column) => ({ table, column })),
    );
}

function usesSequence(postgres: string, sequence: string): boolean {
  let found = false;
  walk(parsedTree(`SELECT ${postgres}`), (kind, body) => {
    if (kind !== "sval") return;
    const name = typeof body["sval"] === "string" ? body["sval"] : "";
    const bare = name.replace(/^(?:"?public"?)\./, "");
    found ||= bare === sequence || bare === `"${sequence.replaceAll('"', '""')}"`;
  });
  return found;
}
