/** Fields that several messages share, to bytes and back. Reading throws MalformedError. */
import { type ByteReader, type ByteWriter, MalformedError } from "../../base/bytes.ts";
import { type Ballot, readBallot, writeBallot } from "../../paxos/ballot.ts";
import { type Entry, type NodeId, nodeId, type Slot, slot, type Value } from "../../paxos/types.ts";
import type { PartWriter } from "./part-writer.ts";

/** One message's bytes: its number on the wire, and its fields both ways. */
export interface Codec<Payload> {
  /** 16 to 255; never given to another message. */
  readonly type: number;
  write(writer: PartWriter, message: Payload): void;
  read(reader: ByteReader): Payload;
}

const VALUE_KINDS: readonly Value["kind"][] = ["noop", "batch", "membership"];

export function writeValue(writer: PartWriter, value: Value): void {
  writer.fields.u8(VALUE_KINDS.indexOf(value.kind));
  writer.payload(value.payload);
}

export function readValue(reader: ByteReader): Value {
  const kind = oneOf(VALUE_KINDS, reader.u8());
  const payload = reader.bytes();
  if (kind === "noop" && payload.length > 0) throw new MalformedError("a no-op with a payload");
  return { kind, payload };
}

export function writeEntry(writer: PartWriter, entry: Entry): void {
  writer.fields.u64(entry.slot);
  writeBallot(writer.fields, entry.ballot);
  writeValue(writer, entry.value);
}

export function readEntry(reader: ByteReader): Entry {
  return { slot: readSlot(reader), ballot: readBallot(reader), value: readValue(reader) };
}

export function readSlot(reader: ByteReader): Slot {
  return slot(reader.u64());
}

export function readNodeId(reader: ByteReader): NodeId {
  return nodeId(reader.u32());
}

export function writeFlag(writer: ByteWriter, flag: boolean): void {
  writer.u8(flag ? 1 : 0);
}

export function readFlag(reader: ByteReader): boolean {
  const value = reader.u8();
  if (value > 1) throw new MalformedError(`a flag is 0 or 1, not ${value}`);
  return value === 1;
}

/** Present or null: a flag, then the value if there is one. */
export function writeOptional<Item>(
  writer: ByteWriter,
  item: Item | null,
  write: (item: Item) => void,
): void {
  writeFlag(writer, item !== null);
  if (item !== null) write(item);
}

export function readOptional<Item>(reader: ByteReader, read: () => Item): Item | null {
  return readFlag(reader) ? read() : null;
}

export function writeOptionalBallot(writer: ByteWriter, ballot: Ballot | null): void {
  writeOptional(writer, ballot, (present) => writeBallot(writer, present));
}

export function readOptionalBallot(reader: ByteReader): Ballot | null {
  return readOptional(reader, () => readBallot(reader));
}

/** A list behind its length (u32). Every item has at least one byte, so the bytes bound the list. */
export function writeList<Item>(
  writer: PartWriter,
  items: readonly Item[],
  write: (item: Item) => void,
): void {
  writer.fields.u32(items.length);
  for (const item of items) write(item);
}

export function readList<Item>(reader: ByteReader, read: () => Item): Item[] {
  const count = reader.u32();
  if (count > reader.remaining) {
    throw new MalformedError(`a list of ${count} items in ${reader.remaining} bytes`);
  }
  const items: Item[] = [];
  for (let at = 0; at < count; at += 1) items.push(read());
  return items;
}

/** The name that stands for `index`. */
export function oneOf<Name extends string>(names: readonly Name[], index: number): Name {
  const name = names[index];
  if (name === undefined) throw new MalformedError(`unknown code ${index}`);
  return name;
}
