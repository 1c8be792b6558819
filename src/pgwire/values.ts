/** Values between the wire and the storage form, by type OID and format code. */
import type { ColumnDescription } from "../sql/database.ts";
import { SqlError } from "../sql/errors.ts";
import { decodeText } from "../sql/types/conversion.ts";
import { OID } from "../sql/types/oids.ts";
import type { PgType, TextSettings } from "../sql/types/pg-type.ts";
import { typeByOid } from "../sql/types/registry.ts";
import type { SqliteValue } from "../sql/values.ts";
import type { BackendWriter, FieldDescription } from "./backend.ts";
import type { BindMessage } from "./frontend.ts";
import type { RowForm } from "./output.ts";

export type WireFormat = "text" | "binary";

/** Values of types that nobody knows go as text. */
function typeOrText(oid: number): PgType {
  const type = typeByOid(oid) ?? typeByOid(OID.text);
  if (type === undefined) throw new SqlError("XX000", "internal error");
  return type;
}

function formatOf(code: number): WireFormat {
  if (code === 0) return "text";
  if (code === 1) return "binary";
  throw new SqlError("22023", `unsupported format code: ${code}`);
}

/** The format of a value from Bind's list: none means text for all, one holds for all. */
function formatAt(codes: readonly number[], at: number): WireFormat {
  const code = codes.length > 1 ? codes[at] : codes[0];
  return code === undefined ? "text" : formatOf(code);
}

/** Throws SqlError 08P01 when a Bind has other counts than a statement of `expected` parameters. */
export function checkCounts(
  { parameters, parameterFormats, statement }: BindMessage,
  expected: number,
): void {
  if (parameterFormats.length > 1 && parameterFormats.length !== parameters.length) {
    throw new SqlError(
      "08P01",
      `bind message has ${parameterFormats.length} parameter formats ` +
        `but ${parameters.length} parameters`,
    );
  }
  if (parameters.length !== expected) {
    throw new SqlError(
      "08P01",
      `bind message supplies ${parameters.length} parameters, but prepared statement ` +
        `"${statement}" requires ${expected}`,
    );
  }
}

/** The storage forms of Bind's parameters, which `checkCounts` has counted. Throws what the types throw. */
export function decodeParameters(
  { parameters, parameterFormats }: BindMessage,
  parameterTypes: readonly number[],
  settings: TextSettings,
): readonly SqliteValue[] {
  for (const code of parameterFormats) formatOf(code);
  return parameters.map((bytes, at) => {
    if (bytes === null) return null;
    const type = typeOrText(parameterTypes[at] ?? 0);
    return formatAt(parameterFormats, at) === "binary"
      ? decodeBinary(type, bytes)
      : type.fromText(decodeText(bytes), -1, settings);
  });
}

function decodeBinary(type: PgType, bytes: Uint8Array): SqliteValue {
  return type.fromBinary(bytes, -1);
}

/** The formats of a result's columns. Throws 08P01 when their number is not that of the columns. */
export function resultFormats(
  codes: readonly number[],
  columnCount: number,
): readonly WireFormat[] {
  if (codes.length > 1 && codes.length !== columnCount) {
    throw new SqlError(
      "08P01",
      `bind message has ${codes.length} result formats but query has ${columnCount} columns`,
    );
  }
  for (const code of codes) formatOf(code);
  const formats: WireFormat[] = [];
  for (let at = 0; at < columnCount; at += 1) formats.push(formatAt(codes, at));
  return formats;
}

/** What RowDescription says; all text when `formats` is left out, as before Bind. */
export function describeFields(
  columns: readonly ColumnDescription[],
  formats: readonly WireFormat[] = [],
): readonly FieldDescription[] {
  // Written out: a spread with more behind it is made field by field, and slowly, by the engine.
  return columns.map(({ name, tableOid, columnNumber, typeOid, typeModifier }, at) => ({
    name,
    tableOid,
    columnNumber,
    typeOid,
    typeSize: typeByOid(typeOid)?.size ?? -1,
    typeModifier,
    format: formats[at] === "binary" ? 1 : 0,
  }));
}

type Encoder = (value: SqliteValue) => string | Uint8Array;

/** Turns rows in storage form into the values of DataRow. */
export class RowEncoder implements RowForm {
  readonly #encoders: readonly Encoder[];

  constructor(
    columns: readonly ColumnDescription[],
    formats: readonly WireFormat[],
    settings: TextSettings,
  ) {
    this.#encoders = columns.map((column, at) =>
      encoderOf(column, formats[at] ?? "text", settings),
    );
  }

  write(writer: BackendWriter, row: readonly SqliteValue[]): void {
    writer.dataRow(this.encode(row));
  }

  /** As `encode`, for columns that are all text. */
  texts(row: readonly SqliteValue[]): readonly (string | null)[] {
    return this.encode(row).map((value) =>
      value instanceof Uint8Array ? decodeText(value) : value,
    );
  }

  encode(row: readonly SqliteValue[]): readonly (string | Uint8Array | null)[] {
    return this.#encoders.map((encode, at) => {
      const value = row[at] ?? null;
      return value === null ? null : encode(value);
    });
  }
}

function encoderOf(column: ColumnDescription, format: WireFormat, settings: TextSettings): Encoder {
  const type = typeOrText(column.typeOid);
  if (column.typeOid === OID.bpchar && column.typeModifier > MODIFIER_HEADER) {
    return blankPadded(type, column.typeModifier - MODIFIER_HEADER, settings);
  }
  return format === "binary"
    ? (value) => type.toBinary(value, settings)
    : (value) => type.toText(value, settings);
}

const MODIFIER_HEADER = 4;

/** character(n) is stored without the blanks that fill it up. Its binary form is its text. */
function blankPadded(type: PgType, length: number, settings: TextSettings): Encoder {
  return (value) => {
    const text = type.toText(value, settings);
    const missing = length - Array.from(text).length;
    return missing > 0 ? text + " ".repeat(missing) : text;
  };
}
