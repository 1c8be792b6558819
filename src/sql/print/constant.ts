/** Constants, parameters, and casts as written. */
import type { Node } from "libpg-query";
import type { Scope } from "../analyze/scope.ts";
import { resolveTypeName, typeNameOf } from "../analyze/type-name.ts";
import { type Typed, typed } from "../analyze/typed.ts";
import { OID } from "../types/oids.ts";
import { typeByOid } from "../types/registry.ts";
import { castTo } from "./cast.ts";
import { integerConstant, numericConstant } from "./number.ts";

export function constant(node: Node, scope: Scope): Typed {
  if (!("A_Const" in node)) {
    throw scope.statement.notSupported("this constant");
  }
  const { ival, fval, boolval, sval, bsval, location = 0 } = node.A_Const;
  if (ival !== undefined) {
    return integerConstant(BigInt(ival.ival ?? 0), location);
  }
  if (fval !== undefined) {
    return numericConstant(fval.fval ?? "0", location);
  }
  if (boolval !== undefined) {
    const sql = boolval.boolval === true ? "1" : "0";
    return { ...typed(sql, OID.bool, location), notNull: true };
  }
  if (bsval !== undefined) {
    throw scope.statement.notSupported("a bit string", location);
  }
  return unknownLiteral(sval === undefined ? null : (sval.sval ?? ""), location);
}

/** A quoted literal or NULL, whose type its surroundings decide. */
export function unknownLiteral(text: string | null, location: number): Typed {
  return {
    ...typed("", OID.unknown, location),
    unknown: { kind: "literal", text },
  };
}

export function parameter(node: Node, scope: Scope): Typed {
  if (!("ParamRef" in node)) {
    throw scope.statement.notSupported("this parameter");
  }
  const { number = 0, location = 0 } = node.ParamRef;
  const typeOid = scope.statement.parameterType(number, location);
  if (typeOid === 0) {
    return { ...typed("", OID.unknown, location), unknown: { kind: "parameter", number } };
  }
  return typed(scope.statement.clientParameter(number), typeOid, location);
}

export function typeCast(node: Node, scope: Scope): Typed {
  if (!("TypeCast" in node) || node.TypeCast.arg === undefined) {
    throw scope.statement.notSupported("this cast");
  }
  const { arg, typeName = {}, location = 0 } = node.TypeCast;
  const at = location >= 0 ? location : (typeName.location ?? 0);
  const target = scope.statement.located(typeName.location ?? at, () => resolveTypeName(typeName));
  const value = scope.translate.expression(elementsCast(arg, typeName), scope);
  if (value.unknown === undefined && typeByOid(value.typeOid) === undefined) {
    throw scope.statement.notSupported(`a cast from ${typeNameOf(value.typeOid)}`, at);
  }
  const cast = castTo(
    { ...value, location: errorLocation(value, at) },
    target,
    "explicit",
    scope.statement,
  );
  return { ...cast, location: at };
}

/** A literal that cannot be read is pointed at itself; any other cast at its sign. */
function errorLocation(value: Typed, castLocation: number): number {
  return value.unknown === undefined ? castLocation : value.location;
}

/** `ARRAY[…]::type[]` gives its elements that type before they look for a common one. */
function elementsCast(
  arg: Node,
  typeName: { readonly names?: Node[]; readonly arrayBounds?: Node[] },
): Node {
  if (!("A_ArrayExpr" in arg) || typeName.arrayBounds === undefined) {
    return arg;
  }
  const { arrayBounds: _bounds, ...element } = typeName;
  const elements = (arg.A_ArrayExpr.elements ?? []).map(
    (value): Node =>
      "A_ArrayExpr" in value
        ? elementsCast(value, typeName)
        : { TypeCast: { arg: value, typeName: element, location: -1 } },
  );
  return elements.length === 0
    ? { TypeCast: { arg: { A_Const: { sval: { sval: "{}" } } }, typeName, location: -1 } }
    : { A_ArrayExpr: { ...arg.A_ArrayExpr, elements } };
}
