import { describe, expect, it } from "vitest";
import { allTypes, typeByName, typeByOid } from "../../../../src/sql/types/registry.ts";

describe("typeByName", () => {
  it.each([
    ["int", "int4"],
    ["integer", "int4"],
    ["INT8", "int8"],
    ["bigint", "int8"],
    ["smallint", "int2"],
    ["decimal", "numeric"],
    ["real", "float4"],
    ["float", "float8"],
    ["double  precision", "float8"],
    ["boolean", "bool"],
    ["character varying", "varchar"],
    ["character", "bpchar"],
    ["char", "char"],
    ['"char"', "char"],
    ["timestamp", "timestamp"],
    ["timestamp without time zone", "timestamp"],
    ["timestamp with time zone", "timestamptz"],
    ["time with time zone", "timetz"],
    ["_int4", "_int4"],
    ["integer[]", "_int4"],
    ["text[][]", "_text"],
    ["pg_catalog.int4", "int4"],
  ])("%s is %s", (spelling, name) => {
    expect(typeByName(spelling)?.name).toBe(name);
  });

  it("an unknown name has no type", () => {
    expect(typeByName("geometry")).toBeUndefined();
    expect(typeByName("geometry[]")).toBeUndefined();
  });
});

describe("allTypes", () => {
  it("every OID is there once and finds its type", () => {
    expect(new Set(allTypes.map((type) => type.oid)).size).toBe(allTypes.length);
    for (const type of allTypes) expect(typeByOid(type.oid)).toBe(type);
  });

  it("every array type leads to its element and back", () => {
    for (const type of allTypes.filter((candidate) => candidate.name.startsWith("_"))) {
      expect(typeByOid(type.elementOid)?.arrayOid).toBe(type.oid);
    }
  });
});
