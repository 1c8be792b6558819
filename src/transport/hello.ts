/**
 * The handshake: the first frame of a connection says who dials and what for, the answer lets it in
 * or says why not. The body starts with a magic and the protocol version, in every version, so
 * that nodes of different versions can still tell each other that they do not match.
 *
 *   dialer                                listener
 *     hello {who, purpose}  ───────────────►
 *     ◄───────────────  helloAnswer {accepted | refused, reason}
 *   purpose "peer": the dialer's messages follow, with a ping now and then that is answered by a pong
 *   purpose "join" or "form": one request, one answer, end
 */
import { ByteReader, ByteWriter, MalformedError } from "../base/bytes.ts";
import type { NodeId } from "../paxos/types.ts";
import { oneOf, readNodeId } from "./codec/field-codec.ts";
import { type EncodedFrame, encodeFrame, type Frame } from "./frame.ts";

/** Raised with every change of what frames or messages mean. */
export const PROTOCOL_VERSION = 1;

const MAGIC = new TextEncoder().encode("SYNOD");

/** Frame types below 16 belong to the connection itself. */
export const HANDSHAKE_TYPES = {
  hello: 1,
  helloAnswer: 2,
  ping: 3,
  pong: 4,
  request: 5,
  answer: 6,
} as const;

export type Purpose = "peer" | "join" | "form";

const PURPOSES: readonly Purpose[] = ["peer", "join", "form"];

export interface Hello {
  readonly protocolVersion: number;
  readonly purpose: Purpose;
  /** Empty while the dialer belongs to no cluster. */
  readonly clusterId: string;
  /** 0 while the dialer has no number. */
  readonly nodeId: NodeId;
  readonly name: string;
  readonly incarnation: string;
  /** The member that the dialer wants to reach; 0 for whoever is there. */
  readonly target: NodeId;
  readonly softwareVersion: string;
}

export type RefusalCode =
  | "protocolVersion"
  | "otherCluster"
  | "noCluster"
  | "unknownMember"
  | "otherIncarnation"
  | "wrongTarget";

const REFUSAL_CODES: readonly RefusalCode[] = [
  "protocolVersion",
  "otherCluster",
  "noCluster",
  "unknownMember",
  "otherIncarnation",
  "wrongTarget",
];

export interface Refused {
  readonly kind: "refused";
  readonly code: RefusalCode;
  /** A sentence for both sides' logs. */
  readonly reason: string;
}

export interface Accepted {
  readonly kind: "accepted";
  readonly softwareVersion: string;
}

export type HelloAnswer = Accepted | Refused;

export function encodeHello(hello: Hello): EncodedFrame {
  const writer = new ByteWriter().raw(MAGIC).u16(hello.protocolVersion);
  writer.u8(PURPOSES.indexOf(hello.purpose)).text(hello.clusterId).u32(hello.nodeId);
  writer.text(hello.name).text(hello.incarnation).u32(hello.target).text(hello.softwareVersion);
  return encodeFrame(HANDSHAKE_TYPES.hello, [writer.finish()]);
}

/** A hello, or the version of one whose form this version does not know. */
export type DecodedHello =
  | { readonly kind: "hello"; readonly hello: Hello }
  | { readonly kind: "otherVersion"; readonly protocolVersion: number };

/** Throws MalformedError on a frame that is no hello of any version. */
export function decodeHello(frame: Frame): DecodedHello {
  if (frame.type !== HANDSHAKE_TYPES.hello) {
    throw new MalformedError(`expected a hello, got frame type ${frame.type}`);
  }
  const reader = new ByteReader(frame.body);
  const magic = reader.raw(MAGIC.length);
  if (magic.some((byte, at) => byte !== MAGIC[at])) throw new MalformedError("not a Synod node");
  const protocolVersion = reader.u16();
  if (protocolVersion !== PROTOCOL_VERSION) return { kind: "otherVersion", protocolVersion };
  const hello: Hello = {
    protocolVersion,
    purpose: oneOf(PURPOSES, reader.u8()),
    clusterId: reader.text(),
    nodeId: readNodeId(reader),
    name: reader.text(),
    incarnation: reader.text(),
    target: readNodeId(reader),
    softwareVersion: reader.text(),
  };
  reader.end();
  return { kind: "hello", hello };
}

export function encodeHelloAnswer(answer: HelloAnswer): EncodedFrame {
  const writer = new ByteWriter();
  if (answer.kind === "accepted") writer.u8(1).text(answer.softwareVersion);
  else writer.u8(0).u8(REFUSAL_CODES.indexOf(answer.code)).text(answer.reason);
  return encodeFrame(HANDSHAKE_TYPES.helloAnswer, [writer.finish()]);
}

/** Throws MalformedError. */
export function decodeHelloAnswer(frame: Frame): HelloAnswer {
  if (frame.type !== HANDSHAKE_TYPES.helloAnswer) {
    throw new MalformedError(`expected an answer to hello, got frame type ${frame.type}`);
  }
  const reader = new ByteReader(frame.body);
  const accepted = reader.u8() === 1;
  const answer: HelloAnswer = accepted
    ? { kind: "accepted", softwareVersion: reader.text() }
    : { kind: "refused", code: oneOf(REFUSAL_CODES, reader.u8()), reason: reader.text() };
  reader.end();
  return answer;
}

/** A frame without a body, or with one that only the purpose understands. */
export function encodeHandshakeFrame(
  type: keyof typeof HANDSHAKE_TYPES,
  body: Uint8Array = new Uint8Array(0),
): EncodedFrame {
  return encodeFrame(HANDSHAKE_TYPES[type], [body]);
}
