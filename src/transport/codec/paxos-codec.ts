import { readBallot, writeBallot } from "../../paxos/ballot.ts";
import type { Message } from "../../paxos/messages.ts";
import {
  type Codec,
  readEntry,
  readFlag,
  readList,
  readNodeId,
  readOptional,
  readOptionalBallot,
  readSlot,
  readValue,
  writeEntry,
  writeFlag,
  writeList,
  writeOptional,
  writeOptionalBallot,
  writeValue,
} from "./field-codec.ts";

type MessageOf<Kind extends Message["kind"]> = Extract<Message, { kind: Kind }>;

/** Every message of the core; the compiler insists that none is missing. Types 16 to 63. */
export const paxosCodecs: { readonly [Kind in Message["kind"]]: Codec<MessageOf<Kind>> } = {
  probe: {
    type: 16,
    write: (writer, message) => writeBallot(writer.fields, message.ballot),
    read: (reader) => ({ kind: "probe", ballot: readBallot(reader) }),
  },
  probeReply: {
    type: 17,
    write: (writer, message) => {
      const { fields } = writer;
      writeBallot(fields, message.ballot);
      writeFlag(fields, message.granted);
      writeBallot(fields, message.promised);
      fields.u64(message.chosenIndex);
      writeOptional(fields, message.leader, (leader) => fields.u32(leader));
    },
    read: (reader) => ({
      kind: "probeReply",
      ballot: readBallot(reader),
      granted: readFlag(reader),
      promised: readBallot(reader),
      chosenIndex: readSlot(reader),
      leader: readOptional(reader, () => readNodeId(reader)),
    }),
  },
  prepare: {
    type: 18,
    write: (writer, message) => {
      writeBallot(writer.fields, message.ballot);
      writer.fields.u64(message.from).u64(message.attempt);
    },
    read: (reader) => ({
      kind: "prepare",
      ballot: readBallot(reader),
      from: readSlot(reader),
      attempt: reader.u64(),
    }),
  },
  promise: {
    type: 19,
    write: (writer, message) => {
      const { fields } = writer;
      writeBallot(fields, message.ballot);
      fields.u64(message.attempt).u32(message.part);
      writeFlag(fields, message.last);
      fields.u64(message.chosenIndex);
      writeFlag(fields, message.faultyAnywhere);
      writeList(writer, message.faulty, (faulty) => {
        fields.u64(faulty.slot);
        writeOptionalBallot(fields, faulty.ballot);
      });
      writeList(writer, message.accepted, (entry) => writeEntry(writer, entry));
    },
    read: (reader) => ({
      kind: "promise",
      ballot: readBallot(reader),
      attempt: reader.u64(),
      part: reader.u32(),
      last: readFlag(reader),
      chosenIndex: readSlot(reader),
      faultyAnywhere: readFlag(reader),
      faulty: readList(reader, () => ({
        slot: readSlot(reader),
        ballot: readOptionalBallot(reader),
      })),
      accepted: readList(reader, () => readEntry(reader)),
    }),
  },
  accept: {
    type: 20,
    write: (writer, message) => {
      writeBallot(writer.fields, message.ballot);
      writer.fields.u64(message.slot).u64(message.chosenIndex);
      writeValue(writer, message.value);
    },
    read: (reader) => ({
      kind: "accept",
      ballot: readBallot(reader),
      slot: readSlot(reader),
      chosenIndex: readSlot(reader),
      value: readValue(reader),
    }),
  },
  accepted: {
    type: 21,
    write: (writer, message) => {
      writeBallot(writer.fields, message.ballot);
      writeList(writer, message.slots, (slot) => writer.fields.u64(slot));
    },
    read: (reader) => ({
      kind: "accepted",
      ballot: readBallot(reader),
      slots: readList(reader, () => readSlot(reader)),
    }),
  },
  rejected: {
    type: 22,
    write: (writer, message) => {
      writeBallot(writer.fields, message.ballot);
      writeBallot(writer.fields, message.promised);
    },
    read: (reader) => ({
      kind: "rejected",
      ballot: readBallot(reader),
      promised: readBallot(reader),
    }),
  },
  chosen: {
    type: 23,
    write: (writer, message) => {
      writeBallot(writer.fields, message.ballot);
      writer.fields.u64(message.chosenIndex);
    },
    read: (reader) => ({
      kind: "chosen",
      ballot: readBallot(reader),
      chosenIndex: readSlot(reader),
    }),
  },
  heartbeat: {
    type: 24,
    write: (writer, message) => {
      writeBallot(writer.fields, message.ballot);
      writer.fields.u64(message.chosenIndex).u64(message.sequence);
    },
    read: (reader) => ({
      kind: "heartbeat",
      ballot: readBallot(reader),
      chosenIndex: readSlot(reader),
      sequence: reader.u64(),
    }),
  },
  heartbeatAck: {
    type: 25,
    write: (writer, message) => {
      writeBallot(writer.fields, message.ballot);
      writer.fields.u64(message.sequence).u64(message.chosenIndex).u64(message.appliedIndex);
    },
    read: (reader) => ({
      kind: "heartbeatAck",
      ballot: readBallot(reader),
      sequence: reader.u64(),
      chosenIndex: readSlot(reader),
      appliedIndex: readSlot(reader),
    }),
  },
  propose: {
    type: 26,
    write: (writer, message) =>
      writeList(writer, message.commands, (command) => writer.payload(command)),
    read: (reader) => ({ kind: "propose", commands: readList(reader, () => reader.bytes()) }),
  },
  readIndex: {
    type: 27,
    write: (writer, message) => writer.fields.u64(message.id),
    read: (reader) => ({ kind: "readIndex", id: reader.u64() }),
  },
  readIndexReply: {
    type: 28,
    write: ({ fields }, message) => {
      fields.u64(message.id);
      writeOptional(fields, message.index, (index) => fields.u64(index));
    },
    read: (reader) => ({
      kind: "readIndexReply",
      id: reader.u64(),
      index: readOptional(reader, () => readSlot(reader)),
    }),
  },
  fetch: {
    type: 29,
    write: (writer, message) => writer.fields.u64(message.from),
    read: (reader) => ({ kind: "fetch", from: readSlot(reader) }),
  },
  fetched: {
    type: 30,
    write: (writer, message) => {
      writer.fields.u64(message.from).u64(message.chosenIndex).u64(message.truncationFloor);
      writeList(writer, message.entries, (entry) => writeEntry(writer, entry));
    },
    read: (reader) => ({
      kind: "fetched",
      from: readSlot(reader),
      chosenIndex: readSlot(reader),
      truncationFloor: readSlot(reader),
      entries: readList(reader, () => readEntry(reader)),
    }),
  },
  handOver: {
    type: 31,
    write: (writer, message) => writeBallot(writer.fields, message.ballot),
    read: (reader) => ({ kind: "handOver", ballot: readBallot(reader) }),
  },
};
