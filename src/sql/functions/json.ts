/** JSON values as the json functions need them. */
import { formatJsonb, type Json } from "../types/json-text.ts";

/** ->> and its like: strings without quotes, JSON null as NULL. */
export function jsonToText(json: Json): string | null {
  switch (json.kind) {
    case "null":
      return null;
    case "string":
      return json.value;
    default:
      return formatJsonb(json);
  }
}
