/**
 * The running digest: what a file went through, in 64 bits. Each step is one-to-one in the state, so
 * two files that once differed keep differing. It finds replicas that went apart by a fault; it is
 * no protection against somebody who chooses the commands, and needs none: all replicas get the same.
 */
import { ByteWriter } from "../base/bytes.ts";
import { crc32 } from "../base/checksum.ts";
import { writeValue } from "./command.ts";
import type { Outcome } from "./state-machine.ts";

export interface DigestState {
  readonly high: number;
  readonly low: number;
}

export const EMPTY_DIGEST: DigestState = { high: 0, low: 0 };

/** The state after one more 32-bit word. */
export function addWord(state: DigestState, word: number): DigestState {
  const low = Math.imul(rotate(state.low ^ word, 15), 0x9e3779b1) >>> 0;
  const high = Math.imul(rotate(state.high + low, 13), 0x85ebca77) >>> 0;
  return { high, low };
}

/** The state after one more command at `position` had `outcome`; `remembered` is its kept form. */
export function addCommand(
  state: DigestState,
  position: number,
  command: Uint8Array,
  outcome: { readonly outcome: Outcome; readonly remembered: string },
): DigestState {
  let next = addWord(state, position >>> 0);
  next = addWord(next, crc32(command));
  next = addWord(next, crcOfText(outcome.remembered));
  if (outcome.outcome.kind !== "done") return next;
  for (const { rows } of outcome.outcome.results) {
    if (rows !== null) next = addWord(next, crcOfRows(rows));
  }
  return next;
}

/** 16 hexadecimal digits. */
export function digestText({ high, low }: DigestState): string {
  return hex(high) + hex(low);
}

/** The inverse of digestText. */
export function parseDigest(text: string): DigestState {
  return { high: Number.parseInt(text.slice(0, 8), 16), low: Number.parseInt(text.slice(8), 16) };
}

/** Nearly every outcome is one row changed: its checksum is not computed again. */
const ONE_ROW = "[1]";
const textEncoder = new TextEncoder();
const CRC_OF_ONE_ROW = crc32(textEncoder.encode(ONE_ROW));

function crcOfText(text: string): number {
  return text === ONE_ROW ? CRC_OF_ONE_ROW : crc32(textEncoder.encode(text));
}

function crcOfRows(rows: readonly (readonly Parameters<typeof writeValue>[1][])[]): number {
  const writer = new ByteWriter().u32(rows.length);
  for (const row of rows) {
    for (const value of row) writeValue(writer, value);
  }
  return crc32(writer.finish());
}

function rotate(word: number, bits: number): number {
  return (word << bits) | (word >>> (32 - bits));
}

function hex(word: number): string {
  return word.toString(16).padStart(8, "0");
}
