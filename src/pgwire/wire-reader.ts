import { SqlError } from "../sql/errors.ts";
import { decodeText } from "../sql/types/conversion.ts";

/**
 * Reads the fields of one message; throws 08P01 past the end. Integers are big endian and signed,
 * as the protocol has them.
 */
export class WireReader {
  readonly #bytes: Uint8Array;
  #offset = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get remaining(): number {
    return this.#bytes.length - this.#offset;
  }

  byte(): number {
    return this.#at(this.#advance(1));
  }

  int16(): number {
    return (this.#uint16() << 16) >> 16;
  }

  int32(): number {
    const at = this.#advance(4);
    return (
      (this.#at(at) << 24) | (this.#at(at + 1) << 16) | (this.#at(at + 2) << 8) | this.#at(at + 3)
    );
  }

  uint32(): number {
    return this.int32() >>> 0;
  }

  /** A view of the next `count` bytes. */
  bytes(count: number): Uint8Array {
    const at = this.#advance(count);
    return this.#bytes.subarray(at, at + count);
  }

  /** Text up to a zero byte, which is not part of it. Throws 22021 for what is not UTF-8. */
  text(): string {
    const end = this.#bytes.indexOf(0, this.#offset);
    if (end < 0) throw new SqlError("08P01", "invalid string in message");
    const at = this.#advance(end - this.#offset + 1);
    return at === end ? "" : decodeText(this.#bytes.subarray(at, end));
  }

  /**
   * A list behind its count. `itemBytesMin` is what each item takes at least: the count is checked
   * against the bytes that are left before anything is made of it.
   */
  list<Item>(itemBytesMin: number, readItem: () => Item): readonly Item[] {
    const count = this.#uint16();
    if (count * itemBytesMin > this.remaining) throw insufficientData();
    const items: Item[] = [];
    for (let left = count; left > 0; left -= 1) items.push(readItem());
    return items;
  }

  /** Throws 08P01 if bytes are left over. */
  end(): void {
    if (this.remaining > 0) throw new SqlError("08P01", "invalid message format");
  }

  #uint16(): number {
    const at = this.#advance(2);
    return (this.#at(at) << 8) | this.#at(at + 1);
  }

  #at(at: number): number {
    return this.#bytes[at] ?? 0;
  }

  #advance(count: number): number {
    if (count > this.remaining) throw insufficientData();
    const at = this.#offset;
    this.#offset += count;
    return at;
  }
}

function insufficientData(): SqlError {
  return new SqlError("08P01", "insufficient data left in message");
}
