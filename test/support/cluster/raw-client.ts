/** A client that sends bytes as it likes, and reads what PostgreSQL's protocol answers. */
import { connect, type Socket } from "node:net";
import { serialize } from "pg-protocol";
import { HOST } from "./cluster-node.ts";

export interface RawAnswer {
  readonly bytes: Uint8Array;
  /** The connection was closed by the node, not by us. */
  readonly closedByNode: boolean;
}

export interface ErrorFields {
  readonly severity: string;
  readonly sqlState: string;
  readonly message: string;
}

export interface RawOptions {
  /** What to do when everything is sent: wait for the node's end, send ours too, or go at once. */
  readonly afterwards: "wait" | "end" | "vanish";
  /** Before going at once: wait for so many bytes of the answer. */
  readonly afterBytes?: number;
}

const WAIT_MS_MAX = 15_000;

export const STARTUP: Uint8Array = serialize.startup({ user: "synod", database: "synod" });

/** Sends `bytes` over a connection of its own and gathers the answer until the connection ends. */
export function sendRaw(port: number, bytes: Uint8Array, options: RawOptions): Promise<RawAnswer> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: HOST, port, allowHalfOpen: true });
    const chunks: Uint8Array[] = [];
    let received = 0;
    let closedByNode = false;
    const giveUp = setTimeout(() => {
      socket.destroy();
      reject(new Error(`port ${port} kept the connection open for ${WAIT_MS_MAX} ms`));
    }, WAIT_MS_MAX);
    socket.on("connect", () => proceed(socket, bytes, options));
    socket.on("data", (chunk: Uint8Array) => {
      chunks.push(chunk);
      received += chunk.length;
      const { afterwards, afterBytes } = options;
      if (afterwards === "vanish" && afterBytes !== undefined && received >= afterBytes)
        socket.destroy();
    });
    socket.on("end", () => {
      closedByNode = true;
      socket.end();
    });
    // A reset is one of the ways in which a node may end a connection.
    socket.on("error", () => {
      closedByNode = true;
    });
    socket.on("close", () => {
      clearTimeout(giveUp);
      resolve({ bytes: Buffer.concat(chunks), closedByNode });
    });
  });
}

function proceed(socket: Socket, bytes: Uint8Array, options: RawOptions): void {
  socket.write(bytes, () => {
    if (options.afterwards === "end") socket.end();
    if (options.afterwards === "vanish" && options.afterBytes === undefined)
      socket.resetAndDestroy();
  });
}

/** A message with its length as given, right or wrong. */
export function message(type: string, length: number, body: Uint8Array = new Uint8Array(0)) {
  const bytes = Buffer.alloc(5 + body.length);
  bytes.write(type, 0, "latin1");
  bytes.writeUInt32BE(length, 1);
  bytes.set(body, 5);
  return bytes;
}

/** The first ErrorResponse in an answer; null if there is none. */
export function errorIn(answer: RawAnswer): ErrorFields | null {
  const bytes = Buffer.from(answer.bytes);
  for (let at = 0; at + 5 <= bytes.length; ) {
    const length = bytes.readUInt32BE(at + 1);
    if (String.fromCharCode(bytes[at] ?? 0) === "E") {
      return errorFields(bytes.toString("utf8", at + 5, at + 1 + length));
    }
    at += 1 + length;
  }
  return null;
}

function errorFields(body: string): ErrorFields {
  const fields = new Map(body.split("\0").map((field) => [field[0] ?? "", field.slice(1)]));
  const field = (type: string): string => fields.get(type) ?? "";
  return { severity: field("S"), sqlState: field("C"), message: field("M") };
}
