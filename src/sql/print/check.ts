/**
 * Where a loop of a statement may become long, a function of the machine's is called for each row, in
 * which the statement can be stopped: it is the first term of WHERE, so that rows which other terms
 * refuse count as well, and of ON, where rows of an outer join are refused.
 *
 * SQLite calls it in the loop over the member of FROM that its argument names, whatever order it
 * gives the loops; so there is a call for each member, of which a row meets one. An argument must not
 * cost anything, fail, or be asked twice: it is a table's rowid, which every index has, or a column
 * that is named and never evaluated.
 */
import type { FromItem } from "../analyze/scope.ts";
import type { StatementState } from "../analyze/statement.ts";

/** Always true; the machine counts its calls and may end the statement in one. */
export const CHECK_FUNCTION = "synod_check";

/** Names a row of a table. */
export function tableMark(alias: string): string {
  return `${alias}.rowid`;
}

/** Names a row of what has no rowid, or may be merged into the query by SQLite, by these columns. */
export function columnMarks(
  columns: readonly { readonly sql: string; readonly origin?: unknown }[],
): readonly string[] {
  // A column of a table stands in every row; another may be a constant.
  const column = columns.find(({ origin }) => origin) ?? columns[0];
  return column === undefined ? [] : [`CASE WHEN 0 THEN ${column.sql} END`];
}

/** A condition that looks at each row of the members that the marks name; none if there are no marks. */
export function checked(
  condition: string | null,
  marks: readonly string[],
  statement: StatementState,
): string | null {
  if (marks.length === 0) return condition;
  statement.mayRunLong = true;
  const calls = marks.map((mark) => `${CHECK_FUNCTION}(${mark})`);
  return (condition === null ? calls : [...calls, `(${condition})`]).join(" AND ");
}

/**
 * The condition of a query over these members of FROM. A loop over one table is left alone, unless
 * it runs for each row of another (`isRepeated`) or makes its own rows (recursion).
 */
export function checkedRows(
  condition: string | null,
  items: readonly FromItem[],
  { isRepeated, statement }: { readonly isRepeated: boolean; readonly statement: StatementState },
): string | null {
  const marks = items.flatMap(({ rowMarks }) => rowMarks);
  const isLoop = isRepeated || marks.length > 1 || items.some(({ isRecursive }) => isRecursive);
  return isLoop ? checked(condition, marks, statement) : condition;
}
