/** The types json (stored as given) and jsonb (stored in canonical form). */
import { SqlError } from "../errors.ts";
import { decodeText, encodeText, expectString } from "./conversion.ts";
import { canonicalJsonb, parseJson } from "./json-text.ts";
import { ARRAY_OID, OID } from "./oids.ts";
import type { PgType } from "./pg-type.ts";

export const jsonType: PgType = {
  oid: OID.json,
  name: "json",
  displayName: "json",
  size: -1,
  category: "U",
  preferred: false,
  arrayOid: ARRAY_OID.json,
  elementOid: 0,
  fromText: checkedJson,
  toText: expectString,
  fromBinary: (bytes) => checkedJson(decodeText(bytes)),
  toBinary: (value) => encodeText(expectString(value)),
};

function checkedJson(text: string): string {
  parseJson(text, "json");
  return text;
}

const JSONB_VERSION = 1;

export const jsonbType: PgType = {
  oid: OID.jsonb,
  name: "jsonb",
  displayName: "jsonb",
  size: -1,
  category: "U",
  preferred: false,
  arrayOid: ARRAY_OID.jsonb,
  elementOid: 0,
  fromText: canonicalJsonb,
  toText: expectString,
  fromBinary(bytes) {
    const version = bytes[0];
    if (version === undefined) throw new SqlError("08P01", "no data left in message");
    if (version !== JSONB_VERSION) {
      throw new SqlError("XX000", `unsupported jsonb version number ${version}`);
    }
    return canonicalJsonb(decodeText(bytes.subarray(1)));
  },
  toBinary(value) {
    const text = encodeText(expectString(value));
    const bytes = new Uint8Array(text.length + 1);
    bytes[0] = JSONB_VERSION;
    bytes.set(text, 1);
    return bytes;
  },
};
