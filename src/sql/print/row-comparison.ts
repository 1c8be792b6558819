/** (a, b) < (c, d): field by field (PostgreSQL manual, 9.24.5). */
import type { Node } from "libpg-query";
import { type Typed, typed } from "../analyze/typed.ts";
import { OID } from "../types/oids.ts";
import {
  comparable,
  compare,
  comparisonKey,
  isComparison,
  type OperatorPlace,
} from "./comparison.ts";

export function isRow(node: Node | undefined): node is { RowExpr: { args?: Node[] } } {
  return node !== undefined && "RowExpr" in node;
}

export function compareRows(
  operator: string,
  [leftNode, rightNode]: readonly [Node | undefined, Node | undefined],
  place: OperatorPlace,
): Typed {
  const { scope, location } = place;
  if (!isComparison(operator)) {
    throw scope.statement.notSupported(`the operator ${operator} between rows`, location);
  }
  const [left, right] = [rowFields(leftNode, place), rowFields(rightNode, place)];
  if (left.length !== right.length) {
    throw scope.statement.error("42601", "unequal number of entries in row expressions", location);
  }
  const pairs = left.map((value, index) => {
    const other = right[index] ?? value;
    return comparable(operator, value, other, place);
  });
  const [first] = pairs;
  if (pairs.length === 1 && first !== undefined) {
    return compare(operator, first[0], first[1], place);
  }
  const lefts = pairs.map(([value]) => comparisonKey(value, scope)).join(", ");
  const rights = pairs.map(([, value]) => comparisonKey(value, scope)).join(", ");
  return typed(`((${lefts}) ${operator} (${rights}))`, OID.bool, location, pairs.flat());
}

function rowFields(node: Node | undefined, { scope, location }: OperatorPlace): readonly Typed[] {
  if (!isRow(node)) {
    throw scope.statement.notSupported("a comparison of a row with anything else", location);
  }
  return (node.RowExpr.args ?? []).map((arg) => scope.translate.expression(arg, scope));
}
