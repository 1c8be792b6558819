/** One PostgreSQL statement to what runs on SQLite. */
import type { ExplainStmt, Node, SelectStmt } from "libpg-query";
import { advisoryLockCalls, withoutLockTimeout } from "./advisory-locks.ts";
import { kindOf } from "./analyze/nodes.ts";
import { type OutputColumn, rootScope, type Scope } from "./analyze/scope.ts";
import { StatementState } from "./analyze/statement.ts";
import type { Catalog } from "./catalog/catalog.ts";
import { copyStatement } from "./copy/copy-statement.ts";
import { cursorStatement } from "./cursor-statement.ts";
import type { ColumnDescription } from "./database.ts";
import { notSupported, SqlError } from "./errors.ts";
import { lockTable } from "./lock-table.ts";
import { type ParsedStatement, tooDeep } from "./parse.ts";
import { type Changed, insert } from "./print/insert.ts";
import { translators } from "./print/translators.ts";
import { deleteRows, update } from "./print/update.ts";
import { isSchemaStatement, translateSchema } from "./schema/translate-schema.ts";
import { sessionQuery } from "./session-query.ts";
import { sessionStatement } from "./session-statement.ts";
import { setConstraints } from "./set-constraints.ts";
import type { ExplainTranslation, Step, Translation } from "./translation.ts";
import { truncate } from "./truncate.ts";
import { OID } from "./types/oids.ts";

export interface TranslationContext {
  readonly catalog: Catalog;
  readonly databaseName: string;
  /** OIDs as the client gave them, $1 first; 0 or absent: to be inferred. */
  readonly parameterTypes: readonly number[];
}

/** Throws SqlError in PostgreSQL's words. */
export function translate(statement: ParsedStatement, context: TranslationContext): Translation {
  try {
    const translation = translateStatement(statement, context);
    for (const step of stepsOf(translation)) refuseOldValues(step);
    for (const { sql } of stepsOf(translation)) refuseComments(sql);
    return translation;
  } catch (error) {
    throw error instanceof RangeError ? tooDeep() : error;
  }
}

function stepsOf(translation: Translation): readonly Step[] {
  if ("step" in translation) return [translation.step];
  if (translation.kind === "advisoryLock") return [translation.keys.step];
  if ("target" in translation) return [translation.target];
  if (translation.kind === "copyIn") return [translation.insert.step];
  if (translation.kind === "copyOut") return [translation.query.step];
  if (translation.kind === "cursor" && translation.action.kind === "declare") {
    return [translation.action.query.step];
  }
  return "steps" in translation ? translation.steps : [];
}

/** The gateway answers currval() and lastval() before the statement runs: too early if it takes a value. */
function refuseOldValues({ sql, parameters }: Step): void {
  const asks = parameters.some(
    (source) => source.from === "session" && /^(currval:|lastval$)/.test(source.fact),
  );
  if (asks && /\bpg_(nextval|setval)\(/.test(sql)) {
    throw notSupported("currval() or lastval() in a statement that takes from a sequence", {
      hint: "Ask for it in the next statement, or use RETURNING.",
    });
  }
}

/** The second wall: no printed text has a comment, so one would mean that two pieces became it. */
function refuseComments(sql: string): void {
  if (sql.replace(QUOTED, "''").search(/--|\/\*/) !== -1) {
    throw new SqlError("XX000", "the translated statement has a comment");
  }
}

const QUOTED = /'(?:[^']|'')*'|"(?:[^"]|"")*"/g;

function translateStatement(statement: ParsedStatement, context: TranslationContext): Translation {
  const { node } = statement;
  if (isSchemaStatement(node)) {
    return translateSchema(statement, context);
  }
  if ("TruncateStmt" in node) {
    return truncate(node.TruncateStmt, context.catalog);
  }
  if ("LockStmt" in node) {
    return lockTable(node.LockStmt, context.catalog);
  }
  if ("ConstraintsSetStmt" in node) {
    return setConstraints(node.ConstraintsSetStmt, context.catalog);
  }
  if ("ExplainStmt" in node) {
    return explain(node.ExplainStmt, statement, context);
  }
  const query = (part: Node): Translation | undefined => data(part, statement, context);
  if ("CopyStmt" in node) {
    return copyStatement(node.CopyStmt, { ...context, source: statement, translateQuery: query });
  }
  const ofSession = sessionQuery(statement, context);
  if (ofSession !== undefined) return ofSession;
  return query(node) ?? cursorStatement(node, query) ?? sessionStatement(node) ?? refuse(node);
}

function refuse(node: Node): never {
  throw notSupported(STATEMENT_NAMES[kindOf(node)] ?? kindOf(node));
}

