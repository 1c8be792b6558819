import type { LockStmt, Node } from "libpg-query";
import type { Catalog } from "./catalog/catalog.ts";
import { SqlError } from "./errors.ts";
import type { NoEffectTranslation } from "./translation.ts";

/** LOCK TABLE: transactions are serializable whatever they lock. Throws SqlError for what is no table. */
export function lockTable(node: LockStmt, catalog: Catalog): NoEffectTranslation {
  for (const relation of node.relations ?? []) checkRelation(relation, catalog);
  const common = { parameterTypes: [], columns: null, tagCounts: false } as const;
  return { kind: "noEffect", onlyInBlock: "refused", tag: "LOCK TABLE", ...common };
}

function checkRelation(node: Node, catalog: Catalog): void {
  if (!("RangeVar" in node)) return;
  const { relname = "", schemaname = "public" } = node.RangeVar;
  if (SYSTEM_SCHEMAS.has(schemaname)) return;
  const relation = schemaname === "public" ? catalog.relations.get(relname) : undefined;
  if (relation === undefined) {
    const name = node.RangeVar.schemaname === undefined ? relname : `${schemaname}.${relname}`;
    throw new SqlError("42P01", `relation "${name}" does not exist`);
  }
  const plural = UNLOCKABLE[relation.kind];
  if (plural === undefined) return;
  throw new SqlError("42809", `cannot lock relation "${relname}"`, {
    detail: `This operation is not supported for ${plural}.`,
  });
}

const SYSTEM_SCHEMAS: ReadonlySet<string> = new Set(["pg_catalog", "information_schema"]);

const UNLOCKABLE: { readonly [kind in string]?: string } = {
  sequence: "sequences",
  index: "indexes",
};
