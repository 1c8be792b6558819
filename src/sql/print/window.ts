import type { FuncCall } from "libpg-query";
import { resolveCall } from "../analyze/resolve.ts";
import type { Scope } from "../analyze/scope.ts";
import { type Typed, typed } from "../analyze/typed.ts";
import { windowSignatures } from "../functions/aggregate-signatures.ts";
import { OID } from "../types/oids.ts";
import { checkWindowPlace } from "./aggregate.ts";
import { coerce } from "./cast.ts";
import { callForm } from "./function-call-form.ts";
import { callText } from "./template.ts";
import { overClause } from "./window-definition.ts";

/** row_number(), lag() … with their OVER. */
export function windowCall(name: string, node: FuncCall, scope: Scope): Typed {
  const { statement } = scope;
  const location = node.location ?? 0;
  if (node.over === undefined) {
    const message = `window function ${name} requires an OVER clause`;
    throw statement.error("42P20", message, location);
  }
  checkWindowPlace(scope, location);
  const args = (node.args ?? []).map((arg) => scope.translate.expression(arg, scope));
  const types = args.map((arg) => (arg.unknown === undefined ? arg.typeOid : OID.unknown));
  const resolution = resolveCall(windowSignatures(name), types);
  if (resolution === "none" || resolution === "ambiguous") {
    const message = `function ${callForm(name, types)} does not exist`;
    throw statement.error("42883", message, location);
  }
  const converted = args.map((arg, index) =>
    coerce(arg, resolution.args[index] ?? OID.text, statement),
  );
  const sql = `${callText(resolution.signature, converted, statement)} OVER ${overClause(node.over, scope)}`;
  return typed(sql, resolution.result, location, converted);
}
