import { describe, expect, test } from "vitest";
import { MalformedError } from "../../../src/base/bytes.ts";
import { decodeIdentity, encodeIdentity, type Identity } from "../../../src/node/identity.ts";
import { nodeId } from "../../../src/paxos/types.ts";

const common = {
  name: "n1",
  incarnation: "i1",
  addresses: { sql: "127.0.0.1:5432", peer: "[::1]:7001", http: "127.0.0.1:8001" },
};
const identities: [string, Identity][] = [
  [
    "member",
    {
      kind: "member",
      ...common,
      clusterId: "c",
      nodeId: nodeId(3),
      window: 64,
      membership: new Uint8Array([9, 8]),
    },
  ],
  [
    "member without HTTP",
    {
      kind: "member",
      ...common,
      addresses: { ...common.addresses, http: null },
      clusterId: "c",
      nodeId: nodeId(3),
      window: 64,
      membership: new Uint8Array(0),
    },
  ],
  [
    "forming candidate",
    {
      kind: "candidate",
      ...common,
      origin: { kind: "bootstrap", members: [{ name: "n1", peer: "[::1]:7001" }] },
    },
  ],
  [
    "joining candidate",
    { kind: "candidate", ...common, origin: { kind: "join", seeds: ["a:1", "b:2"] } },
  ],
];

describe("identity record", () => {
  test.each(identities)("%s comes back as it was", (_name, identity) => {
    expect(decodeIdentity(encodeIdentity(identity))).toEqual(identity);
  });

  test.each(identities)("%s cut short at any byte is refused", (_name, identity) => {
    const bytes = encodeIdentity(identity);
    for (let length = 0; length < bytes.length; length += 1) {
      expect(() => decodeIdentity(bytes.subarray(0, length))).toThrow(MalformedError);
    }
  });

  test("a record of a later format is refused by name", () => {
    const bytes = encodeIdentity(identities[0]?.[1] as Identity);
    bytes[0] = 2;
    expect(() => decodeIdentity(bytes)).toThrow("identity has format 2, this release reads 1");
  });
});
