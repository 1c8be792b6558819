import { describe, expect, test } from "vitest";
import { resolveConfig } from "../../../src/node/config.ts";
import type { DataDirectory } from "../../../src/node/data-directory.ts";
import type { Identity } from "../../../src/node/identity.ts";
import { StartRefused } from "../../../src/node/start-refused.ts";
import { nodeId } from "../../../src/paxos/types.ts";

const directory = { path: "/data/n1" } as DataDirectory;
const member: Identity = {
  kind: "member",
  name: "n1",
  incarnation: "i1",
  addresses: { sql: "127.0.0.1:6000", peer: "127.0.0.1:6001", http: null },
  clusterId: "c",
  nodeId: nodeId(1),
  window: 64,
  membership: new Uint8Array(0),
};

function resolve(flags: Record<string, string>, remembered: Identity | null = null) {
  return resolveConfig(new Map(Object.entries(flags)), directory, remembered);
}

const BOOTSTRAP = "n1@127.0.0.1:7001,n2@127.0.0.1:7002";

describe("node settings", () => {
  test("a new node with --bootstrap gets the defaults for the rest", () => {
    expect(resolve({ id: "n1", bootstrap: BOOTSTRAP })).toMatchObject({
      name: "n1",
      addresses: { sql: "127.0.0.1:5432", peer: "127.0.0.1:7001", http: "127.0.0.1:8001" },
      origin: { kind: "bootstrap", members: [{ name: "n1" }, { peer: "127.0.0.1:7002" }] },
      snapshotEntries: 10_000,
      snapshotBytes: 64 * 1024 * 1024,
      writeTimeoutMs: 10_000,
      sessionTimeoutMs: 10_000,
    });
  });

  test("a restart needs no flags: everything is remembered", () => {
    expect(resolve({}, member)).toMatchObject({
      name: "n1",
      addresses: member.addresses,
      origin: null,
    });
  });

  test("a restart with other addresses uses those and remembers the rest", () => {
    const config = resolve({ sql: "[::1]:5999", http: "127.0.0.1:8009" }, member);
    expect(config.addresses).toEqual({
      sql: "[::1]:5999",
      peer: "127.0.0.1:6001",
      http: "127.0.0.1:8009",
    });
  });

  test("a restart with the flags of the first start is a restart", () => {
    const flags = { id: "n1", peer: "127.0.0.1:7001", bootstrap: BOOTSTRAP };
    expect(resolve(flags, member).origin).toBeNull();
  });

  test("a candidate goes on as it began", () => {
    const origin = { kind: "join" as const, seeds: ["127.0.0.1:7001"] };
    const { name, incarnation, addresses } = member;
    const candidate: Identity = { kind: "candidate", name, incarnation, addresses, origin };
    expect(resolve({}, candidate).origin).toEqual(origin);
  });

  test.each<[Record<string, string>, string]>([
    [{ bootstrap: BOOTSTRAP }, "name the new one with --id"],
    [{ id: "N1", bootstrap: BOOTSTRAP }, "letters a-z, digits and dashes"],
    [{ id: "-n1", bootstrap: BOOTSTRAP }, "starts with no dash"],
    [{ id: "x".repeat(33), bootstrap: BOOTSTRAP }, "1 to 32"],
    [{ id: "n1" }, "give --bootstrap"],
    [{ id: "n1", bootstrap: BOOTSTRAP, join: "127.0.0.1:7001" }, "exclude each other"],
    [{ id: "n1", bootstrap: "n1@127.0.0.1:7001,n1@127.0.0.1:7002" }, "may stand there once"],
    [{ id: "n3", bootstrap: BOOTSTRAP }, "n3 itself is not in it"],
    [{ id: "n2", bootstrap: BOOTSTRAP }, "make them the same"],
    [{ id: "n1", bootstrap: "127.0.0.1:7001" }, "is not name@host:port"],
    [{ id: "n1", join: "127.0.0.1" }, "an address is host:port"],
    [{ id: "n1", join: "a:1", sql: "127.0.0.1:65536" }, "--sql 127.0.0.1:65536"],
    [{ id: "n1", join: "a:1", peer: "0.0.0.0:7001" }, "name the machine's own"],
    [{ id: "n1", join: "a:1", peer: "127.0.0.1:0" }, "cannot be 0"],
    [{ id: "n1", join: "a:1", sql: "127.0.0.1:8001" }, "--sql and --http are both 127.0.0.1:8001"],
    [{ id: "n1", join: "a:1", reads: "lease" }, "--reads lease is not supported"],
    [{ id: "n1", join: "a:1", "snapshot-entries": "0" }, "from 10 to"],
    [{ id: "n1", join: "a:1", "snapshot-bytes": "64MB" }, "such as 64MiB"],
    [{ id: "n1", join: "a:1", "write-timeout-ms": "1e9" }, "give a whole number"],
    [{ id: "n1", join: "a:1", "election-timeout-ms": "100" }, "give at least 150"],
    [{ id: "n1", join: "a:1", "log-level": "loud" }, "give one of debug"],
  ])("%o is refused with what to do: %s", (flags, reason) => {
    expect(() => resolve(flags)).toThrow(StartRefused);
    expect(() => resolve(flags)).toThrow(reason);
  });

  test("another name than the directory's is refused", () => {
    expect(() => resolve({ id: "n2" }, member)).toThrow("/data/n1 belongs to node n1, not n2");
  });
});