const STATEMENT_NAMES: { readonly [kind in string]?: string } = {
  MergeStmt: "MERGE",
  CallStmt: "CALL",
  DoStmt: "DO",
  PrepareStmt: "PREPARE",
  ExecuteStmt: "EXECUTE",
  ListenStmt: "LISTEN",
  NotifyStmt: "NOTIFY",
  CreateFunctionStmt: "CREATE FUNCTION",
  CreateTrigStmt: "CREATE TRIGGER",
  CreateRoleStmt: "CREATE ROLE",
  AlterRoleStmt: "ALTER ROLE",
  DropRoleStmt: "DROP ROLE",
  CreateEnumStmt: "CREATE TYPE",
  CreateDomainStmt: "CREATE DOMAIN",
  GrantStmt: "GRANT",
  GrantRoleStmt: "GRANT",
  RuleStmt: "CREATE RULE",
};

/** A query or a change of rows; undefined for any other statement. */
function data(
  node: Node,
  statement: ParsedStatement,
  context: TranslationContext,
): Translation | undefined {
  const state = new StatementState({ ...context, source: statement });
  const scope = rootScope(state, translators);
  if ("SelectStmt" in node) {
    return select(node.SelectStmt, scope);
  }
  if ("InsertStmt" in node) {
    return changed(insert(node.InsertStmt, scope), "INSERT 0", state);
  }
  if ("UpdateStmt" in node) {
    return changed(update(node.UpdateStmt, scope), "UPDATE", state);
  }
  return "DeleteStmt" in node
    ? changed(deleteRows(node.DeleteStmt, scope), "DELETE", state)
    : undefined;
}

function select(written: SelectStmt, scope: Scope): Translation {
  const { statement } = scope;
  const { query: node, lockTimeout } = withoutLockTimeout(written);
  const locks = advisoryLockCalls(node);
  statement.lockCalls = new Set(locks.map((lock) => lock.node));
  const query = scope.translate.query(node, scope);
  if (query.columns.length === 0) {
    throw notSupported("a query without columns");
  }
  const common = {
    parameterTypes: statement.resolvedParameterTypes(),
    columns: describe(query.columns),
    tag: "SELECT",
    tagCounts: true,
    step: stepOf(query.sql, statement),
  };
  if (!statement.changesSequences) {
    const { usesSystemRelations, locksRows } = statement;
    const read = { kind: "read", usesSystemRelations, locksRows, ...common } as const;
    if (locks.length === 0) return read;
    if (!query.singleRow) throw notSupported("an advisory lock in a query of several rows");
    const { step: _step, ...answer } = common;
    const calls = locks.map(({ call }) => call);
    return { kind: "advisoryLock", keys: read, calls, lockTimeout, ...answer };
  }
  if (locks.length > 0) throw notSupported("an advisory lock beside nextval() or setval()");
  refuseSystemRelations(statement);
  return { kind: "write", ...common };
}

function stepOf(sql: string, { parameters, mayRunLong }: StatementState): Step {
  return { sql, parameters, mayRunLong };
}

function changed(change: Changed, tag: string, statement: StatementState): Translation {
  refuseSystemRelations(statement);
  return {
    kind: "write",
    step: stepOf(change.sql, statement),
    parameterTypes: statement.resolvedParameterTypes(),
    columns: change.columns === null ? null : describe(change.columns),
    tag,
    tagCounts: true,
  };
}

/** They are computed by each node for its readers, and no part of the replicated state. */
function refuseSystemRelations(statement: StatementState): void {
  if (statement.usesSystemRelations) {
    throw notSupported("a write that reads pg_catalog or information_schema");
  }
}

function describe(columns: readonly OutputColumn[]): readonly ColumnDescription[] {
  return columns.map(({ name, typeOid, typeModifier, origin }) => ({
    name,
    typeOid,
    typeModifier,
    tableOid: origin?.tableOid ?? 0,
    columnNumber: origin?.number ?? 0,
  }));
}

/** SQLite's plan; nothing runs, so options that only change the form of the answer are taken. */
function explain(
  node: ExplainStmt,
  statement: ParsedStatement,
  context: TranslationContext,
): ExplainTranslation {
  const options = (node.options ?? []).flatMap((option) =>
    "DefElem" in option ? [option.DefElem.defname ?? ""] : [],
  );
  if (options.includes("analyze")) {
    throw notSupported("EXPLAIN ANALYZE");
  }
  if (options.includes("format")) {
    throw notSupported("EXPLAIN (FORMAT …)");
  }
  const target = node.query === undefined ? undefined : data(node.query, statement, context);
  if (target?.kind !== "read" && target?.kind !== "write") {
    throw notSupported("EXPLAIN of this statement");
  }
  const column = { name: "QUERY PLAN", typeOid: OID.text, typeModifier: -1 };
  return {
    kind: "explain",
    target: target.step,
    parameterTypes: target.parameterTypes,
    columns: [{ ...column, tableOid: 0, columnNumber: 0 }],
    tag: "EXPLAIN",
    tagCounts: false,
  };
}
