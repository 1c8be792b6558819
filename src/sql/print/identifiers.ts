/** A name as an SQLite identifier. Always quoted, so that no keyword can be mistaken for one. */
export function identifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

export function stringLiteral(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
