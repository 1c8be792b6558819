/** SELECT, VALUES and set operations: WITH first, then the body. */
import type { SelectStmt } from "libpg-query";
import type { Query, QueryOptions, Scope } from "../analyze/scope.ts";
import { plainSelect } from "./select.ts";
import { setOperation } from "./set-operation.ts";
import { values } from "./values.ts";
import { withClause } from "./with.ts";

/** `scope` is the enclosing one. */
export function query(select: SelectStmt, scope: Scope, options: QueryOptions = {}): Query {
  if (select.intoClause !== undefined) {
    throw scope.statement.notSupported("SELECT INTO", select.intoClause.rel?.location);
  }
  const tables = withClause(select.withClause, scope);
  const body = queryBody(select, tables.scope, options);
  return tables.sql === "" ? body : { ...body, sql: `${tables.sql} ${body.sql}` };
}

function queryBody(select: SelectStmt, scope: Scope, options: QueryOptions): Query {
  if (select.op !== undefined && select.op !== "SETOP_NONE") {
    return setOperation(select, scope, options);
  }
  return select.valuesLists === undefined
    ? plainSelect(select, scope, options)
    : values(select, scope, options);
}
