import { describe, expect, test } from "vitest";
import { nodeId } from "../../../src/paxos/types.ts";
import { admitPeer } from "../../../src/transport/admission.ts";
import { type Hello, PROTOCOL_VERSION } from "../../../src/transport/hello.ts";

const local = {
  clusterId: "Y",
  id: nodeId(2),
  name: "n2",
  incarnation: "i2",
  softwareVersion: "1",
};
const peers = [{ id: nodeId(1), name: "n1", incarnation: "i1", address: "127.0.0.1:7001" }];
const hello: Hello = {
  protocolVersion: PROTOCOL_VERSION,
  purpose: "peer",
  clusterId: "Y",
  nodeId: nodeId(1),
  name: "n1",
  incarnation: "i1",
  target: nodeId(2),
  softwareVersion: "1",
};

describe("admission of peers", () => {
  test("a member with its own incarnation is let in", () => {
    expect(admitPeer(hello, local, peers)).toMatchObject({ kind: "accepted" });
  });

  test.each([
    [
      { clusterId: "X", name: "n9" },
      "otherCluster",
      "node n9 belongs to cluster X, this is cluster Y",
    ],
    [{ nodeId: nodeId(7), name: "n7" }, "unknownMember", "node n7 (number 7) is not a member"],
    [{ incarnation: "i0" }, "otherIncarnation", "remove it with `synod members remove n1`"],
    [{ nodeId: nodeId(5), incarnation: "i5" }, "otherIncarnation", "n1 is known with another"],
    [{ target: nodeId(3) }, "wrongTarget", "this is n2 (number 2)"],
  ])("a hello with %o is refused as %s", (change, code, reason) => {
    const answer = admitPeer({ ...hello, ...change }, local, peers);
    expect(answer).toMatchObject({ kind: "refused", code });
    expect("reason" in answer && answer.reason).toContain(reason);
  });
});
