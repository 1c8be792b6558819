/**
 * PostgreSQL's hash of texts, to the bit: Bob Jenkins' lookup3 over the UTF-8 bytes. Clients make
 * the keys of advisory locks with it and may compare them with keys that PostgreSQL made.
 */
import { type LibraryEntry, strict } from "./signature.ts";

const BLOCK_BYTES = 12;
const GOLDEN_RATIO = 0x9e37_79b9;
/** What PostgreSQL adds to the start besides the length. */
const START = 3_923_095;

/** The three words that everything is mixed into; each is kept as a 32-bit integer. */
type Words = [a: number, b: number, c: number];

/** The signs and distances of lookup3's two mixers; `which` names a word: 0 a, 1 b, 2 c. */
const MIX = [
  [0, 2, 1, 4],
  [1, 0, 2, 6],
  [2, 1, 0, 8],
  [0, 2, 1, 16],
  [1, 0, 2, 19],
  [2, 1, 0, 4],
] as const;
const FINISH = [
  [2, 1, 14],
  [0, 2, 11],
  [1, 0, 25],
  [2, 1, 16],
  [0, 2, 4],
  [1, 0, 14],
  [2, 1, 24],
] as const;

function rotated(word: number, distance: number): number {
  return (word << distance) | (word >>> (32 - distance));
}

function mix(words: Words): void {
  for (const [target, source, other, distance] of MIX) {
    words[target] = ((words[target] - words[source]) ^ rotated(words[source], distance)) | 0;
    words[source] = (words[source] + words[other]) | 0;
  }
}

function finish(words: Words): void {
  for (const [target, source, distance] of FINISH) {
    words[target] = ((words[target] ^ words[source]) - rotated(words[source], distance)) | 0;
  }
}

function hashed(text: string, seed: bigint): Words {
  const bytes = Buffer.from(text, "utf8");
  const start = (GOLDEN_RATIO + bytes.length + START) | 0;
  const words: Words = [start, start, start];
  if (seed !== 0n) {
    words[0] = (words[0] + Number(BigInt.asIntN(32, seed >> 32n))) | 0;
    words[1] = (words[1] + Number(BigInt.asIntN(32, seed))) | 0;
    mix(words);
  }
  const blocks = bytes.length - (bytes.length % BLOCK_BYTES);
  for (let at = 0; at < blocks; at += BLOCK_BYTES) {
    addWords(words, bytes.subarray(at, at + BLOCK_BYTES));
    mix(words);
  }
  // The third word's lowest byte is left out: its place is the length's.
  const rest = bytes.subarray(blocks);
  const padded = Buffer.alloc(BLOCK_BYTES);
  padded.set(rest.subarray(0, 8));
  padded.set(rest.subarray(8), 9);
  addWords(words, padded);
  finish(words);
  return words;
}

function addWords(words: Words, block: Uint8Array): void {
  const view = new DataView(block.buffer, block.byteOffset, BLOCK_BYTES);
  for (const which of [0, 1, 2] as const) {
    words[which] = (words[which] + view.getInt32(which * 4, true)) | 0;
  }
}

function hashtext(text: string): bigint {
  return BigInt(hashed(text, 0n)[2]);
}

function hashtextextended(text: string, seed: bigint): bigint {
  const [, high, low] = hashed(text, seed);
  return (BigInt(high) << 32n) | BigInt.asUintN(32, BigInt(low));
}

export const hashFunctions: readonly LibraryEntry[] = [
  strict("hashtext(text) int4", hashtext),
  strict("hashtextextended(text, int8) int8", hashtextextended),
];
