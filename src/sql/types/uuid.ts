/** uuid. Storage form: lower case with dashes. */
import { expectString, fixedView, invalidInput } from "./conversion.ts";
import { ARRAY_OID, OID } from "./oids.ts";
import type { PgType } from "./pg-type.ts";

/** Dashes are optional after every fourth digit; braces come as a pair. */
const UUID_SYNTAX =
  /^(?:\{(?<braced>(?:[0-9a-f]{4}-?){7}[0-9a-f]{4})\}|(?<plain>(?:[0-9a-f]{4}-?){7}[0-9a-f]{4}))$/i;

export const uuidType: PgType = {
  oid: OID.uuid,
  name: "uuid",
  displayName: "uuid",
  size: 16,
  category: "U",
  preferred: false,
  arrayOid: ARRAY_OID.uuid,
  elementOid: 0,
  fromText(text) {
    const groups = UUID_SYNTAX.exec(text)?.groups;
    const digits = groups?.["braced"] ?? groups?.["plain"];
    if (digits === undefined) throw invalidInput("uuid", text);
    return dashed(digits.replaceAll("-", "").toLowerCase());
  },
  toText: expectString,
  fromBinary(bytes) {
    fixedView(bytes, 16);
    return dashed(Buffer.from(bytes).toString("hex"));
  },
  toBinary: (value) => new Uint8Array(Buffer.from(expectString(value).replaceAll("-", ""), "hex")),
};

function dashed(hex: string): string {
  const parts = [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20)];
  return `${parts.join("-")}-${hex.slice(20)}`;
}
