/** What a session answers. Where the answer needs time to pass, as in a NodeCluster, the caller lets it. */
import { allRows } from "../../src/node/statement-results.ts";
import type {
  Notice,
  PreparedStatement,
  Session,
  StatementResult,
} from "../../src/sql/database.ts";
import type { SqliteValue } from "../../src/sql/values.ts";

export type Row = readonly SqliteValue[];

interface Answer {
  readonly tag: string;
  /** Undefined: the statement returns none. */
  readonly rows?: readonly Row[];
}

/** Runs a simple query on a session; answers with the rows of its last statement. */
export async function runQuery(session: Session, text: string): Promise<readonly Row[]> {
  let last: readonly Row[] = [];
  for await (const result of session.simpleQuery(text)) {
    last = result.kind === "rows" ? await allRows(result.rows) : [];
  }
  return last;
}

/** All results of a simple query, their rows not taken yet: whatever is implicit has ended by then. */
export async function resultsOf(session: Session, text: string): Promise<StatementResult[]> {
  const results: StatementResult[] = [];
  for await (const result of session.simpleQuery(text)) results.push(result);
  return results;
}

/** Whatever the client of a simple query is told beside its results. */
export async function noticesOf(session: Session, text: string): Promise<readonly Notice[]> {
  return (await resultsOf(session, text)).flatMap(({ notices = [] }) => notices);
}

/** The CommandComplete tags of a simple query. */
export async function tagsOf(session: Session, text: string): Promise<readonly string[]> {
  const tags: string[] = [];
  for (const result of await resultsOf(session, text)) tags.push((await answerOf(result)).tag);
  return tags;
}

/** What Execute and Sync answer. */
export async function execute(
  session: Session,
  statement: PreparedStatement,
  parameters: readonly SqliteValue[] = [],
): Promise<Answer> {
  return answerOf(await session.execute(statement, parameters, { syncFollows: true }));
}

/** What came of it: the result, or the SQLSTATE of an error. */
export function resultOrSqlState(answer: Promise<unknown>): Promise<unknown> {
  return answer.catch((error: unknown) =>
    error instanceof Error && "sqlState" in error ? error.sqlState : error,
  );
}

/** The error; there has to be one. */
export async function failureOf(answer: Promise<unknown>): Promise<unknown> {
  try {
    await answer;
  } catch (error) {
    return error;
  }
  throw new Error("it did not fail");
}

async function answerOf(result: StatementResult): Promise<Answer> {
  if (result.kind !== "rows") return { tag: result.kind === "command" ? result.tag : result.kind };
  const rows = await allRows(result.rows);
  return { tag: result.tag(rows.length), rows };
}
