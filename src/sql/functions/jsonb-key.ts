import { unreachable } from "../../base/assert.ts";
import { compareJsonbKeys, formatJsonb, type Json, parseJson } from "../types/json-text.ts";
import { key as numericKey, parse } from "./numeric.ts";

/** A text that sorts as jsonb does: objects above arrays, booleans, numbers, strings and null. */
export function jsonbKey(text: string): string {
  return keyOf(parseJson(text));
}

/** Containers sort by their length first. */
function keyOf(json: Json): string {
  switch (json.kind) {
    case "null":
      return "1";
    case "string":
      return `2${json.value}\u0001`;
    case "number":
      return `3${numericKey(parse(formatJsonb(json)))}\u0001`;
    case "boolean":
      return json.value ? "42" : "41";
    case "array":
      return `5${length(json.items.length)}${json.items.map(keyOf).join("")}`;
    case "object":
      return `6${length(json.members.size)}${membersKey(json.members)}`;
    default:
      return unreachable(json);
  }
}

function length(count: number): string {
  return count.toString().padStart(9, "0");
}

function membersKey(members: ReadonlyMap<string, Json>): string {
  const sorted = [...members].toSorted(([left], [right]) => compareJsonbKeys(left, right));
  return sorted.map(([name, value]) => `${name}\u0001${keyOf(value)}`).join("");
}
