/**
 * System relations whose rows are the session's own: no replica knows them, so they come with the query, as a
 * fact of the session in JSON.
 */
import type { StatementState } from "../analyze/statement.ts";
import type { SystemRelation } from "../relations/projection.ts";
import type { SessionFact } from "../translation.ts";
import { identifier } from "./identifiers.ts";

const FACTS: { readonly [name in string]?: SessionFact } = {
  pg_prepared_statements: "preparedStatements",
};

/** Its rows as a table of SQLite; null for a relation that is not of the session. */
export function sessionRelation(
  { schema, name, columns }: SystemRelation,
  statement: StatementState,
): string | null {
  const fact = schema === "pg_catalog" ? FACTS[name] : undefined;
  if (fact === undefined) return null;
  const values = columns.map(
    (column, at) => `json_extract(value, '$[${at}]') AS ${identifier(column.name)}`,
  );
  return `(SELECT ${values.join(", ")} FROM json_each(${statement.sessionFact(fact)}))`;
}
