import { describe, expect, it } from "vitest";
import { decodeStartup } from "../../../src/pgwire/startup.ts";

function body(version: number, ...texts: readonly string[]): Uint8Array {
  const head = Buffer.alloc(4);
  head.writeUInt32BE(version);
  const tail = texts.map((text) => `${text}\0`).join("");
  return Buffer.concat([head, Buffer.from(`${tail}\0`)]);
}

const V3 = 0x0003_0000;

describe("decodeStartup", () => {
  it("keeps user and database apart from the other parameters", () => {
    const packet = decodeStartup(body(V3, "user", "ann", "database", "shop", "options", "-c x=1"));
    expect(packet).toMatchObject({ user: "ann", database: "shop", negotiates: false });
    expect(packet.kind === "startup" && [...packet.parameters]).toEqual([["options", "-c x=1"]]);
  });

  it("a missing or empty database is the user's", () => {
    expect(decodeStartup(body(V3, "user", "ann"))).toMatchObject({ database: "ann" });
    expect(decodeStartup(body(V3, "user", "ann", "database", ""))).toMatchObject({
      database: "ann",
    });
  });

  it("3.2 and _pq_ options are negotiated down", () => {
    const packet = decodeStartup(body(0x0003_0002, "user", "ann", "_pq_.compress", "on"));
    expect(packet).toMatchObject({ negotiates: true, unknownOptions: ["_pq_.compress"] });
  });

  it.each([
    ["no user", body(V3, "database", "x"), "28000"],
    ["protocol 2", body(0x0002_0000, "user", "x"), "0A000"],
    ["a foreign encoding", body(V3, "user", "x", "client_encoding", "LATIN1"), "0A000"],
    ["a replication connection", body(V3, "user", "x", "replication", "database"), "0A000"],
    ["no terminator", body(V3, "user", "x").subarray(0, -1), "08P01"],
    ["a name without value", body(V3, "user", "x", "y"), "08P01"],
    ["bytes behind the end", Buffer.concat([body(V3, "user", "x"), Buffer.from("z")]), "08P01"],
    ["text that is not UTF-8", Buffer.concat([body(V3), Buffer.of(0xff, 0)]), "08P01"],
  ])("%s ends with an error", (_what, bytes, sqlState) => {
    const error: Error = expect.objectContaining({ sqlState });
    expect(() => decodeStartup(bytes)).toThrow(error);
  });
});
