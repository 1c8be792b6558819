import type { IndexElem, IndexStmt, Node } from "libpg-query";
import { kindOf, stringsOf } from "../analyze/nodes.ts";
import type { Index, IndexKey, StoredExpression, Table } from "../catalog/catalog.ts";
import { notSupported, SqlError } from "../errors.ts";
import { type TranslatedExpression, translateExpression } from "../print/schema-parts.ts";
import { OID } from "../types/oids.ts";
import { existsAlready } from "./create-table.ts";
import { verifyUnique } from "./keys.ts";
import { joinedColumns } from "./names.ts";
import { relationName } from "./relation-name.ts";
import type { SchemaDraft } from "./schema-draft.ts";

/** CREATE INDEX. Every index is one of SQLite's B-trees; hash is accepted as another name for it. */
export function createIndex(statement: IndexStmt, draft: SchemaDraft): void {
  const tableName = relationName(statement.relation);
  const method = methodOf(statement);
  const table = indexedTable(tableName, draft);
  const name = statement.idxname ?? "";
  if (name !== "" && existsAlready(name, statement.if_not_exists === true, draft)) return;
  const elements = (statement.indexParams ?? []).flatMap((node) =>
    "IndexElem" in node ? [node.IndexElem] : [],
  );
  const keys = elements.map((element) => indexKey(element, table, draft));
  const index: Index = {
    kind: "index",
    oid: draft.newOid(),
    name:
      name === ""
        ? draft.freeRelationName(tableName, joinedColumns(keyNames(elements)), "idx")
        : name,
    table: tableName,
    unique: statement.unique === true,
    method,
    keys,
    where: predicate(statement.whereClause, table, draft),
    constraint: null,
  };
  draft.add(index);
  if (index.unique) verifyUnique(index, draft);
}

function methodOf(statement: IndexStmt): string {
  const method = statement.accessMethod ?? "btree";
  if (statement.nulls_not_distinct === true) throw notSupported("NULLS NOT DISTINCT");
  if ((statement.indexIncludingParams ?? []).length > 0) throw notSupported("INCLUDE in an index");
  if (method === "btree") return method;
  if (method !== "hash") throw notSupported(`access method "${method}"`);
  if (statement.unique === true) {
    throw notSupported('access method "hash" for unique indexes');
  }
  return method;
}

function indexedTable(name: string, draft: SchemaDraft): Table {
  if (draft.relation(name)?.kind === "view") {
    throw new SqlError("42809", `cannot create index on relation "${name}"`, {
      detail: "This operation is not supported for views.",
    });
  }
  return draft.table(name);
}

function indexKey(element: IndexElem, table: Table, draft: SchemaDraft): IndexKey {
  assertOrdinary(element);
  const descending = element.ordering === "SORTBY_DESC";
  const nulls = element.nulls_ordering ?? "SORTBY_NULLS_DEFAULT";
  const nullsFirst = nulls === "SORTBY_NULLS_DEFAULT" ? descending : nulls === "SORTBY_NULLS_FIRST";
  if (element.name !== undefined) {
    const column = table.columns.find((each) => each.name === element.name);
    if (column === undefined) {
      throw new SqlError("42703", `column "${element.name}" does not exist`);
    }
    return { column: column.name, expression: null, descending, nullsFirst };
  }
  if (element.expr === undefined) throw new SqlError("42601", "an index key is missing");
  const translated = translateIn(element.expr, "index expressions", table, draft);
  if (!translated.immutable) {
    throw new SqlError("42P17", "functions in index expression must be marked IMMUTABLE");
  }
  return { column: null, expression: comparable(translated), descending, nullsFirst };
}

/** A numeric expression is compared by its key, as a numeric column is. */
function comparable(translated: TranslatedExpression): StoredExpression {
  const { sqlite, postgres, typeOid } = translated;
  return { sqlite: typeOid === OID.numeric ? `numeric_key(${sqlite})` : sqlite, postgres };
}

const HARMLESS_OPERATOR_CLASS = /^(?:\w+_ops|\w+_pattern_ops)$/;

function assertOrdinary(element: IndexElem): void {
  const collation = stringsOf(element.collation).at(-1);
  if (collation !== undefined && !["C", "POSIX", "default"].includes(collation)) {
    throw notSupported(`collation "${collation}"`);
  }
  const operatorClass = stringsOf(element.opclass).at(-1);
  if (operatorClass !== undefined && !HARMLESS_OPERATOR_CLASS.test(operatorClass)) {
    throw new SqlError("42704", `operator class "${operatorClass}" does not exist`);
  }
}

function predicate(
  node: Node | undefined,
  table: Table,
  draft: SchemaDraft,
): StoredExpression | null {
  if (node === undefined) return null;
  const translated = translateIn(node, "index predicates", table, draft);
  if (!translated.immutable) {
    throw new SqlError("42P17", "functions in index predicate must be marked IMMUTABLE");
  }
  return { sqlite: translated.sqlite, postgres: translated.postgres };
}

function translateIn(
  node: Node,
  clause: string,
  table: Table,
  draft: SchemaDraft,
): TranslatedExpression {
  const { databaseName } = draft;
  return translateExpression(node, { catalog: draft.catalog(), databaseName, table, clause });
}

/** What PostgreSQL calls the keys when it makes up an index's name. */
function keyNames(elements: readonly IndexElem[]): readonly string[] {
  const names: string[] = [];
  for (const element of elements) {
    const base = element.name ?? nameOfExpression(element.expr);
    let name = base;
    for (let pass = 1; names.includes(name); pass += 1) name = `${base}${pass}`;
    names.push(name);
  }
  return names;
}

function nameOfExpression(node: Node | undefined): string {
  if (node === undefined) return "expr";
  if ("FuncCall" in node) return stringsOf(node.FuncCall.funcname).at(-1) ?? "expr";
  if ("TypeCast" in node) return nameOfExpression(node.TypeCast.arg);
  if ("ColumnRef" in node) return stringsOf(node.ColumnRef.fields).at(-1) ?? "expr";
  if ("CollateClause" in node) return nameOfExpression(node.CollateClause.arg);
  if (kindOf(node) === "CoalesceExpr") return "coalesce";
  return kindOf(node) === "CaseExpr" ? "case" : "expr";
}
