/** The client's messages after the startup (PostgreSQL manual, 55.7), decoded. */
import { SqlError } from "../sql/errors.ts";
import { protocolViolation } from "./fatal-error.ts";
import type { Frame, LengthLimit } from "./frame.ts";
import { SMALL_MESSAGE_BYTES_MAX } from "./limits.ts";
import { WireReader } from "./wire-reader.ts";

export type FrontendMessage =
  | { readonly kind: "query"; readonly text: string }
  | ParseMessage
  | BindMessage
  | DescribeMessage
  | { readonly kind: "execute"; readonly portal: string; readonly rowLimit: number }
  | CloseMessage
  | { readonly kind: "flush" | "sync" | "functionCall" | "copyDone" }
  /** Its body is for whoever asked for it (isCopyData). */
  | { readonly kind: "copyData" }
  | { readonly kind: "copyFail"; readonly reason: string }
  | { readonly kind: "terminate" };

export interface ParseMessage {
  readonly kind: "parse";
  /** Empty: the unnamed statement. */
  readonly name: string;
  readonly text: string;
  /** 0: to be inferred. May be fewer than the statement has parameters. */
  readonly parameterTypes: readonly number[];
}

export interface BindMessage {
  readonly kind: "bind";
  readonly portal: string;
  readonly statement: string;
  /** None: all text; one: for all; else one each. The same holds for resultFormats. */
  readonly parameterFormats: readonly number[];
  /** Null is NULL; an empty value is an empty array. */
  readonly parameters: readonly (Uint8Array | null)[];
  readonly resultFormats: readonly number[];
}

export interface DescribeMessage {
  readonly kind: "describe";
  readonly what: "statement" | "portal";
  readonly name: string;
}

export interface CloseMessage {
  readonly kind: "close";
  readonly what: "statement" | "portal";
  readonly name: string;
}

/** The types' bytes. */
const TYPE = {
  bind: 0x42, // B
  close: 0x43, // C
  describe: 0x44, // D
  execute: 0x45, // E
  functionCall: 0x46, // F
  flush: 0x48, // H
  parse: 0x50, // P
  query: 0x51, // Q
  sync: 0x53, // S
  terminate: 0x58, // X
  copyDone: 0x63, // c
  copyData: 0x64, // d
  copyFail: 0x66, // f
} as const;

const KNOWN_TYPES: ReadonlySet<number> = new Set(Object.values(TYPE));
const LARGE_TYPES: ReadonlySet<number> = new Set([
  TYPE.bind,
  TYPE.functionCall,
  TYPE.parse,
  TYPE.query,
  TYPE.copyData,
]);

/** Lengths allowed by type: `largeBytesMax` for those that carry statements and values. */
export function frontendLengthLimit(largeBytesMax: number): LengthLimit {
  return (type) => {
    if (!KNOWN_TYPES.has(type)) throw protocolViolation(`invalid frontend message type ${type}`);
    return LARGE_TYPES.has(type) ? largeBytesMax : SMALL_MESSAGE_BYTES_MAX;
  };
}

/** Whether an error in this message is answered by skipping everything up to Sync. */
export function isExtendedQuery(type: number): boolean {
  return (
    type === TYPE.parse ||
    type === TYPE.bind ||
    type === TYPE.describe ||
    type === TYPE.execute ||
    type === TYPE.close ||
    type === TYPE.flush
  );
}

/** Whether the message's body is data of a COPY FROM. */
export function isCopyData(type: number): boolean {
  return type === TYPE.copyData;
}

/** Whether the message is read even while messages are skipped after an error. */
export function endsSkipping(type: number): boolean {
  return type === TYPE.sync || type === TYPE.terminate;
}

/** Decodes a frame. Throws SqlError 08P01 when its fields do not fit, 22021 for bad text. */
export function decodeFrontend({ type, body }: Frame): FrontendMessage {
  const reader = new WireReader(body);
  const message = decodeBody(type, reader);
  if (message.kind !== "copyData" && message.kind !== "functionCall") reader.end();
  return message;
}

function decodeBody(type: number, reader: WireReader): FrontendMessage {
  switch (type) {
    case TYPE.query:
      return { kind: "query", text: reader.text() };
    case TYPE.parse:
      return decodeParse(reader);
    case TYPE.bind:
      return decodeBind(reader);
    case TYPE.describe:
      return { kind: "describe", what: decodeWhat(reader, "DESCRIBE"), name: reader.text() };
    case TYPE.close:
      return { kind: "close", what: decodeWhat(reader, "CLOSE"), name: reader.text() };
    case TYPE.execute:
      return { kind: "execute", portal: reader.text(), rowLimit: reader.int32() };
    case TYPE.flush:
      return { kind: "flush" };
    case TYPE.sync:
      return { kind: "sync" };
    case TYPE.terminate:
      return { kind: "terminate" };
    case TYPE.functionCall:
      return { kind: "functionCall" };
    case TYPE.copyData:
      return { kind: "copyData" };
    case TYPE.copyDone:
      return { kind: "copyDone" };
    case TYPE.copyFail:
      return { kind: "copyFail", reason: reader.text() };
    default:
      throw protocolViolation(`invalid frontend message type ${type}`);
  }
}

function decodeParse(reader: WireReader): ParseMessage {
  const name = reader.text();
  const text = reader.text();
  return { kind: "parse", name, text, parameterTypes: reader.list(4, () => reader.uint32()) };
}

function decodeBind(reader: WireReader): BindMessage {
  const portal = reader.text();
  const statement = reader.text();
  const parameterFormats = reader.list(2, () => reader.int16());
  const parameters = reader.list(4, () => decodeValue(reader));
  const resultFormats = reader.list(2, () => reader.int16());
  return { kind: "bind", portal, statement, parameterFormats, parameters, resultFormats };
}

function decodeValue(reader: WireReader): Uint8Array | null {
  const length = reader.int32();
  if (length === -1) return null;
  if (length < 0) throw new SqlError("08P01", "insufficient data left in message");
  return reader.bytes(length);
}

function decodeWhat(reader: WireReader, message: string): "statement" | "portal" {
  const letter = reader.byte();
  if (letter === 0x53) return "statement"; // S
  if (letter === 0x50) return "portal"; // P
  throw new SqlError("08P01", `invalid ${message} message subtype ${letter}`);
}
