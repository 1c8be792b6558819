import { SqlError } from "../errors.ts";
import { decodeArray } from "../types/array-storage.ts";
import {
  canonicalJsonb,
  compareJsonbKeys,
  formatJsonb,
  type Json,
  parseJson,
  quoteJson,
} from "../types/json-text.ts";
import { OID } from "../types/oids.ts";
import { typeByOid } from "../types/registry.ts";
import type { SqliteValue } from "../values.ts";
import { jsonToText } from "./json.ts";
import { jsonOf } from "./json-of.ts";
import { jsonbKey } from "./jsonb-key.ts";
import { key as numericKey, parse } from "./numeric.ts";
import { internal, type LibraryEntry, lenient, native, strict } from "./signature.ts";

function member(json: Json, key: string): Json | undefined {
  return json.kind === "object" ? json.members.get(key) : undefined;
}

function item(json: Json, index: number): Json | undefined {
  return json.kind === "array" ? json.items.at(index) : undefined;
}

function at(json: Json, path: readonly string[]): Json | undefined {
  let found: Json | undefined = json;
  for (const step of path) {
    if (found === undefined) return undefined;
    found =
      found.kind === "array"
        ? /^-?\d+$/.test(step)
          ? item(found, Number(step))
          : undefined
        : member(found, step);
  }
  return found;
}

function pathOf(array: string): readonly string[] {
  return decodeArray(array).map(String);
}

const asJson = (json: Json | undefined): string | null =>
  json === undefined ? null : formatJsonb(json);
const asText = (json: Json | undefined): string | null =>
  json === undefined ? null : jsonToText(json);

function contains(left: Json, right: Json): boolean {
  if (left.kind === "array" && right.kind === "array") {
    return right.items.every((wanted) => left.items.some((each) => contains(each, wanted)));
  }
  if (left.kind === "array" && right.kind !== "object") {
    return left.items.some((each) => formatJsonb(each) === formatJsonb(right));
  }
  if (left.kind === "object" && right.kind === "object") {
    return [...right.members].every(([key, wanted]) => {
      const own = left.members.get(key);
      return own !== undefined && contains(own, wanted);
    });
  }
  return sameScalar(left, right);
}

function sameScalar(left: Json, right: Json): boolean {
  if (left.kind === "number" && right.kind === "number") {
    return numericKey(parse(formatJsonb(left))) === numericKey(parse(formatJsonb(right)));
  }
  return formatJsonb(left) === formatJsonb(right);
}

function hasKey(json: Json, key: string): boolean {
  switch (json.kind) {
    case "object":
      return json.members.has(key);
    case "array":
      return json.items.some((each) => each.kind === "string" && each.value === key);
    default:
      return json.kind === "string" && json.value === key;
  }
}

function concatenate(left: Json, right: Json): Json {
  if (left.kind === "object" && right.kind === "object") {
    return { kind: "object", members: new Map([...left.members, ...right.members]) };
  }
  return { kind: "array", items: [...itemsOf(left), ...itemsOf(right)] };
}

function itemsOf(json: Json): readonly Json[] {
  return json.kind === "array" ? json.items : [json];
}

function without(json: Json, key: string): Json {
  switch (json.kind) {
    case "object":
      return {
        kind: "object",
        members: new Map([...json.members].filter(([name]) => name !== key)),
      };
    case "array":
      return {
        kind: "array",
        items: json.items.filter((each) => !(each.kind === "string" && each.value === key)),
      };
    default:
      throw new SqlError("22023", "cannot delete from scalar");
  }
}

function withoutItem(json: Json, index: number): Json {
  if (json.kind === "object")
    throw new SqlError("22023", "cannot delete from object using integer index");
  if (json.kind !== "array") throw new SqlError("22023", "cannot delete from scalar");
  const removed = index < 0 ? json.items.length + index : index;
  return { kind: "array", items: json.items.filter((_each, position) => position !== removed) };
}

/** Replaces, or adds if `create` says so, what is at the path; null removes it. */
function changed(json: Json, path: readonly string[], value: Json | null, create: boolean): Json {
  const [step, ...rest] = path;
  if (step === undefined) return json;
  if (json.kind === "object") {
    const own = json.members.get(step);
    if (own === undefined && (rest.length > 0 || !create || value === null)) return json;
    const members = new Map(json.members);
    const next = rest.length === 0 ? value : changed(own ?? NULL_JSON, rest, value, create);
    if (next === null) members.delete(step);
    else members.set(step, next);
    return { kind: "object", members };
  }
  return json.kind === "array" ? changedItem(json.items, path, value, create) : json;
}

const NULL_JSON: Json = { kind: "null" };

