import type { CreateExtensionStmt, CreateSchemaStmt, Node, SelectStmt } from "libpg-query";
import { kindOf } from "../analyze/nodes.ts";
import { notSupported, SqlError } from "../errors.ts";
import type { ParsedStatement } from "../parse.ts";
import type { TranslationContext } from "../translate.ts";
import type { SchemaTranslation, Step } from "../translation.ts";
import { alterTable } from "./alter-table.ts";
import { commentOn } from "./comments.ts";
import { createIndex } from "./create-index.ts";
import { createTable, createTableAs } from "./create-table.ts";
import { drop } from "./drop.ts";
import { truncationNotices } from "./names.ts";
import { rename } from "./rename.ts";
import { SchemaDraft } from "./schema-draft.ts";
import { alterSequence, createSequence } from "./sequences.ts";
import { catalogSteps, createViews, dropViews, schemaSteps } from "./sqlite/schema-steps.ts";
import { createView } from "./views.ts";

/** Whether a statement of this kind is one for translateSchema; SELECT INTO is as well. */
export function isSchemaStatement(node: Node): boolean {
  if ("SelectStmt" in node) return node.SelectStmt.intoClause !== undefined;
  return SCHEMA_STATEMENTS.has(kindOf(node));
}

const SCHEMA_STATEMENTS: ReadonlySet<string> = new Set([
  "CreateStmt",
  "CreateTableAsStmt",
  "AlterTableStmt",
  "RenameStmt",
  "DropStmt",
  "IndexStmt",
  "ViewStmt",
  "CreateSeqStmt",
  "AlterSeqStmt",
  "CommentStmt",
  "CreateSchemaStmt",
  "CreateExtensionStmt",
]);

/**
 * A statement that changes the schema: the Catalog after it, and the SQLite statements that lead
 * there. Throws SqlError in PostgreSQL's words.
 */
export function translateSchema(
  statement: ParsedStatement,
  context: TranslationContext,
): SchemaTranslation {
  const draft = new SchemaDraft(context.catalog, context.databaseName);
  for (const text of truncationNotices(statement.text)) draft.notice("42622", text);
  const done = change(statement.node, draft);
  const { steps, rebuildsTables } =
    done.renames === undefined ? schemaSteps(draft) : renameSteps(done.renames, draft);
  return {
    kind: "schema",
    parameterTypes: [],
    columns: null,
    tag: done.tag,
    tagCounts: done.counts === true,
    steps,
    rebuildsTables,
    catalog: draft.catalog(),
    ...(draft.notices.length === 0 ? {} : { notices: draft.notices }),
  };
}

interface Done {
  readonly tag: string;
  readonly counts?: boolean;
  /** SQLite's own renaming, in place of what the Catalogs' difference would ask for. */
  readonly renames?: readonly Step[];
}

/** Views stand aside, because SQLite reads them all again when something is renamed. */
function renameSteps(renames: readonly Step[], draft: SchemaDraft) {
  const after = draft.catalog();
  const steps = [
    ...dropViews(draft.before),
    ...renames,
    ...createViews(after),
    ...catalogSteps(draft.before, after),
  ];
  return { steps, rebuildsTables: false };
}

function change(node: Node, draft: SchemaDraft): Done {
  if ("CreateStmt" in node) {
    createTable(node.CreateStmt, draft);
    return { tag: "CREATE TABLE" };
  }
  if ("CreateTableAsStmt" in node) {
    const { query, into, objtype, if_not_exists } = node.CreateTableAsStmt;
    if (objtype === "OBJECT_MATVIEW") throw notSupported("MATERIALIZED VIEW");
    if (query === undefined || !("SelectStmt" in query))
      throw notSupported("CREATE TABLE AS EXECUTE");
    return tableAs(query.SelectStmt, into ?? {}, if_not_exists === true, draft);
  }
  if ("SelectStmt" in node) {
    const { intoClause, ...query } = node.SelectStmt;
    return tableAs(query, intoClause ?? {}, false, draft);
  }
  if ("IndexStmt" in node) {
    createIndex(node.IndexStmt, draft);
    return { tag: "CREATE INDEX" };
  }
  if ("ViewStmt" in node) {
    createView(node.ViewStmt, draft);
    return { tag: "CREATE VIEW" };
  }
  return changeExisting(node, draft);
}

