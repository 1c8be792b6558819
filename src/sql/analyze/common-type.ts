/** The one type of UNION, CASE, COALESCE, VALUES, ARRAY, IN … (PostgreSQL manual, 10.5). */
import { OID } from "../types/oids.ts";
import { typeByOid } from "../types/registry.ts";
import { canCast } from "./casts.ts";
import type { StatementState } from "./statement.ts";
import { typeNameOf } from "./type-name.ts";
import type { Typed } from "./typed.ts";

/** `construct` is what errors call it: "CASE", "UNION" …. */
export function commonType(
  values: readonly Typed[],
  construct: string,
  statement: StatementState,
): number {
  let chosen: number = OID.unknown;
  for (const { typeOid, location, unknown } of values) {
    if (unknown !== undefined || typeOid === chosen) {
      continue;
    }
    if (chosen === OID.unknown) {
      chosen = typeOid;
      continue;
    }
    if (typeByOid(chosen)?.category !== typeByOid(typeOid)?.category) {
      throw mismatch(chosen, typeOid, { construct, location, statement });
    }
    chosen = wider(chosen, typeOid) ?? chosen;
  }
  const result = chosen === OID.unknown ? OID.text : chosen;
  for (const { typeOid, location, unknown } of values) {
    if (unknown === undefined && !canCast(typeOid, result, "implicit")) {
      throw mismatch(result, typeOid, { construct, location, statement });
    }
  }
  return result;
}

function wider(chosen: number, next: number): number | undefined {
  const preferred = typeByOid(chosen)?.preferred === true;
  const widens = canCast(chosen, next, "implicit") && !canCast(next, chosen, "implicit");
  return !preferred && widens ? next : undefined;
}

function mismatch(
  left: number,
  right: number,
  at: {
    readonly construct: string;
    readonly location: number;
    readonly statement: StatementState;
  },
) {
  const message = `${at.construct} types ${typeNameOf(left)} and ${typeNameOf(right)} cannot be matched`;
  return at.statement.error("42804", message, at.location);
}
