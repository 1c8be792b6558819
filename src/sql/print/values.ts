/** VALUES lists as a query. */
import type { SelectStmt } from "libpg-query";
import { commonType } from "../analyze/common-type.ts";
import { listItems } from "../analyze/nodes.ts";
import {
  inClause,
  innerScope,
  outerUses,
  type Query,
  type QueryOptions,
  type Scope,
} from "../analyze/scope.ts";
import type { Typed } from "../analyze/typed.ts";
import { OID } from "../types/oids.ts";
import { checked, coerce } from "./cast.ts";
import { refuseLocking } from "./locking.ts";
import { orderedRows } from "./set-operation.ts";

export function values(select: SelectStmt, outer: Scope, options: QueryOptions): Query {
  const scope = innerScope(outer);
  refuseLocking(select, scope);
  const rows = inClause(scope, "VALUES", () =>
    (select.valuesLists ?? []).map((list) =>
      listItems(list).map((item) => scope.translate.expression(item, scope)),
    ),
  );
  const [first = []] = rows;
  const uneven = rows.find((row) => row.length !== first.length);
  if (uneven !== undefined) {
    const message = "VALUES lists must all be the same length";
    throw scope.statement.error("42601", message, uneven[0]?.location);
  }
  const types = first.map((_value, index) => columnType(rows, index, options, scope));
  const converted = rows.map((row) =>
    row.map((value, index) => checked(coerce(value, types[index] ?? OID.text, scope.statement))),
  );
  const texts = converted.map((row) => `(${row.map((value) => value.sql).join(", ")})`);
  const columns = types.map((typeOid, index) => ({
    name: `column${index + 1}`,
    sqlName: `column${index + 1}`,
    typeOid,
    typeModifier: -1,
    notNull: converted.every((row) => row[index]?.notNull === true),
    origin: null,
  }));
  const query: Query = {
    sql: `VALUES ${texts.join(", ")}`,
    columns,
    uses: outerUses(
      converted.flat().flatMap((value) => value.uses),
      scope,
    ),
    singleRow: rows.length === 1,
  };
  return orderedRows(query, select, scope);
}

function columnType(
  rows: readonly (readonly Typed[])[],
  index: number,
  options: QueryOptions,
  scope: Scope,
): number {
  const column = rows.flatMap((row) => row[index] ?? []);
  const target = options.targets?.[index];
  if (target !== undefined && column.every((value) => value.unknown !== undefined)) {
    return target;
  }
  return commonType(column, "VALUES", scope.statement);
}