function changedItem(
  items: readonly Json[],
  path: readonly string[],
  value: Json | null,
  create: boolean,
): Json {
  const [step = "", ...rest] = path;
  if (!/^-?\d+$/.test(step)) {
    throw new SqlError("22P02", `path element at position 1 is not an integer: "${step}"`);
  }
  const index = Number(step) < 0 ? items.length + Number(step) : Number(step);
  const own = items[index];
  if (own === undefined) {
    const added = create && rest.length === 0 && value !== null;
    return {
      kind: "array",
      items: added ? (index < 0 ? [value, ...items] : [...items, value]) : items,
    };
  }
  const next = rest.length === 0 ? value : changed(own, rest, value, create);
  return {
    kind: "array",
    items: items.flatMap((each, position) =>
      position === index ? (next === null ? [] : [next]) : [each],
    ),
  };
}

function stripNulls(json: Json): Json {
  if (json.kind === "array") return { kind: "array", items: json.items.map(stripNulls) };
  if (json.kind !== "object") return json;
  const kept = [...json.members].filter(([, value]) => value.kind !== "null");
  return { kind: "object", members: new Map(kept.map(([key, value]) => [key, stripNulls(value)])) };
}

function typeOf(json: Json): string {
  return json.kind;
}

function pretty(json: Json, indent = ""): string {
  const inner = `${indent}    `;
  if (json.kind === "array" && json.items.length > 0) {
    return `[\n${json.items.map((each) => inner + pretty(each, inner)).join(",\n")}\n${indent}]`;
  }
  if (json.kind === "object" && json.members.size > 0) {
    const sorted = [...json.members].toSorted(([left], [right]) => compareJsonbKeys(left, right));
    return `{\n${sorted.map(([key, value]) => `${inner}${quoteJson(key)}: ${pretty(value, inner)}`).join(",\n")}\n${indent}}`;
  }
  return formatJsonb(json);
}

/** Arguments are pairs of JSON text and a flag: 1 for a key that came as text. */
function buildObject(...parts: (string | null)[]): string {
  const texts: string[] = [];
  for (let index = 0; index < parts.length; index += 2) {
    const key = parts[index];
    if (key === null || key === undefined || key === "null") {
      throw new SqlError("22023", `argument ${index + 1}: key must not be null`);
    }
    const name = key.startsWith('"') ? key : quoteJson(key);
    texts.push(`${name} : ${parts[index + 1] ?? "null"}`);
  }
  if (parts.length % 2 === 1) {
    throw new SqlError("22023", "argument list must have even number of elements");
  }
  return `{${texts.join(", ")}}`;
}

function jsonbTo(text: string, oid: bigint): SqliteValue {
  const json = parseJson(text);
  const type = typeByOid(Number(oid));
  const wanted = Number(oid) === OID.bool ? "boolean" : "number";
  if (json.kind === "null" || json.kind !== wanted || type === undefined) {
    throw new SqlError(
      "22023",
      `cannot cast jsonb ${json.kind} to type ${type?.displayName ?? ""}`,
    );
  }
  const printed = formatJsonb(json);
  const isInteger = [OID.int2, OID.int4, OID.int8].some((integer) => integer === Number(oid));
  return type.fromText(isInteger ? printed.replace(/\..*$/, "") : printed, -1);
}

const flag = (value: boolean): bigint => (value ? 1n : 0n);

const both = (name: string, rest: string, result: string) =>
  `${name}(json, ${rest}) ${result.replace("J", "json")}; ${name}(jsonb, ${rest}) ${result.replace("J", "jsonb")}`;