function tableAs(
  query: SelectStmt,
  into: NonNullable<SelectStmt["intoClause"]>,
  ifNotExists: boolean,
  draft: SchemaDraft,
): Done {
  const created = createTableAs(query, into, ifNotExists, draft);
  const filled = created && into.skipData !== true;
  return filled ? { tag: "SELECT", counts: true } : { tag: "CREATE TABLE AS" };
}

function changeExisting(node: Node, draft: SchemaDraft): Done {
  if ("AlterTableStmt" in node) {
    alterTable(node.AlterTableStmt, draft);
    return { tag: `ALTER ${objectWords(node.AlterTableStmt.objtype)}` };
  }
  if ("RenameStmt" in node) {
    const renames = rename(node.RenameStmt, draft);
    const { renameType, relationType } = node.RenameStmt;
    const inside = renameType === "OBJECT_COLUMN" || renameType === "OBJECT_TABCONSTRAINT";
    const type = inside && relationType === "OBJECT_VIEW" ? "OBJECT_VIEW" : renameType;
    return { tag: `ALTER ${objectWords(type)}`, ...(renames === null ? {} : { renames }) };
  }
  if ("DropStmt" in node) {
    drop(node.DropStmt, draft);
    return { tag: `DROP ${objectWords(node.DropStmt.removeType)}` };
  }
  if ("CommentStmt" in node) {
    commentOn(node.CommentStmt, draft);
    return { tag: "COMMENT" };
  }
  return changeOthers(node, draft);
}

function changeOthers(node: Node, draft: SchemaDraft): Done {
  if ("CreateSeqStmt" in node) {
    createSequence(node.CreateSeqStmt, draft);
    return { tag: "CREATE SEQUENCE" };
  }
  if ("AlterSeqStmt" in node) {
    alterSequence(node.AlterSeqStmt, draft);
    return { tag: "ALTER SEQUENCE" };
  }
  if ("CreateSchemaStmt" in node) return createSchema(node.CreateSchemaStmt, draft);
  if ("CreateExtensionStmt" in node) return createExtension(node.CreateExtensionStmt, draft);
  throw notSupported(kindOf(node));
}

function objectWords(type: string | undefined): string {
  const word = (type ?? "").replace("OBJECT_", "");
  if (word === "COLUMN" || word === "TABCONSTRAINT") return "TABLE";
  return word === "MATVIEW" ? "MATERIALIZED VIEW" : word.replaceAll("_", " ");
}

function createSchema(statement: CreateSchemaStmt, draft: SchemaDraft): Done {
  const name = statement.schemaname ?? "";
  if (name !== "public") throw notSupported(`schema "${name}" (only "public" exists)`);
  const text = `schema "${name}" already exists`;
  if (statement.if_not_exists !== true) throw new SqlError("42P06", text);
  draft.notice("42P06", `${text}, skipping`);
  return { tag: "CREATE SCHEMA" };
}

/** Extensions whose functions are built in, or that a schema dump names without using them. */
const HARMLESS_EXTENSIONS: ReadonlySet<string> = new Set(["plpgsql", "pgcrypto", "uuid-ossp"]);

function createExtension(statement: CreateExtensionStmt, draft: SchemaDraft): Done {
  const name = statement.extname ?? "";
  if (!HARMLESS_EXTENSIONS.has(name)) {
    throw new SqlError("0A000", `extension "${name}" is not available`);
  }
  const text = `extension "${name}" already exists`;
  if (statement.if_not_exists !== true) throw new SqlError("42710", text);
  draft.notice("42710", `${text}, skipping`);
  return { tag: "CREATE EXTENSION" };
}
