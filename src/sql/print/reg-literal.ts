/** Literals of regclass, regtype …: names looked up in the catalog when the statement is translated. */

import type { StatementState } from "../analyze/statement.ts";
import { resolveRegName } from "../functions/reg-names.ts";
import { OID } from "../types/oids.ts";

const REG_TYPES: ReadonlySet<number> = new Set([
  OID.regclass,
  OID.regtype,
  OID.regproc,
  OID.regnamespace,
]);

export function isRegType(oid: number): boolean {
  return REG_TYPES.has(oid);
}

/** The OID that a name stands for. Throws 42P01, 42704 … where there is none. */
export function regLiteral(text: string, typeOid: number, statement: StatementState): string {
  const oid = resolveRegName(text, typeOid, statement.catalog);
  return String(oid);
}
