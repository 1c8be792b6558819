/**
 * regclass, regproc, regtype, regnamespace: OIDs that print as names. Storage form: bigint. Names of
 * built-in types are known here; those of other objects come from TextSettings.objectName, and on
 * the way in the translator resolves them against the catalog before they get here.
 */
import { notSupported } from "../errors.ts";
import type { SqliteValue } from "../values.ts";
import { expectBigint, trimSpace } from "./conversion.ts";
import { oidFromBinary, oidToBinary, parseOid } from "./integer.ts";
import { ARRAY_OID, OID } from "./oids.ts";
import type { PgType, TextSettings } from "./pg-type.ts";

/** A type of object identifiers; `known` finds built-in objects by name and by number. */
export interface KnownObjects {
  oidOf(name: string): number | undefined;
  nameOf(oid: number): string | undefined;
}

type ObjectIdName = "regclass" | "regproc" | "regtype" | "regnamespace";

const NOTHING_KNOWN: KnownObjects = { oidOf: () => undefined, nameOf: () => undefined };

/** One of the reg… types. */
export function objectIdType(name: ObjectIdName, known: KnownObjects = NOTHING_KNOWN): PgType {
  return {
    oid: OID[name],
    name,
    displayName: name,
    size: 4,
    category: "N",
    preferred: false,
    arrayOid: ARRAY_OID[name],
    elementOid: 0,
    fromText: (text) => parseObjectId(text, name, known),
    toText: (value, settings) => printObjectId(value, { name, known, settings }),
    fromBinary: oidFromBinary,
    toBinary: oidToBinary,
  };
}

function parseObjectId(text: string, name: ObjectIdName, known: KnownObjects): bigint {
  const trimmed = trimSpace(text);
  if (trimmed === "-") return 0n;
  if (/^\d+$/.test(trimmed)) return parseOid(trimmed, "oid");
  const oid = known.oidOf(trimmed);
  if (oid === undefined) throw notSupported(`a name as a parameter of type ${name}`);
  return BigInt(oid);
}

interface Printing {
  readonly name: ObjectIdName;
  readonly known: KnownObjects;
  readonly settings: TextSettings;
}

function printObjectId(value: SqliteValue, { name, known, settings }: Printing): string {
  // A translated expression may have made the name already.
  if (typeof value === "string") return value;
  const oid = Number(expectBigint(value));
  if (oid === 0) return "-";
  return known.nameOf(oid) ?? settings.objectName?.(OID[name], oid) ?? oid.toString();
}
