import type { SqliteValue } from "../values.ts";

/** What the text form of a value depends on in a session. */
export interface TextSettings {
  /** IANA name or offset as given to SET TimeZone; "UTC" by default. */
  readonly timeZone: string;
  readonly extraFloatDigits: number;
  readonly byteaOutput: "hex" | "escape";
  /**
   * Names for regclass, regproc and regnamespace: undefined if the object is not known, and then
   * the number is printed. Without a resolver the number is always printed.
   */
  readonly objectName?: (typeOid: number, oid: number) => string | undefined;
}

/** The settings of a session that set nothing. */
export const DEFAULT_TEXT_SETTINGS: TextSettings = {
  timeZone: "UTC",
  extraFloatDigits: 1,
  byteaOutput: "hex",
};

/**
 * One PostgreSQL type: its row in pg_type and the conversions between the wire and the storage
 * form (see values.ts). Conversions from the client throw SqlError (22P02, 22003, 22007, 22008…)
 * in PostgreSQL's words; NULL never reaches them.
 */
export interface PgType {
  readonly oid: number;
  /** typname: int4, text, _int4 … */
  readonly name: string;
  /** What format_type prints: integer, character varying … */
  readonly displayName: string;
  /** typlen: bytes, or -1 for variable length, -2 for cstring. */
  readonly size: number;
  /** typcategory, one letter. */
  readonly category: string;
  /** typispreferred */
  readonly preferred: boolean;
  /** OID of the array type over this one; 0 if none (this is an array, or a pseudo-type). */
  readonly arrayOid: number;
  /** OID of the element type; 0 unless this is an array. */
  readonly elementOid: number;
  /**
   * `modifier` is atttypmod (-1: none): length + 4, or (precision << 16 | scale) + 4 for numeric.
   * `settings` gives the time zone of a timestamptz without one; UTC when it is left out.
   */
  fromText(text: string, modifier: number, settings?: TextSettings): SqliteValue;
  toText(value: SqliteValue, settings: TextSettings): string;
  fromBinary(bytes: Uint8Array, modifier: number): SqliteValue;
  toBinary(value: SqliteValue, settings: TextSettings): Uint8Array;
}
