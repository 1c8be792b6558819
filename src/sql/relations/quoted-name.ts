/** SQL words that PostgreSQL quotes when they are names: every keyword that is not unreserved. */
const KEYWORDS: ReadonlySet<string> = new Set(
  `
  all analyse analyze and any array as asc asymmetric authorization between bigint binary bit
  boolean both case cast char character check coalesce collate collation column concurrently
  constraint create cross current_catalog current_date current_role current_schema
  current_time current_timestamp current_user dec decimal default deferrable desc distinct do
  else end except exists extract false fetch float for foreign freeze from full grant greatest
  group grouping having ilike in initially inner inout int integer intersect interval into is
  isnull join lateral leading least left like limit localtime localtimestamp national natural
  nchar none normalize not notnull null nullif numeric offset on only or order out outer
  overlaps overlay placing position precision primary real references returning right row
  select session_user setof similar smallint some substring symmetric table tablesample then
  time timestamp to trailing treat trim true union unique user using values varchar variadic
  verbose when where window with xmlattributes xmlconcat xmlelement xmlexists xmlforest
  xmlnamespaces xmlparse xmlpi xmlroot xmlserialize xmltable
`
    .trim()
    .split(/\s+/),
);

/** A name as PostgreSQL prints it in SQL: in double quotes only where it needs them. */
export function quotedName(name: string): string {
  if (/^[a-z_][a-z0-9_]*$/.test(name) && !KEYWORDS.has(name)) return name;
  return `"${name.replaceAll('"', '""')}"`;
}

/** Names as PostgreSQL prints a list of columns. */
export function quotedNames(names: readonly string[]): string {
  return names.map(quotedName).join(", ");
}
