import type { CommentStmt } from "libpg-query";
import { listItems, stringOf, stringsOf } from "../analyze/nodes.ts";
import type { Relation } from "../catalog/catalog.ts";
import { notSupported, SqlError } from "../errors.ts";
import { nameInPublic } from "./relation-name.ts";
import type { SchemaDraft } from "./schema-draft.ts";

/** COMMENT ON. Comments on what the Catalog does not hold are accepted and forgotten. */
export function commentOn(statement: CommentStmt, draft: SchemaDraft): void {
  const path = stringsOf(listItems(statement.object));
  const comment =
    statement.comment === undefined || statement.comment === "" ? null : statement.comment;
  const type: string = statement.objtype ?? "";
  switch (type) {
    case "OBJECT_TABLE":
    case "OBJECT_VIEW":
    case "OBJECT_INDEX":
    case "OBJECT_SEQUENCE":
      draft.put(commented(relationAt(path, draft), comment));
      return;
    case "OBJECT_COLUMN":
      commentOnColumn(path, comment, draft);
      return;
    case "OBJECT_TABCONSTRAINT":
      commentOnConstraint(path, comment, draft);
      return;
    case "OBJECT_DATABASE":
    case "OBJECT_SCHEMA":
    case "OBJECT_EXTENSION":
      draft.notice("00000", `the comment on "${stringOf(statement.object)}" is not kept`);
      return;
    default:
      throw notSupported(`COMMENT ON ${type.replace("OBJECT_", "")}`);
  }
}

function relationAt(path: readonly string[], draft: SchemaDraft): Relation {
  const name = nameInPublic(path);
  const relation = draft.relation(name);
  if (relation === undefined) throw new SqlError("42P01", `relation "${name}" does not exist`);
  return relation;
}

/** The same with another comment, or without one. */
function commented<Kind extends { readonly comment?: string }>(
  item: Kind,
  comment: string | null,
): Kind {
  const { comment: _old, ...rest } = item;
  return (comment === null ? rest : { ...rest, comment }) as Kind;
}

function commentOnColumn(
  path: readonly string[],
  comment: string | null,
  draft: SchemaDraft,
): void {
  const relation = relationAt(path.slice(0, -1), draft);
  const name = path.at(-1) ?? "";
  if (relation.kind !== "table" && relation.kind !== "view") {
    throw new SqlError("42809", `"${relation.name}" is not a table or view`);
  }
  if (!relation.columns.some((column) => column.name === name)) {
    const text = `column "${name}" of relation "${relation.name}" does not exist`;
    throw new SqlError("42703", text);
  }
  const columns = relation.columns.map((column) =>
    column.name === name ? commented(column, comment) : column,
  );
  draft.put({ ...relation, columns });
}

function commentOnConstraint(
  path: readonly string[],
  comment: string | null,
  draft: SchemaDraft,
): void {
  const table = draft.table(nameInPublic(path.slice(0, -1)));
  const name = path.at(-1) ?? "";
  if (!table.constraints.some((constraint) => constraint.name === name)) {
    const text = `constraint "${name}" for table "${table.name}" does not exist`;
    throw new SqlError("42704", text);
  }
  const constraints = table.constraints.map((constraint) =>
    constraint.name === name ? commented(constraint, comment) : constraint,
  );
  draft.put({ ...table, constraints });
}
