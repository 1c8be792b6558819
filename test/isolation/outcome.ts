/**
 * An answer of the server as one line: rows as `(1, 10) (2, 20)` whatever their order, `no rows`, the
 * command tag without what differs between servers (`UPDATE 1`, `COMMIT`), or a SQLSTATE.
 */
import pg from "pg";

/** Every value as the server's text. */
const asText = { getTypeParser: () => (value: unknown) => value };

export async function outcomeOf(client: pg.Client, statement: string): Promise<string> {
  try {
    const result = await client.query<(string | null)[]>({
      text: statement,
      rowMode: "array",
      types: asText,
    });
    return result.fields.length > 0 ? rowsText(result.rows) : tagText(result);
  } catch (error) {
    if (error instanceof pg.DatabaseError && error.code !== undefined) return error.code;
    throw error;
  }
}

function rowsText(rows: readonly (readonly (string | null)[])[]): string {
  if (rows.length === 0) return "no rows";
  const texts = rows.map((row) => `(${row.map((value) => value ?? "NULL").join(", ")})`);
  return texts.toSorted().join(" ");
}

function tagText({ command, rowCount }: pg.QueryArrayResult): string {
  return rowCount === null ? command : `${command} ${rowCount}`;
}
