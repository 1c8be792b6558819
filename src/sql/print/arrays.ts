/** Array constructors and subscripts. */
import type { A_ArrayExpr, A_Indirection, Node } from "libpg-query";
import { locationOf } from "../analyze/nodes.ts";
import type { Scope } from "../analyze/scope.ts";
import { typeNameOf, typeOrText } from "../analyze/type-name.ts";
import { type Typed, typed } from "../analyze/typed.ts";
import { OID } from "../types/oids.ts";
import { coerce } from "./cast.ts";
import { unified } from "./conditional.ts";

/** ARRAY[…]; an array of arrays has one more dimension and the same type. */
export function arrayConstructor(node: A_ArrayExpr, scope: Scope): Typed {
  const { elements = [], location = 0 } = node;
  if (elements.length === 0) {
    throw scope.statement.error("42P18", "cannot determine type of empty array", location, {
      hint: "Explicitly cast to the desired type, for example ARRAY[]::integer[].",
    });
  }
  const given = elements.map((element) => scope.translate.expression(element, scope));
  const values = unified(given, "ARRAY", scope);
  const elementOid = values[0]?.typeOid ?? OID.text;
  const type = typeOrText(elementOid);
  const nested = type.elementOid !== 0 && type.category === "A";
  const arrayOid = nested ? elementOid : type.arrayOid;
  if (arrayOid === 0) {
    const message = `could not find array type for data type ${typeNameOf(elementOid)}`;
    throw scope.statement.error("42704", message, location);
  }
  const list = values.map((value) => value.sql).join(", ");
  const call = nested ? "array_of_arrays" : "array_of";
  return { ...typed(`${call}(${list})`, arrayOid, location, values), notNull: true };
}

/** a[1], a[1:2], and fields of composites, which do not exist here. */
export function subscript(node: A_Indirection, scope: Scope): Typed {
  const { arg, indirection = [] } = node;
  if (arg === undefined) {
    throw scope.statement.notSupported("this subscript");
  }
  const base = scope.translate.expression(arg, scope);
  const { elementOid } = typeOrText(base.typeOid);
  const slices = indirection.some((each) => "A_Indices" in each && each.A_Indices.is_slice);
  if (base.unknown !== undefined || elementOid === 0 || indirection.some(isField)) {
    return notSubscriptable(base, indirection, locationOf(arg), scope);
  }
  const bounds = indirection.flatMap((each) =>
    "A_Indices" in each
      ? slices
        ? [bound(each.A_Indices.lidx, scope), bound(each.A_Indices.uidx, scope)]
        : [bound(each.A_Indices.uidx, scope)]
      : [],
  );
  const call = slices ? "array_slice" : "array_element";
  const list = [base.sql, ...bounds.map((each) => each.sql)].join(", ");
  const parts = [base, ...bounds];
  return typed(`${call}(${list})`, slices ? base.typeOid : elementOid, base.location, parts);
}

function notSubscriptable(
  base: Typed,
  indirection: readonly Node[],
  location: number,
  scope: Scope,
): never {
  if (indirection.some(isField)) {
    throw scope.statement.notSupported("a field of a composite value", location);
  }
  const message = `cannot subscript type ${typeNameOf(base.typeOid)} because it does not support subscripting`;
  throw scope.statement.error("42804", message, location);
}

function isField(node: Node): boolean {
  return !("A_Indices" in node);
}

function bound(node: Node | undefined, scope: Scope): Typed {
  return node === undefined
    ? typed("NULL", OID.int4, 0)
    : coerce(scope.translate.expression(node, scope), OID.int4, scope.statement);
}
