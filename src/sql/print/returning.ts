import type { Node } from "libpg-query";
import { inClause, type OutputColumn, type Scope, withItems } from "../analyze/scope.ts";
import type { Typed } from "../analyze/typed.ts";
import type { TargetTable } from "./target-table.ts";
import { targetsOf } from "./targets.ts";

export interface Returning {
  /** " RETURNING …", or empty. */
  readonly sql: string;
  readonly columns: readonly OutputColumn[] | null;
}

/** SQLite's RETURNING sees the changed row alone, so columns of other tables are refused. */
export function returning(
  clause: { readonly exprs?: Node[] } | undefined,
  target: TargetTable,
  scope: Scope,
  others: Scope["items"] = [],
): Returning {
  if (clause === undefined) {
    return { sql: "", columns: null };
  }
  const visible = withItems(scope, [target.item, ...others]);
  const list = inClause(visible, "RETURNING", () => targetsOf(clause.exprs ?? [], visible));
  for (const { value } of list) {
    refuseOthers(value, target, scope);
  }
  return {
    sql: ` RETURNING ${list.map((each) => each.value.sql).join(", ")}`,
    columns: list.map(({ name, sqlName, value }) => ({
      name,
      sqlName,
      typeOid: value.typeOid,
      typeModifier: value.typeModifier,
      notNull: value.notNull === true,
      origin: value.origin ?? null,
    })),
  };
}

function refuseOthers(value: Typed, { item }: TargetTable, scope: Scope): void {
  const own = new Set(item.columns.map((column) => column.sql));
  const stray = value.uses.find((use) => !own.has(use.sql));
  if (stray !== undefined) {
    throw scope.statement.notSupported(
      "RETURNING of a column that is not of the changed table",
      stray.location,
    );
  }
}
