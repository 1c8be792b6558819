/** Properties over random values: no conversion changes a value, and no input ends in a fault. */
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { SqlError } from "../../../../src/sql/errors.ts";
import { decodeArray, encodeArray } from "../../../../src/sql/types/array-storage.ts";
import { DEFAULT_TEXT_SETTINGS, type PgType } from "../../../../src/sql/types/pg-type.ts";
import { allTypes, typeByName } from "../../../../src/sql/types/registry.ts";
import type { SqliteValue } from "../../../../src/sql/values.ts";

function find(name: string): PgType {
  const type = typeByName(name);
  if (type === undefined) throw new Error(`no type ${name}`);
  return type;
}

const signed = (bits: bigint): fc.Arbitrary<SqliteValue> =>
  fc.bigInt({ min: -(1n << (bits - 1n)), max: (1n << (bits - 1n)) - 1n });

const moments = fc
  .date({ min: new Date("0001-01-02"), max: new Date("9999-12-30"), noInvalidDate: true })
  .chain((date) =>
    fc.integer({ min: 0, max: 999 }).map((micros) => {
      const text = date.toISOString().replace("T", " ").slice(0, -1);
      return text + micros.toString().padStart(3, "0");
    }),
  );

const plainText = fc.string({ unit: "grapheme" }).map((text) => text.replaceAll("\0", ""));

const storedValues: Readonly<Record<string, fc.Arbitrary<SqliteValue>>> = {
  bool: fc.boolean().map((value) => (value ? 1n : 0n)),
  int2: signed(16n),
  int4: signed(32n),
  int8: signed(64n),
  oid: fc.bigInt({ min: 0n, max: (1n << 32n) - 1n }),
  float4: fc.float({ noNaN: true }),
  float8: fc.double({ noNaN: true }),
  numeric: fc
    .tuple(fc.bigInt({ min: -(10n ** 40n), max: 10n ** 40n }), fc.integer({ min: 0, max: 30 }))
    .map(([digits, scale]) => find("numeric").fromText(`${digits}e-${scale}`, -1)),
  text: plainText,
  bytea: fc.uint8Array(),
  date: moments.map((moment) => moment.slice(0, 10)),
  time: moments.map((moment) => moment.slice(11)),
  timestamp: moments,
  timestamptz: moments,
  interval: fc
    .tuple(fc.maxSafeInteger(), fc.integer(), fc.integer())
    .map(([micros, days, months]) => {
      const bytes = new DataView(new ArrayBuffer(16));
      bytes.setBigInt64(0, BigInt(micros));
      bytes.setInt32(8, days);
      bytes.setInt32(12, months);
      return find("interval").fromBinary(new Uint8Array(bytes.buffer), -1);
    }),
  uuid: fc.uuid(),
  jsonb: fc.json().map((json) => find("jsonb").fromText(json, -1)),
};

describe.each(Object.entries(storedValues))("%s", (name, values) => {
  const type = find(name);

  it("survives text and binary and both agree", () => {
    fc.assert(
      fc.property(values, (value) => {
        const text = type.toText(value, DEFAULT_TEXT_SETTINGS);
        expect(type.fromText(text, -1)).toEqual(value);
        const binary = type.toBinary(value, DEFAULT_TEXT_SETTINGS);
        expect(type.fromBinary(binary, -1)).toEqual(value);
      }),
      { numRuns: 200 },
    );
  });

  it("survives in an array, NULLs between, in text and in binary", () => {
    const array = find(`_${name}`);
    fc.assert(
      fc.property(fc.array(fc.option(values), { maxLength: 5 }), (items) => {
        const stored = encodeArray(
          items.map((item) =>
            item instanceof Uint8Array ? `\\x${Buffer.from(item).toString("hex")}` : item,
          ),
        );
        const text = array.toText(stored, DEFAULT_TEXT_SETTINGS);
        expect(array.fromText(text, -1)).toBe(stored);
        const binary = array.toBinary(stored, DEFAULT_TEXT_SETTINGS);
        expect(array.fromBinary(binary, -1)).toBe(stored);
      }),
      { numRuns: 50 },
    );
  });

  it("reads a view with a byte offset as it reads the bytes alone", () => {
    fc.assert(
      fc.property(values, (value) => {
        const binary = type.toBinary(value, DEFAULT_TEXT_SETTINGS);
        const wider = new Uint8Array(binary.length + 7).fill(0xee);
        wider.set(binary, 3);
        const view = wider.subarray(3, 3 + binary.length);
        expect(type.fromBinary(view, -1)).toEqual(value);
      }),
      { numRuns: 20 },
    );
  });
});

describe("arrays in storage", () => {
  it("keep integers beyond 2^53, reals with a point, and nesting", () => {
    const json = encodeArray([
      [9007199254740993n, null],
      [1.0, -0],
      ['a"b', Number.NEGATIVE_INFINITY],
    ]);
    expect(json).toBe('[[9007199254740993,null],[1.0,-0.0],["a\\"b",-9.0e+999]]');
    expect(encodeArray(decodeArray(json))).toBe(json);
  });
});

/** What came out instead of a value or an SqlError; null: nothing. */
function faultOf(convert: () => SqliteValue, type: PgType): unknown {
  try {
    type.toText(convert(), DEFAULT_TEXT_SETTINGS);
    return null;
  } catch (error) {
    return error instanceof SqlError ? null : error;
  }
}

describe("any type", () => {
  it("garbage as text or as bytes is refused with an SQLSTATE or taken, never a fault", () => {
    const inputs = fc.oneof(fc.string(), fc.string({ unit: "binary" }), fc.json(), moments);
    fc.assert(
      fc.property(fc.constantFrom(...allTypes), inputs, fc.uint8Array(), (type, text, bytes) => {
        const conversions = [() => type.fromText(text, -1), () => type.fromBinary(bytes, -1)];
        expect(conversions.map((convert) => faultOf(convert, type))).toEqual([null, null]);
      }),
      { numRuns: 3000 },
    );
  });

  it.each(allTypes.map((type) => [type.name, type] as const))(
    "%s takes a megabyte of blanks and an x in linear time",
    (_name, type) => {
      const started = performance.now();
      try {
        type.fromText(`${" ".repeat(1_000_000)}x`, 9);
      } catch (error) {
        if (!(error instanceof SqlError)) throw error;
      }
      expect(performance.now() - started).toBeLessThan(5000);
    },
  );

  it("a binary array that announces more elements than bytes is refused before it allocates", () => {
    const bytes = new Uint8Array(20);
    const view = new DataView(bytes.buffer);
    view.setInt32(0, 1);
    view.setUint32(8, 23);
    view.setInt32(12, 0x7fff_ffff);
    view.setInt32(16, 1);
    expect(() => find("_int4").fromBinary(bytes, -1)).toThrow("insufficient data left in message");
  });
});
