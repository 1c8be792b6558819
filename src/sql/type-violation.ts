import { SqlError } from "./errors.ts";

/**
 * The error for a value that does not fit its column's type. `subject` is "type:modifier:column" as
 * in the name of the CHECK constraint (schema/type-check.ts); the modifier is atttypmod.
 */
export function typeViolation(subject: string): SqlError {
  const [type = "", modifierText = "", ...rest] = subject.split(":");
  const modifier = Number(modifierText);
  const column = rest.join(":");
  switch (type) {
    case "int2":
      return new SqlError("22003", "smallint out of range", { column });
    case "int4":
      return new SqlError("22003", "integer out of range", { column });
    case "oid":
      return new SqlError("22003", "OID out of range", { column });
    case "varchar":
      return tooLong(`character varying(${modifier - 4})`, column);
    case "bpchar":
      return tooLong(`character(${modifier - 4})`, column);
    case "numeric":
      return numericViolation(modifier, column);
    default:
      return new SqlError("22P02", `invalid input syntax for type ${displayName(type)}`, {
        column,
      });
  }
}

function tooLong(type: string, column: string): SqlError {
  return new SqlError("22001", `value too long for type ${type}`, { column });
}

function numericViolation(modifier: number, column: string): SqlError {
  if (modifier === -1) {
    return new SqlError("22P02", "invalid input syntax for type numeric", { column });
  }
  const precision = ((modifier - 4) >> 16) & 0xffff;
  const scale = (modifier - 4) & 0xffff;
  const detail =
    `A field with precision ${precision}, scale ${scale} must round to ` +
    `an absolute value less than 10^${precision - scale}.`;
  return new SqlError("22003", "numeric field overflow", { detail, column });
}

const DISPLAY_NAMES: Readonly<Record<string, string>> = {
  bool: "boolean",
  timestamp: "timestamp",
  timestamptz: "timestamp with time zone",
};

function displayName(type: string): string {
  return DISPLAY_NAMES[type] ?? type;
}
