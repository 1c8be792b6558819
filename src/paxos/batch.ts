/**
 * The payload of a batch: u64 timestamp in microseconds since 1970, u16 count, then each command
 * behind its length (u32). The core does not look into commands.
 */
import { ByteReader, ByteWriter } from "../base/bytes.ts";

export interface Batch {
  /**
   * Stamped by the leader above every stamp that it knows of. A batch that a later leader brings back
   * may carry an older one than its neighbours: the state machine takes the maximum (faults rule 17).
   */
  readonly timestampMicros: number;
  readonly commands: readonly Uint8Array[];
}

const HEADER_BYTES = 10;
const COMMAND_HEADER_BYTES = 4;

export function encodeBatch(batch: Batch): Uint8Array {
  const bytes = batch.commands.reduce((sum, command) => sum + batchBytesOf(command), HEADER_BYTES);
  const writer = new ByteWriter(bytes).u64(batch.timestampMicros).u16(batch.commands.length);
  for (const command of batch.commands) writer.bytes(command);
  return writer.finish();
}

/** Throws MalformedError on bytes that encodeBatch did not write. */
export function decodeBatch(payload: Uint8Array): Batch {
  const reader = new ByteReader(payload);
  const timestampMicros = reader.u64();
  const commands: Uint8Array[] = [];
  for (let left = reader.u16(); left > 0; left -= 1) commands.push(reader.bytes());
  reader.end();
  return { timestampMicros, commands };
}

/** What a command adds to the size of a batch, in bytes. */
export function batchBytesOf(command: Uint8Array): number {
  return COMMAND_HEADER_BYTES + command.length;
}

export function timestampOf(payload: Uint8Array): number {
  return new ByteReader(payload).u64();
}
