import { assert } from "../base/assert.ts";

export const SEED_BYTES = 16;

const WARM_UP_ROUNDS = 15;

/**
 * The generator behind random(), randomblob() and gen_random_uuid() in replicated statements: sfc32
 * (Chris Doty-Humphrey's PractRand) over all 128 bits of a command's seed. Not for secrets: the seed
 * is in the log.
 */
export class SeedRandom {
  #a: number;
  #b: number;
  #c: number;
  #counter: number;

  constructor(seed: Uint8Array) {
    assert(seed.length === SEED_BYTES, `a seed has ${SEED_BYTES} bytes`);
    const view = new DataView(seed.buffer, seed.byteOffset, seed.byteLength);
    this.#a = view.getUint32(0);
    this.#b = view.getUint32(4);
    this.#c = view.getUint32(8);
    this.#counter = view.getUint32(12);
    for (let round = 0; round < WARM_UP_ROUNDS; round += 1) this.u32();
  }

  /** Uniform integer in [0, 2^32). */
  u32(): number {
    const sum = (this.#a + this.#b + this.#counter) >>> 0;
    this.#counter = (this.#counter + 1) >>> 0;
    this.#a = (this.#b ^ (this.#b >>> 9)) >>> 0;
    this.#b = (this.#c + (this.#c << 3)) >>> 0;
    this.#c = ((this.#c << 21) | (this.#c >>> 11)) >>> 0;
    this.#c = (this.#c + sum) >>> 0;
    return sum;
  }
}

/** The seed of statement `index` of a transaction whose seed is `seed`. */
export function statementSeed(seed: Uint8Array, index: number): Uint8Array {
  const own = seed.slice();
  const view = new DataView(own.buffer, own.byteOffset, SEED_BYTES);
  view.setUint32(0, (view.getUint32(0) ^ Math.imul(index + 1, 0x9e3779b1)) >>> 0);
  view.setUint32(12, (view.getUint32(12) + index + 1) >>> 0);
  return own;
}
