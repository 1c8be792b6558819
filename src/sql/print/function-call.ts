/** Function calls: aggregates, window functions, and those of the library by their signatures. */
import type { FuncCall } from "libpg-query";
import { isString } from "../analyze/casts.ts";
import { stringsOf } from "../analyze/nodes.ts";
import { resolveCall } from "../analyze/resolve.ts";
import type { Scope } from "../analyze/scope.ts";
import type { StatementState } from "../analyze/statement.ts";
import { type Typed, typed } from "../analyze/typed.ts";
import { advisoryLockOperations } from "../functions/advisory-lock-functions.ts";
import { aggregateSignatures, isWindowFunction } from "../functions/aggregate-signatures.ts";
import { isTableFunction, signaturesOf } from "../functions/library.ts";
import { PSEUDO } from "../functions/signature.ts";
import { OID } from "../types/oids.ts";
import { typeByName } from "../types/registry.ts";
import { aggregateCall } from "./aggregate.ts";
import { castTo, coerce, textOf } from "./cast.ts";
import { callForm } from "./function-call-form.ts";
import { specialFunction } from "./special-function.ts";
import { callText } from "./template.ts";
import { windowCall } from "./window.ts";

export function functionCall(node: FuncCall, scope: Scope): Typed {
  const name = functionName(node, scope);
  const location = node.location ?? 0;
  if (aggregateSignatures(name).length > 0) {
    return aggregateCall(name, node, scope);
  }
  if (isWindowFunction(name)) {
    return windowCall(name, node, scope);
  }
  refuseAggregateClauses(name, node, scope);
  refuseUnseenLock(name, node, scope);
  const args = (node.args ?? []).map((arg) => scope.translate.expression(arg, scope));
  const special = specialFunction(name, args, { scope, location });
  if (special !== undefined) {
    return special;
  }
  if (isTableFunction(name) && signaturesOf(name).length === 0) {
    throw scope.statement.notSupported(
      `the set-returning function ${name} in this place`,
      location,
    );
  }
  return libraryCall(name, args, node, scope);
}

/** The name without pg_catalog; a function of another schema does not exist. */
function functionName(node: FuncCall, scope: Scope): string {
  const names = stringsOf(node.funcname);
  const name = names.at(-1) ?? "";
  const [schema] = names;
  if (names.length > 1 && schema !== "pg_catalog" && schema !== "information_schema") {
    const message = `function ${names.join(".")}() does not exist`;
    throw scope.statement.error("42883", message, node.location ?? 0);
  }
  return name;
}

/** The gateway takes advisory locks for calls that are targets by themselves. */
function refuseUnseenLock(name: string, node: FuncCall, { statement }: Scope): void {
  if (!advisoryLockOperations.has(name) || statement.lockCalls.has(node)) return;
  const place = `${name}() anywhere but alone as an item of the list of a SELECT without FROM`;
  throw statement.notSupported(place, node.location ?? 0);
}

function refuseAggregateClauses(name: string, node: FuncCall, scope: Scope): void {
  const { statement } = scope;
  const location = node.location ?? 0;
  if (node.agg_within_group === true) {
    throw statement.notSupported(`${name} WITHIN GROUP`, location);
  }
  const clauses: readonly (readonly [boolean, string])[] = [
    [node.agg_star === true, `${name}(*) specified, but ${name} is not an aggregate function`],
    [node.agg_distinct === true, `DISTINCT specified, but ${name} is not an aggregate function`],
    [node.agg_order !== undefined, `ORDER BY specified, but ${name} is not an aggregate function`],
    [node.agg_filter !== undefined, `FILTER specified, but ${name} is not an aggregate function`],
    [
      node.over !== undefined,
      `OVER specified, but ${name} is not a window function nor an aggregate function`,
    ],
  ];
  const wrong = clauses.find(([present]) => present);
  if (wrong !== undefined) {
    throw statement.error("42809", wrong[1], location);
  }
}

function libraryCall(name: string, args: readonly Typed[], node: FuncCall, scope: Scope): Typed {
  const { statement } = scope;
  const location = node.location ?? 0;
  const types = args.map((arg) => (arg.unknown === undefined ? arg.typeOid : OID.unknown));
  const resolution = resolveCall(signaturesOf(name), types);
  if (resolution === "ambiguous") {
    throw statement.error("42725", `function ${callForm(name, types)} is not unique`, location, {
      hint: "Could not choose a best candidate function. You might need to add explicit type casts.",
    });
  }
  if (resolution === "none") {
    return castCall(name, args, location, scope) ?? refuseUnknown(name, types, location, scope);
  }
  if (node.func_variadic === true) {
    throw statement.notSupported("VARIADIC", location);
  }
  const { signature } = resolution;
  const converted = args.map((arg, index) => {
    const value = coerce(arg, resolution.args[index] ?? OID.text, statement);
    const declared = signature.args[Math.min(index, signature.args.length - 1)];
    return declared === PSEUDO.any && signature.result === OID.text
      ? asText(value, statement)
      : value;
  });
  statement.volatile ||= signature.volatile;
  const sql = callText(signature, converted, statement);
  return typed(sql, resolution.result, location, converted);
}

/** concat() and its like take values of any type by their text forms. */
function asText(value: Typed, statement: StatementState): Typed {
  return isString(value.typeOid)
    ? value
    : { ...value, sql: textOf(value.sql, value.typeOid, statement) };
}

/** A type's name used as a function is a cast: int4('5'), date(x). */
function castCall(
  name: string,
  args: readonly Typed[],
  location: number,
  scope: Scope,
): Typed | undefined {
  const [arg] = args;
  const type = typeByName(name);
  if (type === undefined || arg === undefined || args.length !== 1) {
    return undefined;
  }
  const target = { typeOid: type.oid, typeModifier: -1 };
  return { ...castTo(arg, target, "explicit", scope.statement), location };
}

function refuseUnknown(
  name: string,
  types: readonly number[],
  location: number,
  scope: Scope,
): never {
  const message = `function ${callForm(name, types)} does not exist`;
  throw scope.statement.error("42883", message, location, {
    hint: "No function matches the given name and argument types. You might need to add explicit type casts.",
  });
}
