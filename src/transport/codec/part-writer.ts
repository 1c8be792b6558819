import { ByteWriter } from "../../base/bytes.ts";

/** Shorter payloads are copied: a part of its own costs more than the copy. */
const COPY_BELOW_BYTES = 2048;

/**
 * Writes a frame's body as a list of parts: fields are gathered, large payloads are referred to and
 * not copied, so an entry's bytes go from the proposer's buffer to every peer's socket as they are.
 */
export class PartWriter {
  readonly #parts: Uint8Array[] = [];
  #fields = new ByteWriter();

  /** Where fields (everything but payloads) are written. */
  get fields(): ByteWriter {
    return this.#fields;
  }

  /** Bytes behind their length (u32), as ByteReader.bytes reads them. They must not change afterwards. */
  payload(bytes: Uint8Array): void {
    if (bytes.length < COPY_BELOW_BYTES) {
      this.#fields.bytes(bytes);
      return;
    }
    this.#fields.u32(bytes.length);
    this.#parts.push(this.#fields.finish(), bytes);
    this.#fields = new ByteWriter();
  }

  finish(): readonly Uint8Array[] {
    if (this.#fields.length > 0) this.#parts.push(this.#fields.finish());
    return this.#parts;
  }
}
