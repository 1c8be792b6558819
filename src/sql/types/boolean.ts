import { expectBigint, fixedView, invalidInput, trimSpace } from "./conversion.ts";
import { ARRAY_OID, OID } from "./oids.ts";
import type { PgType } from "./pg-type.ts";

export const boolType: PgType = {
  oid: OID.bool,
  name: "bool",
  displayName: "boolean",
  size: 1,
  category: "B",
  preferred: true,
  arrayOid: ARRAY_OID.bool,
  elementOid: 0,
  fromText: (text) => (parseBoolean(text) ? 1n : 0n),
  toText: (value) => (expectBigint(value) === 0n ? "f" : "t"),
  fromBinary: (bytes) => (fixedView(bytes, 1).getUint8(0) === 0 ? 0n : 1n),
  toBinary: (value) => Uint8Array.of(expectBigint(value) === 0n ? 0 : 1),
};

/** The words and the fewest letters of each that are still unique. */
const words: readonly (readonly [word: string, shortest: number, value: boolean])[] = [
  ["true", 1, true],
  ["yes", 1, true],
  ["on", 2, true],
  ["1", 1, true],
  ["false", 1, false],
  ["no", 1, false],
  ["off", 2, false],
  ["0", 1, false],
];

function parseBoolean(text: string): boolean {
  const typed = trimSpace(text).toLowerCase();
  for (const [word, shortest, value] of words) {
    if (typed.length >= shortest && word.startsWith(typed)) return value;
  }
  throw invalidInput("boolean", text);
}
