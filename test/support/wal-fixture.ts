/** Opens logs on a faulty disk and makes records that tell where they came from. */
import { SeededRandom } from "../../src/base/random.ts";
import { Wal, type WalOptions, type WalRecord, type WalRecovery } from "../../wal/wal.ts";
import type { FaultyDisk } from "./faulty-files.ts";

export const WAL_DIRECTORY = "/node/wal";
const SMALL_SEGMENT_BYTES = 4096;

let salts = 0;

/** Small segments, no seals by time; each open draws other salts. */
export function openWal(
  disk: FaultyDisk,
  options: Partial<WalOptions> = {},
): Promise<{ wal: Wal; recovery: WalRecovery }> {
  salts += 1;
  return Wal.open({
    files: disk.files,
    directory: WAL_DIRECTORY,
    segmentBytes: SMALL_SEGMENT_BYTES,
    random: new SeededRandom(salts),
    sealAfterMs: null,
    ...options,
  });
}

/** A record whose payload is derived from its slot, so that a mix-up shows. */
export function recordOf(slot: number, payloadBytes = 20): WalRecord {
  const payload = new Uint8Array(payloadBytes);
  for (let at = 0; at < payloadBytes; at += 1) payload[at] = (slot * 31 + at * 7) & 0xff;
  return { type: 1 + (slot % 5), group: 0, slot, ballotRound: slot * 3, ballotNode: 2, payload };
}

const made = new Map<string, WalRecord>();

/** Whether `record` is exactly what recordOf made for its slot. */
export function isGenuine(record: WalRecord): boolean {
  const key = `${record.slot}/${record.payload.length}`;
  const expected = made.get(key) ?? recordOf(record.slot, record.payload.length);
  made.set(key, expected);
  return (
    record.type === expected.type &&
    record.ballotRound === expected.ballotRound &&
    record.ballotNode === expected.ballotNode &&
    Buffer.compare(record.payload, expected.payload) === 0
  );
}

export function slotsOf(records: readonly { readonly slot: number }[]): number[] {
  return records.map((record) => record.slot);
}

export function range(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, index) => from + index);
}

/** The path of a segment's file. */
export function walPath(number: number): string {
  return `${WAL_DIRECTORY}/${String(number).padStart(16, "0")}.wal`;
}
