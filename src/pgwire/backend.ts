/**
 * Writes the server's messages (PostgreSQL manual, 55.7), one behind the other, into one buffer.
 * Each is a type byte, a length int32 that includes itself, and the fields.
 */
import type { TransactionStatus } from "../sql/database.ts";
import type { SqlError } from "../sql/errors.ts";

/** Protocol 3.0, as it stands in a startup packet. */
const PROTOCOL_VERSION = 3 << 16;

export type Severity = "ERROR" | "FATAL";

/** One field of a RowDescription. */
export interface FieldDescription {
  readonly name: string;
  readonly tableOid: number;
  readonly columnNumber: number;
  readonly typeOid: number;
  readonly typeSize: number;
  readonly typeModifier: number;
  readonly format: number;
}

export interface NoticeFields {
  readonly severity: string;
  readonly sqlState: string;
  readonly message: string;
}

const INITIAL_BYTES = 1024;

export class BackendWriter {
  #buffer = Buffer.allocUnsafe(INITIAL_BYTES);
  #length = 0;
  /** Where the length of the message that is being written stands. */
  #lengthAt = 0;

  /** Bytes written since the last take. */
  get length(): number {
    return this.#length;
  }

  /** Hands over what was written; the writer starts afresh. */
  take(): Uint8Array {
    const written = this.#buffer.subarray(0, this.#length);
    this.#buffer = Buffer.allocUnsafe(INITIAL_BYTES);
    this.#length = 0;
    return written;
  }

  authenticationOk(): void {
    this.#begin("R");
    this.#int32(0);
    this.#end();
  }

  /** What of the startup packet is not supported: 3.0 is spoken, and these options are ignored. */
  negotiateProtocolVersion(unknownOptions: readonly string[]): void {
    this.#begin("v");
    this.#int32(PROTOCOL_VERSION);
    this.#int32(unknownOptions.length);
    for (const option of unknownOptions) this.#text(option);
    this.#end();
  }

  parameterStatus(name: string, value: string): void {
    this.#begin("S");
    this.#text(name);
    this.#text(value);
    this.#end();
  }

  backendKeyData(processId: number, secretKey: number): void {
    this.#begin("K");
    this.#int32(processId);
    this.#int32(secretKey);
    this.#end();
  }

  readyForQuery(status: TransactionStatus): void {
    this.#begin("Z");
    this.#byte(status.charCodeAt(0));
    this.#end();
  }

  parameterDescription(typeOids: readonly number[]): void {
    this.#begin("t");
    this.#int16(typeOids.length);
    for (const oid of typeOids) this.#int32(oid);
    this.#end();
  }

  rowDescription(fields: readonly FieldDescription[]): void {
    this.#begin("T");
    this.#int16(fields.length);
    for (const field of fields) {
      this.#text(field.name);
      this.#int32(field.tableOid);
      this.#int16(field.columnNumber);
      this.#int32(field.typeOid);
      this.#int16(field.typeSize);
      this.#int32(field.typeModifier);
      this.#int16(field.format);
    }
    this.#end();
  }

  /** Values as text, as bytes, or NULL. */
  dataRow(values: readonly (string | Uint8Array | null)[]): void {
    this.#begin("D");
    this.#int16(values.length);
    for (const value of values) {
      if (value === null) this.#int32(-1);
      else if (typeof value === "string") this.#countedText(value);
      else this.#countedBytes(value);
    }
    this.#end();
  }

  commandComplete(tag: string): void {
    this.#begin("C");
    this.#text(tag);
    this.#end();
  }

  /** All columns in text form. */
  copyInResponse(columnCount: number): void {
    this.#copyResponse("G", columnCount);
  }

  /** All columns in text form. */
  copyOutResponse(columnCount: number): void {
    this.#copyResponse("H", columnCount);
  }

  copyData(text: string): void {
    this.#begin("d");
    this.#bareText(text);
    this.#end();
  }

  copyDone(): void {
    this.#empty("c");
  }

