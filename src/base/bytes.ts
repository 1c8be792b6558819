/**
 * Bounds-checked reading and growing writing of binary records. All integers are big endian.
 * 64-bit values that are positions or counters travel as `number` and must stay within 2^53;
 * int64 SQL values travel as `bigint`.
 */
import { assert } from "./assert.ts";

/** Raised when bytes that came from a disk, peer or client do not have the expected form. */
export class MalformedError extends Error {
  override readonly name = "MalformedError";
}

const textEncoder = new TextEncoder();
const textDecoder = new TextDecoder("utf-8", { fatal: true });

const INITIAL_CAPACITY_BYTES = 256;
/** Of one UTF-16 unit. */
const UTF8_BYTES_MAX = 3;

/** Appends values to a buffer that grows as needed. */
export class ByteWriter {
  #buffer: Uint8Array;
  #view: DataView;
  #length = 0;

  constructor(capacityBytes = INITIAL_CAPACITY_BYTES) {
    this.#buffer = new Uint8Array(capacityBytes);
    this.#view = new DataView(this.#buffer.buffer);
  }

  /** Bytes written so far. */
  get length(): number {
    return this.#length;
  }

  u8(value: number): this {
    assert(Number.isInteger(value) && value >= 0 && value <= 0xff, `u8 out of range: ${value}`);
    this.#reserve(1);
    this.#view.setUint8(this.#length, value);
    this.#length += 1;
    return this;
  }

  u16(value: number): this {
    assert(Number.isInteger(value) && value >= 0 && value <= 0xffff, `u16 out of range: ${value}`);
    this.#reserve(2);
    this.#view.setUint16(this.#length, value);
    this.#length += 2;
    return this;
  }

  u32(value: number): this {
    assert(
      Number.isInteger(value) && value >= 0 && value <= 0xffffffff,
      `u32 out of range: ${value}`,
    );
    this.#reserve(4);
    this.#view.setUint32(this.#length, value);
    this.#length += 4;
    return this;
  }

  /** A counter or position: 8 bytes on the wire, at most 2^53 - 1. */
  u64(value: number): this {
    assert(Number.isSafeInteger(value) && value >= 0, `u64 out of range: ${value}`);
    this.#reserve(8);
    this.#view.setUint32(this.#length, Math.floor(value / 0x1_0000_0000));
    this.#view.setUint32(this.#length + 4, value % 0x1_0000_0000);
    this.#length += 8;
    return this;
  }

  i64(value: bigint): this {
    this.#reserve(8);
    this.#view.setBigInt64(this.#length, value);
    this.#length += 8;
    return this;
  }

  f64(value: number): this {
    this.#reserve(8);
    this.#view.setFloat64(this.#length, value);
    this.#length += 8;
    return this;
  }

  /** Raw bytes without a length. */
  raw(bytes: Uint8Array): this {
    this.#reserve(bytes.length);
    this.#buffer.set(bytes, this.#length);
    this.#length += bytes.length;
    return this;
  }

  /** Bytes behind their length (u32). */
  bytes(bytes: Uint8Array): this {
    return this.u32(bytes.length).raw(bytes);
  }

  /** UTF-8 text behind its length in bytes (u32). */
  text(value: string): this {
    this.#reserve(4 + value.length * UTF8_BYTES_MAX);
    const at = this.#length + 4;
    const { written } = textEncoder.encodeInto(value, this.#buffer.subarray(at));
    this.#view.setUint32(this.#length, written);
    this.#length = at + written;
    return this;
  }

  /** The bytes written so far; later writes do not change them. */
  finish(): Uint8Array {
    return this.#buffer.slice(0, this.#length);
  }

  #reserve(count: number): void {
    const needed = this.#length + count;
    if (needed <= this.#buffer.length) return;
    const grown = new Uint8Array(Math.max(needed, this.#buffer.length * 2));
    grown.set(this.#buffer.subarray(0, this.#length));
    this.#buffer = grown;
    this.#view = new DataView(grown.buffer);
  }
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
