/** Randomness, handed in so that the simulator can replace it. */
import { randomBytes } from "node:crypto";

export interface Random {
  /** Uniform integer in [0, 2^32). */
  u32(): number;
  /** Uniform integer in [0, bound); bound from 1 to 2^32. */
  below(bound: number): number;
  /** `count` random bytes. */
  bytes(count: number): Uint8Array;
}

/** Deterministic generator (sfc32, Chris Doty-Humphrey's PractRand): same seed, same sequence. Not for secrets. */
export class SeededRandom implements Random {
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  /** `seed` is any 32-bit integer; `stream` tells apart generators of one seed. */
  constructor(seed: number, stream = 0) {
    this.#a = seed >>> 0;
    this.#b = stream >>> 0;
    this.#c = 0x9e3779b9;
    for (let round = 0; round < 12; round += 1) this.u32();
  }

  u32(): number {
    const sum = (this.#a + this.#b + this.#counter) >>> 0;
    this.#counter = (this.#counter + 1) >>> 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) >>> 0;
    this.#c = ((this.#c << 21) | (this.#c >>> 11)) >>> 0;
    this.#c = (this.#c + sum) >>> 0;
    return sum;
  }

  below(bound: number): number {
    return Math.floor((this.u32() / 0x1_0000_0000) * bound);
  }

  bytes(count: number): Uint8Array {
    const bytes = new Uint8Array(count);
    for (let at = 0; at < count; at += 1) bytes[at] = this.u32() & 0xff;
    return bytes;
  }
}

const POOL_BYTES = 4096;

/** The operating system's generator; fit for secrets. Each call of it costs, so that many bytes are fetched at once. */
class SystemRandom implements Random {
  #pool = Buffer.alloc(0);
  #used = 0;

  u32(): number {
    return this.#take(4).readUInt32BE();
  }

  below(bound: number): number {
    return Math.floor((this.u32() / 0x1_0000_0000) * bound);
  }

  bytes(count: number): Uint8Array {
    return new Uint8Array(count > POOL_BYTES ? randomBytes(count) : this.#take(count));
  }

  /** A view that is given to nobody else. */
  #take(count: number): Buffer {
    if (this.#used + count > this.#pool.length) {
      this.#pool = randomBytes(POOL_BYTES);
      this.#used = 0;
    }
    this.#used += count;
    return this.#pool.subarray(this.#used - count, this.#used);
  }
}

export const systemRandom: Random = new SystemRandom();
