import type { StatementState } from "../analyze/statement.ts";
import type { Typed } from "../analyze/typed.ts";
import type { Signature } from "../functions/signature.ts";

/**
 * A signature's template with its arguments in place: $1, $2 …, $1:type for the OID of the first
 * one's type, $* for all of them, $*:json for all of them as JSON text, $zone for the session's
 * time zone. One pass, because an argument's own text may hold a dollar sign.
 */
export function callText(
  signature: Signature,
  args: readonly Typed[],
  statement: StatementState,
): string {
  return signature.template.replace(
    /\$(?:zone|\*(:json)?|(\d+)(:type)?)/g,
    (match, json: string | undefined, digits: string | undefined, type: string | undefined) => {
      if (match === "$zone") {
        return statement.timeZone();
      }
      if (digits === undefined) {
        return args.map((arg) => (json === undefined ? arg.sql : jsonValue(arg))).join(", ");
      }
      const arg = args[Number(digits) - 1];
      return type === undefined ? (arg?.sql ?? "NULL") : String(arg?.typeOid ?? 0);
    },
  );
}

function jsonValue(arg: Typed): string {
  return `json_value(${arg.sql}, ${arg.typeOid})`;
}

/** The same for texts alone. */
export function fillTemplate(template: string, args: readonly string[]): string {
  return template.replace(/\$(\*|\d+)/g, (_match, which: string) =>
    which === "*" ? args.join(", ") : (args[Number(which) - 1] ?? "NULL"),
  );
}
