/**
 * Texts that come again and again as bytes: the statements of applications are few. One that was decoded
 * before is found by comparing bytes, and is the same string, whose hash is known wherever it is looked up.
 */

/** Longer ones are decoded each time. */
const LENGTH_MAX = 1024;

/** Texts that are remembered; each has one place, where it replaces what was there. */
const PLACES = 512;

interface Known {
  readonly bytes: Uint8Array;
  readonly text: string;
}

export class KnownTexts {
  readonly #places: (Known | undefined)[] = [];

  constructor() {
    for (let place = 0; place < PLACES; place += 1) this.#places.push(undefined);
  }

  /** What `decode` makes of the bytes, which it is asked for the first time. What it throws. */
  text(bytes: Uint8Array, decode: (bytes: Uint8Array) => string): string {
    if (bytes.length > LENGTH_MAX) return decode(bytes);
    const place = placeOf(bytes);
    const known = this.#places[place];
    if (known !== undefined && isSame(known.bytes, bytes)) return known.text;
    const text = decode(bytes);
    this.#places[place] = { bytes: bytes.slice(), text };
    return text;
  }
}

function placeOf(bytes: Uint8Array): number {
  let hash = 0;
  for (let at = 0; at < bytes.length; at += 1) hash = (hash * 31 + (bytes[at] ?? 0)) | 0;
  return (hash >>> 0) % PLACES;
}

function isSame(left: Uint8Array, right: Uint8Array): boolean {
  return left.length === right.length && Buffer.compare(left, right) === 0;
}
