import { SqlError } from "./errors.ts";
import { type FirstParameter, type ParsedStatement, positionIn } from "./parse.ts";

/**
 * Throws SqlError 42P02, with number and position, for a statement that has parameters and came
 * without values for them, as those of a simple query do. PREPARE's are its own.
 */
export function refuseParameters(statement: ParsedStatement): void {
  const { node, text } = statement;
  if (!text.includes("$") || "PrepareStmt" in node) return;
  const parameter = statement.isOutline === true ? statement.firstParameter : firstParameter(node);
  if (parameter === null || parameter === undefined) return;
  const { number = 0, location = 0 } = parameter;
  const position = positionIn(statement, location);
  throw new SqlError("42P02", `there is no parameter $${number}`, { position });
}

/** The one that stands first in the text. */
export function firstParameter(tree: object): FirstParameter | null {
  let first: FirstParameter | null = "ParamRef" in tree ? (tree.ParamRef as FirstParameter) : null;
  for (const part of Object.values(tree)) {
    if (typeof part !== "object" || part === null) continue;
    const found = firstParameter(part);
    if (found !== null && (first === null || startOf(found) < startOf(first))) first = found;
  }
  return first;
}

function startOf({ location = 0 }: FirstParameter): number {
  return location;
}
