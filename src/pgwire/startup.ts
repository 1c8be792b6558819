/** The packets that a connection starts with (PostgreSQL manual, 55.7: those without a type byte). */
import { FatalError, protocolViolation } from "./fatal-error.ts";
import { WireReader } from "./wire-reader.ts";

export interface StartupMessage {
  readonly kind: "startup";
  readonly user: string;
  readonly database: string;
  /** All others: application_name, client_encoding, options … */
  readonly parameters: ReadonlyMap<string, string>;
  /** The client asked for 3.x above 3.0, or for options that nobody here knows. */
  readonly negotiates: boolean;
  readonly unknownOptions: readonly string[];
}

export type StartupPacket =
  | StartupMessage
  | { readonly kind: "encryptionRequest" }
  | { readonly kind: "cancelRequest"; readonly processId: number; readonly secretKey: number };

/** Numbers in the place of the protocol version: 1234 in the upper half, these in the lower. */
const REQUEST_MAJOR = 1234;
const CANCEL_REQUEST = 5678;
const SSL_REQUEST = 5679;
const GSSENC_REQUEST = 5680;

const MAJOR_VERSION = 3;

/** Decodes a startup packet's body. Throws FatalError: 08P01, 0A000, 28000, 22023. */
export function decodeStartup(body: Uint8Array): StartupPacket {
  const reader = new WireReader(body);
  const major = reader.int16();
  const minor = reader.int16();
  if (major === REQUEST_MAJOR && minor === CANCEL_REQUEST) return decodeCancel(reader);
  if (major === REQUEST_MAJOR && (minor === SSL_REQUEST || minor === GSSENC_REQUEST)) {
    return { kind: "encryptionRequest" };
  }
  if (major !== MAJOR_VERSION) throw unsupportedVersion(major, minor);
  return decodeParameters(reader, minor);
}

/** 0A000: not protocol 3. */
export function unsupportedVersion(major: number, minor: number): FatalError {
  return new FatalError(
    "0A000",
    `unsupported frontend protocol ${major & 0xffff}.${minor & 0xffff}: server supports 3.0 to 3.0`,
  );
}

function decodeCancel(reader: WireReader): StartupPacket {
  if (reader.remaining !== 8) throw protocolViolation("invalid length of cancel request packet");
  return { kind: "cancelRequest", processId: reader.uint32(), secretKey: reader.uint32() };
}

function decodeParameters(reader: WireReader, minor: number): StartupMessage {
  const parameters = new Map<string, string>();
  const unknownOptions: string[] = [];
  for (let name = nextName(reader); name !== ""; name = nextName(reader)) {
    if (reader.remaining === 0) throw invalidLayout();
    const value = reader.text();
    if (name.startsWith("_pq_.")) unknownOptions.push(name);
    else parameters.set(name, value);
  }
  if (reader.remaining > 0) throw invalidLayout();
  const user = parameters.get("user") ?? "";
  if (user === "") {
    throw new FatalError("28000", "no PostgreSQL user name specified in startup packet");
  }
  const database = parameters.get("database") ?? "";
  parameters.delete("user");
  parameters.delete("database");
  checkParameters(parameters);
  return {
    kind: "startup",
    user,
    database: database === "" ? user : database,
    parameters,
    negotiates: minor > 0 || unknownOptions.length > 0,
    unknownOptions,
  };
}

function nextName(reader: WireReader): string {
  if (reader.remaining === 0) throw invalidLayout();
  return reader.text();
}

function invalidLayout(): FatalError {
  return protocolViolation("invalid startup packet layout: expected terminator as last byte");
}

/** Text travels as UTF-8 only; SQL_ASCII asks for bytes as they are, which comes to the same. */
const ENCODINGS = /^'?(?:utf-?8|unicode|sql_ascii)'?$/i;

function checkParameters(parameters: ReadonlyMap<string, string>): void {
  const encoding = parameters.get("client_encoding");
  if (encoding !== undefined && !ENCODINGS.test(encoding)) {
    throw new FatalError("0A000", `client_encoding "${encoding}" is not supported`);
  }
  const replication = parameters.get("replication");
  if (replication !== undefined && !/^(?:false|off|no|0)$/i.test(replication)) {
    throw new FatalError("0A000", "replication connections are not supported");
  }
}
