/** void and record: results only. */
import { SqlError } from "../errors.ts";
import { expectString } from "./conversion.ts";
import { ARRAY_OID, OID } from "./oids.ts";
import type { PgType } from "./pg-type.ts";

function refuse(message: string): never {
  throw new SqlError("0A000", message);
}

export const voidType: PgType = {
  oid: OID.void,
  name: "void",
  displayName: "void",
  size: 4,
  category: "P",
  preferred: false,
  arrayOid: 0,
  elementOid: 0,
  fromText: () => "",
  toText: () => "",
  fromBinary: () => "",
  toBinary: () => new Uint8Array(0),
};

/** A row value; its storage form is the text that PostgreSQL prints: (1,"a b"). */
export const recordType: PgType = {
  oid: OID.record,
  name: "record",
  displayName: "record",
  size: -1,
  category: "P",
  preferred: false,
  arrayOid: ARRAY_OID.record,
  elementOid: 0,
  fromText: () => refuse("input of anonymous composite types is not implemented"),
  toText: expectString,
  fromBinary: () => refuse("input of anonymous composite types is not implemented"),
  toBinary: () => refuse("binary output of anonymous composite types is not supported"),
};