  emptyQueryResponse(): void {
    this.#empty("I");
  }

  parseComplete(): void {
    this.#empty("1");
  }

  bindComplete(): void {
    this.#empty("2");
  }

  closeComplete(): void {
    this.#empty("3");
  }

  noData(): void {
    this.#empty("n");
  }

  portalSuspended(): void {
    this.#empty("s");
  }

  errorResponse(severity: Severity, error: SqlError): void {
    const { fields } = error;
    this.#begin("E");
    this.#fields([
      ["S", severity],
      ["V", severity],
      ["C", error.sqlState],
      ["M", error.message],
      ["D", fields.detail],
      ["H", fields.hint],
      ["P", fields.position?.toString()],
      ["W", fields.context],
      ["s", fields.schema],
      ["t", fields.table],
      ["c", fields.column],
      ["d", fields.dataType],
      ["n", fields.constraint],
    ]);
    this.#end();
  }

  noticeResponse({ severity, sqlState, message }: NoticeFields): void {
    this.#begin("N");
    this.#fields([
      ["S", severity],
      ["V", severity],
      ["C", sqlState],
      ["M", message],
    ]);
    this.#end();
  }

  #fields(fields: readonly (readonly [letter: string, value: string | undefined])[]): void {
    for (const [letter, value] of fields) {
      if (value === undefined) continue;
      this.#byte(letter.charCodeAt(0));
      this.#text(value);
    }
    this.#byte(0);
  }

  #copyResponse(type: string, columnCount: number): void {
    this.#begin(type);
    this.#byte(0);
    this.#int16(columnCount);
    for (let left = columnCount; left > 0; left -= 1) this.#int16(0);
    this.#end();
  }

  #empty(type: string): void {
    this.#begin(type);
    this.#end();
  }

  #begin(type: string): void {
    this.#byte(type.charCodeAt(0));
    this.#lengthAt = this.#length;
    this.#int32(0);
  }

  #end(): void {
    this.#buffer.writeInt32BE(this.#length - this.#lengthAt, this.#lengthAt);
  }

  #byte(value: number): void {
    this.#reserve(1);
    this.#buffer[this.#length] = value;
    this.#length += 1;
  }

  #int16(value: number): void {
    this.#reserve(2);
    this.#buffer.writeUInt16BE(value & 0xffff, this.#length);
    this.#length += 2;
  }

  #int32(value: number): void {
    this.#reserve(4);
    this.#buffer.writeUInt32BE(value >>> 0, this.#length);
    this.#length += 4;
  }

  /** Behind it a zero byte, so the text itself must have none. */
  #text(value: string): void {
    const text = value.includes("\0") ? value.replaceAll("\0", "") : value;
    const byteLength = Buffer.byteLength(text);
    this.#reserve(byteLength + 1);
    this.#buffer.write(text, this.#length);
    this.#buffer[this.#length + byteLength] = 0;
    this.#length += byteLength + 1;
  }

  #bareText(value: string): void {
    const byteLength = Buffer.byteLength(value);
    this.#reserve(byteLength);
    this.#buffer.write(value, this.#length);
    this.#length += byteLength;
  }

  #countedText(value: string): void {
    const byteLength = Buffer.byteLength(value);
    this.#reserve(byteLength + 4);
    this.#buffer.writeInt32BE(byteLength, this.#length);
    this.#buffer.write(value, this.#length + 4);
    this.#length += byteLength + 4;
  }

  #countedBytes(value: Uint8Array): void {
    this.#reserve(value.length + 4);
    this.#buffer.writeInt32BE(value.length, this.#length);
    this.#buffer.set(value, this.#length + 4);
    this.#length += value.length + 4;
  }

  #reserve(count: number): void {
    const needed = this.#length + count;
    if (needed <= this.#buffer.length) return;
    const grown = Buffer.allocUnsafe(Math.max(needed, this.#buffer.length * 2));
    this.#buffer.copy(grown, 0, 0, this.#length);
    this.#buffer = grown;
  }
}
