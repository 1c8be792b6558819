import { crc32 as zlibCrc32 } from "node:zlib";

/** CRC-32 (IEEE 802.3) of `bytes`; pass the previous result as `seed` to continue over several parts. */
export function crc32(bytes: Uint8Array, seed = 0): number {
  return zlibCrc32(bytes, seed);
}
