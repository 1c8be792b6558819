/**
 * Messages between nodes as frames and back. All messages are encoded by the table of their family
 * (paxos-codec.ts, shell-codec.ts); what a peer sent is refused with MalformedError unless it is
 * exactly one whole message.
 */
import { assert } from "../../base/assert.ts";
import { ByteReader, MalformedError } from "../../base/bytes.ts";
import { type EncodedFrame, encodeFrame, type Frame } from "../frame.ts";
import type { PeerMessage } from "../peer-messages.ts";
import type { Codec } from "./field-codec.ts";
import { PartWriter } from "./part-writer.ts";
import { paxosCodecs } from "./paxos-codec.ts";
import { shellCodecs } from "./shell-codec.ts";

const codecs = { ...paxosCodecs, ...shellCodecs };
const codecsByType = new Map<number, Codec<PeerMessage>>();
for (const codec of Object.values(codecs)) {
  assert(!codecsByType.has(codec.type), `two messages have type ${codec.type}`);
  codecsByType.set(codec.type, codec);
}

/** Encoded once; the same parts may be written to any number of peers. */
export function encodeMessage(message: PeerMessage): EncodedFrame {
  const codec = codecs[message.kind] as Codec<PeerMessage>;
  const writer = new PartWriter();
  codec.write(writer, message);
  return encodeFrame(codec.type, writer.finish());
}

/** The message in a frame; payloads are views of the frame's body. Throws MalformedError. */
export function decodeMessage(frame: Frame): PeerMessage {
  const codec = codecsByType.get(frame.type);
  if (codec === undefined) throw new MalformedError(`unknown message type ${frame.type}`);
  const reader = new ByteReader(frame.body);
  const message = codec.read(reader);
  reader.end();
  return message;
}
