/** Results of statements as the protocol takes them. */
import type { StatementOutcome } from "../machine/state-machine.ts";
import type {
  ColumnDescription,
  CommandResult,
  RowSource,
  RowsResult,
  StatementResult,
} from "../sql/database.ts";
import { SqlError } from "../sql/errors.ts";
import type {
  CopyOutTranslation,
  CursorTranslation,
  ReadTranslation,
  SchemaTranslation,
  SessionFact,
  Step,
  Translation,
  WriteTranslation,
} from "../sql/translation.ts";
import { OID } from "../sql/types/oids.ts";
import type { SqliteValue } from "../sql/values.ts";
import { MemoryRows } from "./row-sources.ts";

/** What can be part of a command of the log. */
export type Logged = ReadTranslation | WriteTranslation | SchemaTranslation;

const PAGE_ROWS = 1000;

export function commandResult({ tag }: Translation): CommandResult {
  return { kind: "command", tag };
}

/** FETCH, MOVE and CLOSE are left to the protocol; a cursor is declared in a transaction only. */
export function cursorUse({ tag, action }: CursorTranslation): StatementResult {
  if (action.kind === "declare") {
    throw new SqlError("25P01", `${tag} can only be used in transaction blocks`);
  }
  return { kind: "cursor", action };
}

/** The result of a statement that went through the log. Throws 40003 where its rows are lost. */
export function loggedResult(translation: Logged, outcome: StatementOutcome): StatementResult {
  if (translation.columns !== null) {
    return rowsResult(translation, new MemoryRows(rowsOf(outcome)));
  }
  const { tag, tagCounts } = translation;
  return { kind: "command", tag: tagCounts ? `${tag} ${outcome.count}` : tag };
}

export function rowsResult(translation: Translation, rows: RowSource): RowsResult {
  const { tag, tagCounts } = translation;
  return {
    kind: "rows",
    columns: translation.columns ?? [],
    rows,
    tag: (count) => (tagCounts ? `${tag} ${count}` : tag),
  };
}

/** COPY TO: the rows of its query. */
export function copyOutResult(
  translation: CopyOutTranslation,
  result: StatementResult,
): StatementResult {
  if (result.kind !== "rows") throw new SqlError("XX000", "a COPY of no rows");
  const { format, header, forceQuote, tag } = translation;
  const { columns, rows } = result;
  const counted = (count: number): string => `${tag} ${count}`;
  return { kind: "copyOut", columns, rows, format, header, forceQuote, tag: counted };
}

/** SET LOCAL: it would end with the transaction, and there is none. */
export function settingWithoutTransaction(translation: Translation): StatementResult {
  return withoutEffect(translation, "SET LOCAL can only be used in transaction blocks");
}

/** SET TRANSACTION where none was begun. */
export function notInBlock(translation: Translation): StatementResult {
  return withoutEffect(translation, "SET TRANSACTION can only be used in transaction blocks");
}

/**
 * IF NOT EXISTS of what exists, IF EXISTS of what does not: a new version of the same schema would
 * only be in the way of open transactions.
 */
export function changesNothing(translation: Translation): boolean {
  return translation.kind === "schema" && translation.steps.length === 0;
}

/** Whether a statement asks the session for this. */
export function asksFor(translation: Translation, fact: SessionFact): boolean {
  return stepsOf(translation).some(({ parameters }) =>
    parameters.some((source) => source.from === "session" && source.fact === fact),
  );
}

/** See Step.mayRunLong. */
export function mayRunLong(translation: Logged): boolean {
  return stepsOf(translation).some((step) => step.mayRunLong === true);
}

function stepsOf(translation: Translation): readonly Step[] {
  if ("step" in translation) return [translation.step];
  if (translation.kind === "advisoryLock") return [translation.keys.step];
  if (translation.kind === "cursor" && translation.action.kind === "declare") {
    return [translation.action.query.step];
  }
  if (translation.kind === "copyIn") return [translation.insert.step];
  if (translation.kind === "copyOut") return [translation.query.step];
  return "steps" in translation ? translation.steps : [];
}

function withoutEffect({ tag }: Translation, message: string): StatementResult {
  const notice = { severity: "WARNING", sqlState: "25P01", message };
  return { kind: "command", tag, notices: [notice] };
}

export function textColumn(name: string): ColumnDescription {
  return { name, typeOid: OID.text, typeModifier: -1, tableOid: 0, columnNumber: 0 };
}

export async function allRows(rows: RowSource): Promise<(readonly SqliteValue[])[]> {
  const gathered: (readonly SqliteValue[])[] = [];
  for (;;) {
    const page = await rows.next(PAGE_ROWS);
    if (page.length === 0) return gathered;
    gathered.push(...page);
  }
}

/** Frees what results hold whose rows nobody will read. */
export function closeRows(results: StatementResult | readonly StatementResult[]): void {
  for (const result of [results].flat()) {
    if (result.kind === "rows" || result.kind === "copyOut") result.rows.close();
    if (result.kind === "cursor" && result.action.kind === "declare") {
      result.action.result.rows.close();
    }
  }
}

/** The rows of a statement that went through the log. Throws 40003 where they are lost. */
function rowsOf(outcome: StatementOutcome): readonly (readonly SqliteValue[])[] {
  if (outcome.rows !== null) return outcome.rows;
  throw new SqlError(
    "40003",
    "the statement took effect, but the rows that it returned are no longer known",
    { hint: "This node caught up from a snapshot meanwhile. Read the rows; do not send it again." },
  );
}

/** A result with what the translator had to say. */
export function withNotices(translation: Translation, result: StatementResult): StatementResult {
  const { notices } = translation;
  if (notices === undefined) return result;
  return { ...result, notices: [...notices, ...(result.notices ?? [])] };
}
