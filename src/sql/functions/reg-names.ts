/** Names to OIDs, as the text forms of regclass, regtype, regproc and regnamespace have them. */
import type { Catalog } from "../catalog/catalog.ts";
import { SqlError } from "../errors.ts";
import { parseOid } from "../types/integer.ts";
import { OID } from "../types/oids.ts";
import { typeByOid } from "../types/registry.ts";
import { relationOidOf } from "./catalog-functions.ts";

/** Digits are an OID already. Throws 42P01, 42704, 3F000 … for a name that nothing has. */
export function resolveRegName(text: string, typeOid: number, catalog: Catalog): number {
  const trimmed = text.trim();
  if (/^\d+$/.test(trimmed)) {
    return Number(parseOid(trimmed, "oid"));
  }
  if (trimmed === "-") {
    return 0;
  }
  if (typeOid === OID.regclass) {
    const oid = relationOidOf(catalog, trimmed);
    if (oid === undefined) {
      throw new SqlError("42P01", `relation "${trimmed.replaceAll('"', "")}" does not exist`);
    }
    return oid;
  }
  const stored = typeByOid(typeOid)?.fromText(trimmed, -1);
  if (typeof stored !== "bigint") {
    throw new SqlError("0A000", `the name "${trimmed}" of this type is not supported`);
  }
  return Number(stored);
}
