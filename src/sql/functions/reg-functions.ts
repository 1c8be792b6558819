import type { Catalog } from "../catalog/catalog.ts";
import { projectedTables } from "../relations/projection.ts";
import { OID } from "../types/oids.ts";
import { resolveRegName } from "./reg-names.ts";
import { internalContextual, type LibraryEntry } from "./signature.ts";

/** The name that regclass prints for an OID; undefined if nothing has it. */
function relationName(catalog: Catalog, oid: number): string | undefined {
  for (const relation of catalog.relations.values()) {
    if (relation.oid === oid) return quoted(relation.name);
  }
  const system = projectedTables.find((table) => table.oid === oid);
  if (system === undefined) {
    return undefined;
  }
  return system.schema === "pg_catalog" ? system.name : `${system.schema}.${system.name}`;
}

function quoted(name: string): string {
  return /^[a-z_][a-z0-9_$]*$/.test(name) ? name : `"${name.replaceAll('"', '""')}"`;
}

export const regFunctions: readonly LibraryEntry[] = [
  internalContextual("reg_from_text", 2, ({ catalog }, [text, typeOid]) =>
    typeof text === "string" ? BigInt(resolveRegName(text, Number(typeOid), catalog)) : null,
  ),
];

/** TextSettings.objectName for a catalog. */
export function objectNames(
  catalog: Catalog,
): (typeOid: number, oid: number) => string | undefined {
  return (typeOid, oid) => (typeOid === OID.regclass ? relationName(catalog, oid) : undefined);
}
