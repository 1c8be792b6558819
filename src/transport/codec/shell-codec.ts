import type { MemberAction, ShellMessage } from "../peer-messages.ts";
import {
  type Codec,
  oneOf,
  readFlag,
  readNodeId,
  readOptional,
  readSlot,
  writeFlag,
} from "./field-codec.ts";
import type { PartWriter } from "./part-writer.ts";

type MessageOf<Kind extends ShellMessage["kind"]> = Extract<ShellMessage, { kind: Kind }>;

const MEMBER_ACTIONS: readonly MemberAction[] = ["add", "remove", "promote", "setAddresses"];

/** Every message of the shell; the compiler insists that none is missing. Types 64 to 127. */
export const shellCodecs: { readonly [Kind in ShellMessage["kind"]]: Codec<MessageOf<Kind>> } = {
  snapshotOffer: {
    type: 64,
    write: (writer, message) => writer.fields.u64(message.slot),
    read: (reader) => ({ kind: "snapshotOffer", slot: readSlot(reader) }),
  },
  snapshotManifestRequest: {
    type: 65,
    write: () => undefined,
    read: () => ({ kind: "snapshotManifestRequest" }),
  },
  snapshotManifest: {
    type: 66,
    write: (writer, message) => {
      writer.fields.u64(message.slot);
      writeOptionalPayload(writer, message.bytes);
    },
    read: (reader) => ({
      kind: "snapshotManifest",
      slot: readSlot(reader),
      bytes: readOptional(reader, () => reader.bytes()),
    }),
  },
  snapshotChunkRequest: {
    type: 67,
    write: (writer, message) =>
      writer.fields.u64(message.slot).u32(message.file).u32(message.chunk),
    read: (reader) => ({
      kind: "snapshotChunkRequest",
      slot: readSlot(reader),
      file: reader.u32(),
      chunk: reader.u32(),
    }),
  },
  snapshotChunk: {
    type: 68,
    write: (writer, message) => {
      writer.fields.u64(message.slot).u32(message.file).u32(message.chunk);
      writeOptionalPayload(writer, message.bytes);
    },
    read: (reader) => ({
      kind: "snapshotChunk",
      slot: readSlot(reader),
      file: reader.u32(),
      chunk: reader.u32(),
      bytes: readOptional(reader, () => reader.bytes()),
    }),
  },
  memberRequest: {
    type: 69,
    write: (writer, message) => {
      writer.fields.u64(message.id).u8(MEMBER_ACTIONS.indexOf(message.action));
      writer.fields.text(message.name).text(message.incarnation);
      writer.fields.text(message.peer).text(message.sql);
    },
    read: (reader) => ({
      kind: "memberRequest",
      id: reader.u64(),
      action: oneOf(MEMBER_ACTIONS, reader.u8()),
      name: reader.text(),
      incarnation: reader.text(),
      peer: reader.text(),
      sql: reader.text(),
    }),
  },
  memberReply: {
    type: 70,
    write: (writer, message) => {
      writer.fields.u64(message.id);
      writeFlag(writer.fields, message.ok);
      writer.fields.text(message.reason).u32(message.memberId);
      writer.payload(message.membership);
    },
    read: (reader) => ({
      kind: "memberReply",
      id: reader.u64(),
      ok: readFlag(reader),
      reason: reader.text(),
      memberId: readNodeId(reader),
      membership: reader.bytes(),
    }),
  },
  digest: {
    type: 71,
    write: (writer, message) => writer.fields.u64(message.slot).text(message.digest),
    read: (reader) => ({ kind: "digest", slot: readSlot(reader), digest: reader.text() }),
  },
};

function writeOptionalPayload(writer: PartWriter, bytes: Uint8Array | null): void {
  writeFlag(writer.fields, bytes !== null);
  if (bytes !== null) writer.payload(bytes);
}
