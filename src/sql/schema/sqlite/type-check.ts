import type { Column } from "../../catalog/catalog.ts";
import { identifier } from "../../print/identifiers.ts";
import { TYPE_PREFIX } from "../../sqlite-errors.ts";
import { typeByOid } from "../../types/registry.ts";

/** A CHECK constraint of SQLite that holds a column to its type. */
export interface TypeCheck {
  /** Says type, modifier and column, so that the error can be told from it (type-violation.ts). */
  readonly name: string;
  readonly condition: string;
}

/**
 * What the storage class leaves open of a column's type: range, length, or form. NULL passes every
 * condition. Null where the class says it all (int8, float8, text, bytea …).
 */
export function typeCheck(column: Column): TypeCheck | null {
  const type = typeByOid(column.typeOid)?.name ?? "";
  const condition = conditionOf(type, column.typeModifier, identifier(column.name));
  if (condition === null) return null;
  return { name: `${TYPE_PREFIX}${type}:${column.typeModifier}:${column.name}`, condition };
}

const DATE_FORM = "[0-9]*-[0-9][0-9]-[0-9][0-9]*";
const TIME_FORM = "[0-9][0-9]:[0-9][0-9]:[0-9][0-9]*";

function conditionOf(type: string, modifier: number, column: string): string | null {
  switch (type) {
    case "bool":
      return `${column} IN (0, 1)`;
    case "int2":
      return `${column} BETWEEN -32768 AND 32767`;
    case "int4":
      return `${column} BETWEEN -2147483648 AND 2147483647`;
    case "oid":
      return `${column} BETWEEN 0 AND 4294967295`;
    case "varchar":
    case "bpchar":
      return modifier < 4 ? null : `length(${column}) <= ${modifier - 4}`;
    case "numeric":
      return numericCondition(modifier, column);
    case "date":
      return orInfinite(`${column} GLOB '${DATE_FORM}'`, column);
    case "timestamp":
    case "timestamptz":
      return orInfinite(`${column} GLOB '${DATE_FORM} ${TIME_FORM}'`, column);
    case "time":
      return `${column} GLOB '${TIME_FORM}'`;
    case "uuid":
      return `length(${column}) = 36 AND ${column} NOT GLOB '*[^-0-9a-f]*'`;
    default:
      return null;
  }
}

function orInfinite(condition: string, column: string): string {
  return `${condition} OR ${column} IN ('infinity', '-infinity')`;
}

/**
 * Digits in plain form; with a precision and a scale also exactly `scale` decimals and at most
 * `precision` digits. A scale below 0 or above the precision is left to the cast of the value.
 */
function numericCondition(modifier: number, column: string): string {
  const plain = `${column} NOT GLOB '*[^-.0-9]*' AND ${column} GLOB '*[0-9]*'`;
  const special = `${column} IN ('NaN', 'Infinity', '-Infinity')`;
  if (modifier < 4) return `${plain} OR ${special}`;
  const precision = ((modifier - 4) >> 16) & 0xffff;
  const scale = (modifier - 4) & 0x7ff;
  if (scale > precision) return `${plain} OR ${special}`;
  const digits = `ltrim(${column}, '-')`;
  // "0.50" shows a digit before the point that a precision of two does not count.
  const width =
    scale === precision
      ? `${digits} GLOB '0.*'`
      : `length(${digits}) <= ${precision + (scale > 0 ? 1 : 0)}`;
  const point =
    scale > 0
      ? `instr(${column}, '.') = length(${column}) - ${scale}`
      : `instr(${column}, '.') = 0`;
  return `${plain} AND ${point} AND ${width} OR ${column} = 'NaN'`;
}