export const jsonFunctions: readonly LibraryEntry[] = [
  strict(
    both("->", "text", "J"),
    (text: string, key: string) => asJson(member(parseJson(text), key)),
    "json_member",
  ),
  strict(
    both("->", "int4", "J"),
    (text: string, index: bigint) => asJson(item(parseJson(text), Number(index))),
    "json_item",
  ),
  strict(
    both("->>", "text", "text"),
    (text: string, key: string) => asText(member(parseJson(text), key)),
    "json_member_text",
  ),
  strict(
    both("->>", "int4", "text"),
    (text: string, index: bigint) => asText(item(parseJson(text), Number(index))),
    "json_item_text",
  ),
  strict(
    both("#>", "text[]", "J"),
    (text: string, path: string) => asJson(at(parseJson(text), pathOf(path))),
    "json_path",
  ),
  strict(
    both("#>>", "text[]", "text"),
    (text: string, path: string) => asText(at(parseJson(text), pathOf(path))),
    "json_path_text",
  ),
  strict(
    "json_extract_path(json, variadic text) json; jsonb_extract_path(jsonb, variadic text) jsonb",
    (text: string, ...path: string[]) => asJson(at(parseJson(text), path)),
    "json_extract_path",
  ),
  strict(
    "json_extract_path_text(json, variadic text) text; jsonb_extract_path_text(jsonb, variadic text) text",
    (text: string, ...path: string[]) => asText(at(parseJson(text), path)),
    "json_extract_path_text",
  ),
  strict(
    "@>(jsonb, jsonb) bool",
    (left: string, right: string) => flag(contains(parseJson(left), parseJson(right))),
    "jsonb_contains",
  ),
  native("<@(jsonb, jsonb) bool", "jsonb_contains($2, $1)"),
  strict(
    "?(jsonb, text) bool",
    (text: string, key: string) => flag(hasKey(parseJson(text), key)),
    "jsonb_has_key",
  ),
  strict(
    "?|(jsonb, text[]) bool",
    (text: string, keys: string) => flag(pathOf(keys).some((key) => hasKey(parseJson(text), key))),
    "jsonb_has_any_key",
  ),
  strict(
    "?&(jsonb, text[]) bool",
    (text: string, keys: string) => flag(pathOf(keys).every((key) => hasKey(parseJson(text), key))),
    "jsonb_has_all_keys",
  ),
  strict(
    "||(jsonb, jsonb) jsonb",
    (left: string, right: string) => formatJsonb(concatenate(parseJson(left), parseJson(right))),
    "jsonb_concat",
  ),
  strict(
    "-(jsonb, text) jsonb",
    (text: string, key: string) => formatJsonb(without(parseJson(text), key)),
    "jsonb_without",
  ),
  strict(
    "-(jsonb, text[]) jsonb",
    (text: string, keys: string) => formatJsonb(pathOf(keys).reduce(without, parseJson(text))),
    "jsonb_without_all",
  ),
  strict(
    "-(jsonb, int4) jsonb",
    (text: string, index: bigint) => formatJsonb(withoutItem(parseJson(text), Number(index))),
    "jsonb_without_item",
  ),
  strict(
    "#-(jsonb, text[]) jsonb",
    (text: string, path: string) =>
      formatJsonb(changed(parseJson(text), pathOf(path), null, false)),
    "jsonb_delete_path",
  ),
  strict("jsonb_set(jsonb, text[], jsonb) jsonb", (text: string, path: string, value: string) =>
    formatJsonb(changed(parseJson(text), pathOf(path), parseJson(value), true)),
  ),
  strict(
    "jsonb_set(jsonb, text[], jsonb, bool) jsonb",
    (text: string, path: string, value: string, create: bigint) =>
      formatJsonb(changed(parseJson(text), pathOf(path), parseJson(value), create === 1n)),
  ),
  strict(
    "json_typeof(json) text; jsonb_typeof(jsonb) text",
    (text: string) => typeOf(parseJson(text)),
    "json_kind",
  ),
  strict(
    "json_array_length(json) int4; jsonb_array_length(jsonb) int4",
    (text: string) => {
      const json = parseJson(text);
      if (json.kind !== "array") {
        throw new SqlError(
          "22023",
          `cannot get array length of a ${json.kind === "object" ? "non-array" : "scalar"}`,
        );
      }
      return BigInt(json.items.length);
    },
    "pg_json_array_length",
  ),
  strict(
    "json_strip_nulls(json) json; jsonb_strip_nulls(jsonb) jsonb",
    (text: string) => formatJsonb(stripNulls(parseJson(text))),
    "pg_json_strip_nulls",
  ),
  strict("jsonb_pretty(jsonb) text", (text: string) => pretty(parseJson(text))),
  native("to_json(anyelement) json", "json_value($1, $1:type)"),
  native("to_jsonb(anyelement) jsonb", "pg_canonical_jsonb(json_value($1, $1:type))"),
  native("array_to_json(anyarray) json", "json_value($1, $1:type)"),
  native(
    "json_build_array() json; json_build_array(variadic any) json",
    "pg_json_build_array($*:json)",
  ),
  native(
    "jsonb_build_array() jsonb; jsonb_build_array(variadic any) jsonb",
    "pg_canonical_jsonb(pg_json_build_array($*:json))",
  ),
  native(
    "json_build_object() json; json_build_object(variadic any) json",
    "pg_json_build_object($*:json)",
  ),
  native(
    "jsonb_build_object() jsonb; jsonb_build_object(variadic any) jsonb",
    "pg_canonical_jsonb(pg_json_build_object($*:json))",
  ),
  ...[
    lenient(
      "build(variadic any) any",
      (...items: (string | null)[]) => `[${items.map((each) => each ?? "null").join(", ")}]`,
      "pg_json_build_array",
    ),
    lenient("build(variadic any) any", buildObject, "pg_json_build_object"),
    lenient(
      "value(any, int8) any",
      (value: SqliteValue, oid: bigint) => (value === null ? null : jsonOf(value, Number(oid))),
      "json_value",
    ),
  ].map((entry): LibraryEntry => ({ ...entry, signatures: [] })),
  internal("pg_canonical_jsonb", 1, canonicalJsonb),
  internal("jsonb_key", 1, jsonbKey),
  internal("jsonb_to", 2, jsonbTo),
];
