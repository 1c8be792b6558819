import { describe, expect, it } from "vitest";
import { RowEncoder } from "../../../src/pgwire/values.ts";
import { OID } from "../../../src/sql/types/oids.ts";
import { DEFAULT_TEXT_SETTINGS } from "../../../src/sql/types/pg-type.ts";

function column(typeOid: number, typeModifier = -1) {
  return { name: "c", typeOid, typeModifier, tableOid: 0, columnNumber: 0 };
}

describe("RowEncoder", () => {
  it("pads character(n) with blanks, counted in characters", () => {
    const encoder = new RowEncoder([column(OID.bpchar, 9)], ["text"], DEFAULT_TEXT_SETTINGS);
    expect(encoder.encode(["é🎉"])).toEqual(["é🎉   "]);
    expect(encoder.encode([null])).toEqual([null]);
  });

  it("prints values of types that nobody knows as text", () => {
    const encoder = new RowEncoder([column(999_999)], ["binary"], DEFAULT_TEXT_SETTINGS);
    expect(encoder.encode([7n]).map((value) => value?.toString())).toEqual(["55"]);
  });

  it("shows timestamps in the session's time zone", () => {
    const settings = { ...DEFAULT_TEXT_SETTINGS, timeZone: "Asia/Kolkata" };
    const encoder = new RowEncoder([column(OID.timestamptz)], ["text"], settings);
    expect(encoder.encode(["2024-01-01 00:00:00.500000"])).toEqual(["2024-01-01 05:30:00.5+05:30"]);
  });
});
