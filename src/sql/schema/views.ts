import type { SelectStmt, ViewStmt } from "libpg-query";
import { stringsOf } from "../analyze/nodes.ts";
import type { Column, View } from "../catalog/catalog.ts";
import { notSupported, SqlError } from "../errors.ts";
import { translateQuery } from "../print/schema-parts.ts";
import { assertNewColumn } from "./column-definition.ts";
import { typeText } from "./column-type.ts";
import { plainColumn } from "./create-table.ts";
import { relationName } from "./relation-name.ts";
import type { SchemaDraft } from "./schema-draft.ts";

/** CREATE [OR REPLACE] VIEW. */
export function createView(statement: ViewStmt, draft: SchemaDraft): void {
  const name = relationName(statement.view);
  if ((statement.withCheckOption ?? "NO_CHECK_OPTION") !== "NO_CHECK_OPTION") {
    throw notSupported("WITH CHECK OPTION");
  }
  const old = draft.relation(name);
  if (old !== undefined && statement.replace !== true) {
    throw new SqlError("42P07", `relation "${name}" already exists`);
  }
  if (old !== undefined && old.kind !== "view") {
    throw new SqlError("42809", `"${name}" is not a view`);
  }
  const query = statement.query;
  if (query === undefined || !("SelectStmt" in query)) throw notSupported("a view over this query");
  const view = viewOf(name, query.SelectStmt, stringsOf(statement.aliases), draft);
  if (old === undefined) {
    draft.add({ ...view, oid: draft.newOid() });
  } else {
    assertReplaceable(old, view);
    const comment = old.comment === undefined ? {} : { comment: old.comment };
    draft.put({ ...view, oid: old.oid, ...comment });
  }
}

/** The view that a query makes; its OID is still 0. */
export function viewOf(
  name: string,
  query: SelectStmt,
  aliases: readonly string[],
  draft: SchemaDraft,
): View {
  const { databaseName } = draft;
  const translated = translateQuery(query, { catalog: draft.catalog(), databaseName });
  if (translated.usesSystemRelations) throw notSupported("a view over system relations");
  if (aliases.length > translated.columns.length) {
    throw new SqlError("42601", "CREATE VIEW specifies more column names than columns");
  }
  const columns: Column[] = [];
  for (const [at, column] of translated.columns.entries()) {
    const columnName = aliases[at] ?? column.name;
    if (columns.some((each) => each.name === columnName)) {
      throw new SqlError("42701", `column "${columnName}" specified more than once`);
    }
    assertNewColumn(columnName, columns, name);
    columns.push(plainColumn(columnName, at + 1, column));
  }
  const { sqlite, postgres } = translated;
  return { kind: "view", oid: 0, name, columns, query: { sqlite, postgres } };
}

function assertReplaceable(old: View, view: View): void {
  for (const [at, before] of old.columns.entries()) {
    const after = view.columns[at];
    if (after === undefined) throw new SqlError("42P16", "cannot drop columns from view");
    if (after.name !== before.name) {
      const text = `cannot change name of view column "${before.name}" to "${after.name}"`;
      throw new SqlError("42P16", text, {
        hint: "Use ALTER VIEW ... RENAME COLUMN ... to change name of view column instead.",
      });
    }
    const [was, is] = [before, after].map((column) =>
      typeText(column.typeOid, column.typeModifier),
    );
    if (was !== is) {
      const text = `cannot change data type of view column "${before.name}" from ${was} to ${is}`;
      throw new SqlError("42P16", text);
    }
  }
}
