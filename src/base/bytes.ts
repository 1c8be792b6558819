/**
 * Bounds-checked reading and growing writing of binary records. All integers are big endian.
 * 64-bit values that are positions or counters travel as `number` and must stay within 2^53;
 * int64 SQL values travel as `bigint`.
 */
import { AssertionError } from "./assert.ts";

/** Raised when bytes that came from a disk, peer or client do not have the expected form. */
export class MalformedError extends Error {
  override readonly name = "MalformedError";
}

const textDecoder = new TextDecoder("utf-8", { fatal: true });

const INITIAL_CAPACITY_BYTES = 64;
const SHARED_BYTES = 64 * 1024;
/** Of one UTF-16 unit. */
const UTF8_BYTES_MAX = 3;

/** One piece of memory, in the forms in which it is written. */
interface Memory {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly texts: Buffer;
  /** Writers have taken what is before. */
  taken: number;
}

function memoryOf(count: number): Memory {
  const texts = Buffer.allocUnsafeSlow(count);
  const { buffer } = texts;
  return { bytes: new Uint8Array(buffer), view: new DataView(buffer), texts, taken: 0 };
}

/** Writers begin in memory that they share: most write little, and memory of their own would cost more than that. */
let shared = memoryOf(SHARED_BYTES);

/** Appends values to a buffer that grows as needed. */
export class ByteWriter {
  #memory: Memory;
  #start: number;
  /** Where the next value goes. */
  #at: number;
  /** Up to here the memory is this writer's. */
  #limit: number;

  constructor(capacityBytes = INITIAL_CAPACITY_BYTES) {
    this.#memory = roomFor(capacityBytes);
    this.#start = this.#memory.taken;
    this.#at = this.#start;
    this.#limit = this.#start + capacityBytes;
    this.#memory.taken = this.#limit;
  }

  /** Bytes written so far. */
  get length(): number {
    return this.#at - this.#start;
  }

  u8(value: number): this {
    if (!Number.isInteger(value) || value < 0 || value > 0xff) outOfRange("u8", value);
    this.#reserve(1);
    this.#memory.view.setUint8(this.#at, value);
    this.#at += 1;
    return this;
  }

  u16(value: number): this {
    if (!Number.isInteger(value) || value < 0 || value > 0xffff) outOfRange("u16", value);
    this.#reserve(2);
    this.#memory.view.setUint16(this.#at, value);
    this.#at += 2;
    return this;
  }

  u32(value: number): this {
    if (!Number.isInteger(value) || value < 0 || value > 0xffffffff) outOfRange("u32", value);
    this.#reserve(4);
    this.#memory.view.setUint32(this.#at, value);
    this.#at += 4;
    return this;
  }

  /** A counter or position: 8 bytes on the wire, at most 2^53 - 1. */
  u64(value: number): this {
    if (!Number.isSafeInteger(value) || value < 0) outOfRange("u64", value);
    this.#reserve(8);
    this.#memory.view.setUint32(this.#at, Math.floor(value / 0x1_0000_0000));
    this.#memory.view.setUint32(this.#at + 4, value % 0x1_0000_0000);
    this.#at += 8;
    return this;
  }

  i64(value: bigint): this {
    this.#reserve(8);
    this.#memory.view.setBigInt64(this.#at, value);
    this.#at += 8;
    return this;
  }

  f64(value: number): this {
    this.#reserve(8);
    this.#memory.view.setFloat64(this.#at, value);
    this.#at += 8;
    return this;
  }

  /** Raw bytes without a length. */
  raw(bytes: Uint8Array): this {
    this.#reserve(bytes.length);
    this.#memory.bytes.set(bytes, this.#at);
    this.#at += bytes.length;
    return this;
  }

  /** Bytes behind their length (u32). */
  bytes(bytes: Uint8Array): this {
    return this.u32(bytes.length).raw(bytes);
  }

  /** UTF-8 text behind its length in bytes (u32). */
  text(value: string): this {
    this.#reserve(4 + value.length * UTF8_BYTES_MAX);
    const written = this.#memory.texts.write(value, this.#at + 4);
    this.#memory.view.setUint32(this.#at, written);
    this.#at += 4 + written;
    return this;
  }

  /** The bytes written so far; later writes do not change them. */
  finish(): Uint8Array {
    return this.#memory.bytes.slice(this.#start, this.#at);
  }

  #reserve(count: number): void {
    const end = this.#at + count;
    if (end > this.#limit) this.#grow(end - this.#start);
  }

  #grow(needed: number): void {
    const memory = this.#memory;
    const wanted = Math.max(needed, 2 * (this.#limit - this.#start));
    const isLast = memory.taken === this.#limit;
    if (isLast && this.#start + wanted <= memory.bytes.length) {
      this.#limit = this.#start + wanted;
      memory.taken = this.#limit;
      return;
    }
    const moved = roomFor(wanted);
    const start = moved.taken;
    moved.bytes.set(memory.bytes.subarray(this.#start, this.#at), start);
    this.#memory = moved;
    this.#at += start - this.#start;
    this.#start = start;
    this.#limit = start + wanted;
    moved.taken = this.#limit;
  }
}

/** Not `assert`: its message would be made for every value that is written. */
function outOfRange(what: string, value: number): never {
  throw new AssertionError(`${what} out of range: ${value}`);
}

/** Memory with room for so many bytes behind what is taken. */
function roomFor(count: number): Memory {
  if (count > SHARED_BYTES / 4) return memoryOf(count);
  if (shared.taken + count > SHARED_BYTES) shared = memoryOf(SHARED_BYTES);
  return shared;
}

/** Reads values in the order in which a ByteWriter wrote them; throws MalformedError past the end. */
export class ByteReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #offset = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Bytes not read yet. */
  get remaining(): number {
    return this.#bytes.length - this.#offset;
  }

  u8(): number {
    return this.#view.getUint8(this.#advance(1));
  }

  u16(): number {
    return this.#view.getUint16(this.#advance(2));
  }

  u32(): number {
    return this.#view.getUint32(this.#advance(4));
  }

  u64(): number {
    const at = this.#advance(8);
    const value = this.#view.getUint32(at) * 0x1_0000_0000 + this.#view.getUint32(at + 4);
    if (!Number.isSafeInteger(value)) throw new MalformedError("64-bit counter above 2^53");
    return value;
  }

  i64(): bigint {
    return this.#view.getBigInt64(this.#advance(8));
  }

  f64(): number {
    return this.#view.getFloat64(this.#advance(8));
  }

  /** A view (no copy) of the next `count` bytes. */
  raw(count: number): Uint8Array {
    const at = this.#advance(count);
    return this.#bytes.subarray(at, at + count);
  }

  /** A view (no copy) of bytes written with ByteWriter.bytes. */
  bytes(): Uint8Array {
    return this.raw(this.u32());
  }

  text(): string {
    const bytes = this.bytes();
    try {
      return textDecoder.decode(bytes);
    } catch (cause) {
      throw new MalformedError("text is not valid UTF-8", { cause });
    }
  }

  /** Throws MalformedError if bytes are left over. */
  end(): void {
    if (this.remaining > 0)
      throw new MalformedError(`${this.remaining} unexpected bytes at the end`);
  }

  #advance(count: number): number {
    if (count > this.remaining) {
      throw new MalformedError(`needs ${count} bytes, ${this.remaining} left`);
    }
    const at = this.#offset;
    this.#offset += count;
    return at;
  }
}
