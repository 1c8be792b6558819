/**
 * Large texts are parsed and translated by somebody else than who runs their statements: a thread,
 * which gives back what was made of them. Their trees stay there, being many times as large as the texts.
 *
 * | statement                               | comes back as                                       |
 * | a query or change of rows               | an outline, with its translation or the error       |
 * | another one, short                      | it is                                               |
 * | another one, long                       | nothing does: the text is for who has it            |
 */
import type { Node } from "libpg-query";
import { assert } from "../base/assert.ts";
import { asksForLocks } from "./advisory-locks.ts";
import { SqlError, type SqlErrorFields } from "./errors.ts";
import { type ParsedStatement, parseStatements } from "./parse.ts";
import { isSchemaStatement } from "./schema/translate-schema.ts";
import { isSessionQuery } from "./session-query.ts";
import { firstParameter } from "./statement-parameters.ts";
import { type TranslationContext, translate } from "./translate.ts";
import type { Translation } from "./translation.ts";

/** Characters from which on a text is large: it takes 20 ms and more, and a message to a thread 1 ms. */
export const LARGE_TEXT_MIN = 32 * 1024;

/** Characters up to which a statement's tree is as good as its outline. */
const SHORT_STATEMENT_MAX = 16 * 1024;

/** Translates large texts where nobody waits for anything else. */
export interface LargeTexts {
  /**
   * Null: the text is to be parsed by who asks. Rejects with SqlError as `parseStatements` throws it,
   * and with 57014 when `signal` says so.
   */
  translate(
    text: string,
    context: TranslationContext,
    signal: AbortSignal,
  ): Promise<readonly TranslatedStatement[] | null>;
}

/** Plain data, so that it can go from thread to thread. */
export interface TranslatedStatement {
  readonly statement: ParsedStatement;
  /** Null for one that is no outline. */
  readonly outcome: TranslationOutcome | null;
}

export type TranslationOutcome =
  | { readonly kind: "translation"; readonly translation: Translation }
  | { readonly kind: "error"; readonly error: SqlErrorData };

export interface SqlErrorData {
  readonly sqlState: string;
  readonly message: string;
  readonly fields: SqlErrorFields;
}

/** What LargeTexts gives for a text. Throws SqlError in PostgreSQL's words. */
export function translateLargeText(
  text: string,
  context: TranslationContext,
): readonly TranslatedStatement[] | null {
  const all: TranslatedStatement[] = [];
  // What there is once crosses once.
  const known = new Map<string, TranslationOutcome>();
  let changesSchema = false;
  for (const statement of parseStatements(text)) {
    // What comes after a change of the schema is about another catalog.
    const outcome = changesSchema
      ? null
      : (known.get(statement.text) ?? outcomeOf(statement, context));
    if (outcome?.kind === "translation") known.set(statement.text, outcome);
    if (outcome === null && statement.text.length > SHORT_STATEMENT_MAX) return null;
    changesSchema ||= isSchemaStatement(statement.node);
    all.push({ statement: outcome === null ? statement : outlineOf(statement), outcome });
  }
  return all;
}

/** An outline with its tree. */
export function wholeOf(statement: ParsedStatement): ParsedStatement {
  if (statement.isOutline !== true) return statement;
  const [whole] = parseStatements(statement.text);
  assert(whole !== undefined, "a statement stays one");
  return { ...whole, position: statement.position };
}

function outcomeOf(
  statement: ParsedStatement,
  context: TranslationContext,
): TranslationOutcome | null {
  if (!isAboutRows(statement.node)) return null;
  try {
    return { kind: "translation", translation: translate(statement, context) };
  } catch (error) {
    if (!(error instanceof SqlError)) throw error;
    return { kind: "error", error: errorDataOf(error) };
  }
}

/** Of these nobody asks for more of the tree than its outline has, if there is a translation. */
function isAboutRows(node: Node): boolean {
  if ("SelectStmt" in node) return !isSessionQuery(node) && !asksForLocks(node);
  return "InsertStmt" in node || "UpdateStmt" in node || "DeleteStmt" in node;
}

function outlineOf(statement: ParsedStatement): ParsedStatement {
  const { text, node } = statement;
  return {
    ...statement,
    node: outlineOfNode(node),
    isOutline: true,
    firstParameter: text.includes("$") ? firstParameter(node) : null,
  };
}

function outlineOfNode(node: Node): Node {
  if ("InsertStmt" in node) return OUTLINES.insert;
  if ("UpdateStmt" in node) return OUTLINES.update;
  return "DeleteStmt" in node ? OUTLINES.delete : OUTLINES.select;
}

const OUTLINES = {
  insert: { InsertStmt: {} },
  update: { UpdateStmt: {} },
  delete: { DeleteStmt: {} },
  // A query without FROM would have to be looked at: it may ask the session, or for locks.
  select: { SelectStmt: { fromClause: [] } },
} satisfies Readonly<Record<string, Node>>;

/** An error as it crosses. */
export function errorDataOf({ sqlState, message, fields }: SqlError): SqlErrorData {
  return { sqlState, message, fields };
}

/** The inverse of errorDataOf. */
export function errorOf({ sqlState, message, fields }: SqlErrorData): SqlError {
  return new SqlError(sqlState, message, fields);
}
