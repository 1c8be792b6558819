import { type ArrayElement, decodeArray } from "../types/array-storage.ts";
import { quoteJson } from "../types/json-text.ts";
import { OID } from "../types/oids.ts";
import { DEFAULT_TEXT_SETTINGS } from "../types/pg-type.ts";
import { typeByOid } from "../types/registry.ts";
import type { SqliteValue } from "../values.ts";

const AS_IS: ReadonlySet<number> = new Set([OID.json, OID.jsonb, OID.int2, OID.int4, OID.int8]);
const NUMBERS: ReadonlySet<number> = new Set([OID.float4, OID.float8, OID.numeric]);

/** A value of any type as JSON text, as to_json() gives it. */
export function jsonOf(value: SqliteValue, oid: number): string {
  if (value === null) return "null";
  if (AS_IS.has(oid)) return String(value);
  if (oid === OID.bool) return value === 0n ? "false" : "true";
  const type = typeByOid(oid);
  if (type !== undefined && type.elementOid !== 0 && type.category === "A") {
    return arrayJson(decodeArray(String(value)), type.elementOid);
  }
  const text = type?.toText(value, DEFAULT_TEXT_SETTINGS) ?? String(value);
  if (NUMBERS.has(oid)) return numberJson(text);
  return quoteJson(oid === OID.timestamp || oid === OID.timestamptz ? isoText(text, oid) : text);
}

/** A T between date and time, and minutes in the zone's offset. */
function isoText(text: string, oid: number): string {
  const iso = text.replace(" ", "T");
  return oid === OID.timestamptz && !text.endsWith("infinity") ? `${iso}:00` : iso;
}

function numberJson(text: string): string {
  return /\d/.test(text) ? text : quoteJson(text);
}

function arrayJson(elements: readonly ArrayElement[], elementOid: number): string {
  const parts = elements.map((element) =>
    isNested(element) ? arrayJson(element, elementOid) : jsonOf(element, elementOid),
  );
  return `[${parts.join(",")}]`;
}

function isNested(element: ArrayElement): element is readonly ArrayElement[] {
  return Array.isArray(element);
}
