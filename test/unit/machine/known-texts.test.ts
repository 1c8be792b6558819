import { describe, expect, it } from "vitest";
import { ByteReader, ByteWriter, MalformedError } from "../../../src/base/bytes.ts";
import { KnownTexts } from "../../../src/base/known-texts.ts";

const encoder = new TextEncoder();

/** Decodes, and counts how often it was asked to. */
class Counting {
  readonly #decoder = new TextDecoder();
  count = 0;

  readonly decode = (bytes: Uint8Array): string => {
    this.count += 1;
    return this.#decoder.decode(bytes);
  };
}

describe("known texts", () => {
  it("decode a text once, and never give one for another", () => {
    const texts = new KnownTexts();
    const counting = new Counting();
    const all = Array.from({ length: 200 }, (_, n) => `UPDATE t${n % 7} SET v = ?${n} WHERE k = ?`);
    for (let round = 0; round < 2; round += 1) {
      for (const text of all) {
        const twice = [0, 1].map(() => texts.text(encoder.encode(text), counting.decode));
        expect(twice).toEqual([text, text]);
      }
    }
    // Of two that share a place each replaces the other.
    expect(counting.count).toBeLessThan(2 * all.length);
  });

  it("keep what they were given, not the memory that it came in", () => {
    const texts = new KnownTexts();
    const { decode } = new Counting();
    const bytes = encoder.encode("SELECT 1");
    expect(texts.text(bytes, decode)).toBe("SELECT 1");
    bytes.set(encoder.encode("SELECT 2"));
    expect(texts.text(bytes, decode)).toBe("SELECT 2");
    expect(texts.text(encoder.encode("SELECT 1"), decode)).toBe("SELECT 1");
  });

  it("decode long texts each time", () => {
    const texts = new KnownTexts();
    const counting = new Counting();
    const long = encoder.encode("x".repeat(5000));
    for (let times = 0; times < 3; times += 1) texts.text(long, counting.decode);
    expect(counting.count).toBe(3);
  });

  it("refuse bytes that are no text as often as they come", () => {
    const bytes = new ByteWriter().bytes(Uint8Array.of(0x53, 0xff, 0xfe)).finish();
    for (let times = 0; times < 2; times += 1) {
      expect(() => new ByteReader(bytes).knownText()).toThrow(MalformedError);
    }
  });
});
