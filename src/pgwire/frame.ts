/**
 * Cuts the client's bytes into messages, however they arrive.
 *
 * | startup packet | length int32, itself included | body                |
 * | later messages | type, one byte                | length int32 | body |
 *
 * The length is checked before anything is allocated by it, and memory grows with the bytes that
 * arrived, not with the bytes announced.
 */
import { FatalError, protocolViolation } from "./fatal-error.ts";
import { SMALL_MESSAGE_BYTES_MAX } from "./limits.ts";

export interface Frame {
  /** The type's byte; 0 for a startup packet. */
  readonly type: number;
  /** Behind the length. May be a view of what the socket gave. */
  readonly body: Uint8Array;
}

/** Longest length that a message of this type may announce; throws FatalError for unknown types. */
export type LengthLimit = (type: number) => number;

const LENGTH_BYTES = 4;
const GROWTH_START_BYTES = 64 * 1024;

/** Bytes in (push), frames out (nextStartup, next). */
export class FrameReader {
  #chunks: Uint8Array[] = [];
  /** Read position in the first chunk. */
  #offset = 0;
  #waiting = 0;
  readonly #header = new Uint8Array(1 + LENGTH_BYTES);
  #headerLength = 0;
  #body: PartialBody | null = null;

  /** Bytes pushed that no frame has taken yet. */
  get waitingBytes(): number {
    return this.#waiting;
  }

  /** Whether a message of this type has begun to arrive and is the next one. */
  nextIs(type: number): boolean {
    return this.#headerLength === 0 && this.#chunks[0]?.[this.#offset] === type;
  }

  push(chunk: Uint8Array): void {
    if (chunk.length === 0) return;
    this.#chunks.push(chunk);
    this.#waiting += chunk.length;
  }

  /** The startup packet, or null until it is complete. Throws FatalError for an impossible length. */
  nextStartup(): Frame | null {
    return this.#next(0, (length) => {
      if (length < 2 * LENGTH_BYTES || length > SMALL_MESSAGE_BYTES_MAX) {
        throw protocolViolation("invalid length of startup packet");
      }
      return 0;
    });
  }

  /** The next message, or null until it is complete. Throws FatalError as `limitOf` and for lengths. */
  next(limitOf: LengthLimit): Frame | null {
    return this.#nextInOnePiece(limitOf) ?? this.#nextInParts(limitOf);
  }

  /** The next message where one chunk has all of it, as nearly always. */
  #nextInOnePiece(limitOf: LengthLimit): Frame | null {
    const chunk = this.#chunks[0];
    if (chunk === undefined || this.#body !== null || this.#headerLength > 0) return null;
    const at = this.#offset;
    const bodyAt = at + 1 + LENGTH_BYTES;
    if (chunk.length < bodyAt) return null;
    const type = chunk[at] ?? 0;
    const length = int32At(chunk, at + 1);
    checkLength(type, length, limitOf);
    const end = at + 1 + length;
    if (chunk.length < end) return null;
    this.#waiting -= end - at;
    if (end === chunk.length) {
      this.#chunks.shift();
      this.#offset = 0;
    } else {
      this.#offset = end;
    }
    return { type, body: length === LENGTH_BYTES ? EMPTY : chunk.subarray(bodyAt, end) };
  }

  #nextInParts(limitOf: LengthLimit): Frame | null {
    return this.#next(1, (length) => {
      const type = this.#header[0] ?? 0;
      checkLength(type, length, limitOf);
      return type;
    });
  }

  /** `check` is given the announced length once the header is there and returns the type. */
  #next(typeBytes: 0 | 1, check: (length: number) => number): Frame | null {
    if (this.#body === null) {
      if (!this.#fillHeader(typeBytes)) return null;
      const length = new DataView(this.#header.buffer).getInt32(typeBytes);
      const type = check(length);
      this.#body = new PartialBody(type, length - LENGTH_BYTES);
    }
    const body = this.#body;
    const whole = this.#takeView(body);
    if (whole === null && !this.#fillBody(body)) return null;
    this.#body = null;
    this.#headerLength = 0;
    return { type: body.type, body: whole ?? body.finish() };
  }

  #fillHeader(typeBytes: 0 | 1): boolean {
    const wanted = typeBytes + LENGTH_BYTES;
    while (this.#headerLength < wanted) {
      const part = this.#take(wanted - this.#headerLength);
      if (part === null) return false;
      this.#header.set(part, this.#headerLength);
      this.#headerLength += part.length;
    }
    return true;
  }

  /** The body without a copy, when one chunk has all of it. */
  #takeView(body: PartialBody): Uint8Array | null {
    const first = this.#chunks[0];
    if (body.length === 0) return new Uint8Array(0);
    if (body.received > 0 || first === undefined) return null;
    return first.length - this.#offset >= body.length ? this.#take(body.length) : null;
  }

  #fillBody(body: PartialBody): boolean {
    while (body.received < body.length) {
      const part = this.#take(body.length - body.received);
      if (part === null) return false;
      body.append(part);
    }
    return true;
  }

  /** Up to `count` bytes of the first chunk, as a view. */
  #take(count: number): Uint8Array | null {
    const first = this.#chunks[0];
    if (first === undefined) return null;
    const part = first.subarray(this.#offset, this.#offset + count);
    this.#offset += part.length;
    this.#waiting -= part.length;
    if (this.#offset === first.length) {
      this.#chunks.shift();
      this.#offset = 0;
    }
    return part;
  }
}

const EMPTY = new Uint8Array(0);

/** Throws FatalError for a type that nobody knows and for a length that it cannot have. */
function checkLength(type: number, length: number, limitOf: LengthLimit): void {
  const limit = limitOf(type);
  if (length < LENGTH_BYTES) throw protocolViolation("invalid message length");
  if (length > limit) {
    throw new FatalError("08P01", `message of ${length} bytes exceeds the limit of ${limit}`);
  }
}

/** Big endian and signed. */
function int32At(bytes: Uint8Array, at: number): number {
  const high = ((bytes[at] ?? 0) << 24) | ((bytes[at + 1] ?? 0) << 16);
  return high | ((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0);
}

/** A body that arrives in parts. */
class PartialBody {
  readonly type: number;
  readonly length: number;
  #bytes = new Uint8Array(0);
  #received = 0;

  constructor(type: number, length: number) {
    this.type = type;
    this.length = length;
  }

  get received(): number {
    return this.#received;
  }

  append(part: Uint8Array): void {
    const needed = this.#received + part.length;
    if (needed > this.#bytes.length) {
      const doubled = Math.max(needed, this.#bytes.length * 2, GROWTH_START_BYTES);
      const grown = new Uint8Array(Math.min(this.length, doubled));
      grown.set(this.#bytes.subarray(0, this.#received));
      this.#bytes = grown;
    }
    this.#bytes.set(part, this.#received);
    this.#received = needed;
  }

  finish(): Uint8Array {
    return this.#bytes;
  }
}
