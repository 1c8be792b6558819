/**
 * Frames: how messages are cut out of the byte stream between two nodes.
 *
 * | offset | bytes | what |
 * | 0      | 4     | length of the body |
 * | 4      | 1     | type (codec/message-codec.ts, hello.ts) |
 * | 5      | 2     | group: which Paxos group it is for; 0 for now |
 * | 7      | 4     | CRC-32 over type, group and body |
 * | 11     | n     | body |
 *
 * The length is checked against the bound of the connection's state before anything is allocated
 * for it. TCP's own checksum is weak, so each frame carries one; a frame that fails it ends the
 * connection, because nothing after it can be trusted to start at a frame's beginning.
 */
import { MalformedError } from "../base/bytes.ts";
import { crc32 } from "../base/checksum.ts";

export const FRAME_HEADER_BYTES = 11;

const CHECKED_FROM = 4;
const CRC_OFFSET = 7;

/** A frame that came in. `body` stays valid: it is not overwritten by later frames. */
export interface Frame {
  readonly type: number;
  readonly group: number;
  readonly body: Uint8Array;
}

/** A frame ready to be written: its bytes in parts, so that payloads need not be copied. */
export interface EncodedFrame {
  readonly parts: readonly Uint8Array[];
  /** Sum over the parts. */
  readonly bytes: number;
}

/** Puts the header before a body that is given in parts. The parts must not change afterwards. */
export function encodeFrame(type: number, bodyParts: readonly Uint8Array[]): EncodedFrame {
  let bodyBytes = 0;
  for (const part of bodyParts) bodyBytes += part.length;
  const header = new Uint8Array(FRAME_HEADER_BYTES);
  const view = new DataView(header.buffer);
  view.setUint32(0, bodyBytes);
  view.setUint8(4, type);
  view.setUint16(5, 0);
  let crc = crc32(header.subarray(CHECKED_FROM, CRC_OFFSET));
  for (const part of bodyParts) crc = crc32(part, crc);
  view.setUint32(CRC_OFFSET, crc);
  return { parts: [header, ...bodyParts], bytes: FRAME_HEADER_BYTES + bodyBytes };
}

/** Cuts frames out of a byte stream that arrives in pieces of any size, down to single bytes. */
export class FrameDecoder {
  #bodyBytesMax: number;
  readonly #header = new Uint8Array(FRAME_HEADER_BYTES);
  #headerFilled = 0;
  /** Where the body is collected when it does not lie in one piece; null while none is under way. */
  #body: Uint8Array | null = null;
  #bodyFilled = 0;

  /** `bodyBytesMax`: the longest body that is allowed now. */
  constructor(bodyBytesMax: number) {
    this.#bodyBytesMax = bodyBytesMax;
  }

  /** Allows bodies up to another bound from the next header on. */
  allow(bodyBytesMax: number): void {
    this.#bodyBytesMax = bodyBytesMax;
  }

  /** Whether the bytes so far end inside a frame. */
  get inFrame(): boolean {
    return this.#headerFilled > 0;
  }

  /**
   * The frames that are complete with `received`. Throws MalformedError on a length above the bound or
   * a wrong checksum; the stream is unusable then. Lazy, so that the bound may be raised by what the
   * caller does with one frame before the next one is looked at.
   */
  *push(received: Uint8Array): Generator<Frame, void, undefined> {
    // Sockets hand out Buffers, whose slice shares memory where a Uint8Array's copies.
    const chunk = new Uint8Array(received.buffer, received.byteOffset, received.byteLength);
    let at = 0;
    while (at < chunk.length) {
      if (this.#headerFilled < FRAME_HEADER_BYTES) {
        at += this.#takeHeader(chunk.subarray(at));
        if (this.#headerFilled < FRAME_HEADER_BYTES) return;
      }
      const bodyBytes = this.#bodyLength();
      if (this.#body === null && chunk.length - at >= bodyBytes) {
        const body = chunk.subarray(at, at + bodyBytes);
        at += bodyBytes;
        yield this.#finish(body);
        continue;
      }
      at += this.#takeBody(chunk.subarray(at), bodyBytes);
      if (this.#body === null || this.#bodyFilled < bodyBytes) return;
      yield this.#finish(this.#body);
    }
  }

  #bodyLength(): number {
    return new DataView(this.#header.buffer).getUint32(0);
  }

  #takeHeader(bytes: Uint8Array): number {
    const count = Math.min(bytes.length, FRAME_HEADER_BYTES - this.#headerFilled);
    this.#header.set(bytes.subarray(0, count), this.#headerFilled);
    this.#headerFilled += count;
    if (this.#headerFilled === FRAME_HEADER_BYTES && this.#bodyLength() > this.#bodyBytesMax) {
      throw new MalformedError(
        `frame of ${this.#bodyLength()} bytes, at most ${this.#bodyBytesMax} are allowed`,
      );
    }
    return count;
  }

  #takeBody(bytes: Uint8Array, bodyBytes: number): number {
    this.#body ??= new Uint8Array(bodyBytes);
    const count = Math.min(bytes.length, bodyBytes - this.#bodyFilled);
    this.#body.set(bytes.subarray(0, count), this.#bodyFilled);
    this.#bodyFilled += count;
    return count;
  }

  #finish(body: Uint8Array): Frame {
    const view = new DataView(this.#header.buffer);
    const crc = crc32(body, crc32(this.#header.subarray(CHECKED_FROM, CRC_OFFSET)));
    if (crc !== view.getUint32(CRC_OFFSET)) throw new MalformedError("frame checksum is wrong");
    const frame = { type: view.getUint8(4), group: view.getUint16(5), body };
    this.#headerFilled = 0;
    this.#body = null;
    this.#bodyFilled = 0;
    if (frame.group !== 0) throw new MalformedError(`frame for unknown group ${frame.group}`);
    return frame;
  }
}
