import type { Catalog } from "./catalog/catalog.ts";
import { notSupported } from "./errors.ts";
import type { ParsedStatement } from "./parse.ts";
import type { Translation } from "./translation.ts";

export interface TranslationContext {
  readonly catalog: Catalog;
  readonly databaseName: string;
  /** OIDs as the client gave them, $1 first; 0 or absent: to be inferred. */
  readonly parameterTypes: readonly number[];
}

/** One parsed statement to what runs on SQLite. Throws SqlError in PostgreSQL's words. */
export function translate(statement: ParsedStatement, _context: TranslationContext): Translation {
  throw notSupported(Object.keys(statement.node).join());
}
