/** Reading libpg-query's trees: fields that hold a default are left out of them. */
import type { Node } from "libpg-query";

/** The single key of a node: its kind. */
export function kindOf(node: Node): string {
  return Object.keys(node)[0] ?? "";
}

export function stringOf(node: Node | undefined): string {
  return node !== undefined && "String" in node ? (node.String.sval ?? "") : "";
}

/** The strings of a list of String nodes; others (A_Star …) are left out. */
export function stringsOf(nodes: readonly Node[] | undefined): readonly string[] {
  return (nodes ?? []).filter((node) => "String" in node).map(stringOf);
}

export function listItems(node: Node | undefined): readonly Node[] {
  return node !== undefined && "List" in node ? (node.List.items ?? []) : [];
}

/** An integer constant's value; undefined for anything else. */
export function integerOf(node: Node | undefined): number | undefined {
  if (node === undefined) {
    return undefined;
  }
  if ("Integer" in node) {
    return node.Integer.ival ?? 0;
  }
  return "A_Const" in node && node.A_Const.ival !== undefined
    ? (node.A_Const.ival.ival ?? 0)
    : undefined;
}

/** A constant's text; undefined for anything that is no constant, and for NULL. */
export function constantText(node: Node | undefined): string | undefined {
  if (node === undefined || !("A_Const" in node)) {
    return undefined;
  }
  const { ival, fval, boolval, sval, bsval } = node.A_Const;
  if (ival !== undefined) return String(ival.ival ?? 0);
  if (fval !== undefined) return fval.fval ?? "0";
  if (boolval !== undefined) return boolval.boolval === true ? "true" : "false";
  if (sval !== undefined) return sval.sval ?? "";
  return bsval?.bsval;
}

/** Where a node starts in the text, as far as the tree tells. */
export function locationOf(node: Node): number {
  const body = Object.values(node)[0] as { location?: number; arg?: Node; lexpr?: Node };
  if (body.location !== undefined && body.location >= 0) {
    return body.location;
  }
  return body.arg === undefined ? 0 : locationOf(body.arg);
}
