import { describe, expect, test } from "vitest";
import { formatStatus } from "../../../src/cli/status.ts";
import type { NodeStatus } from "../../../src/node/status.ts";

const seen: NodeStatus = {
  cluster: "c",
  node: { id: "n1", incarnation: "i1", role: "follower" },
  leader: { id: "n2" },
  members: [
    { id: "n1", voter: true, peer: "127.0.0.1:7001", sql: "127.0.0.1:5432", match: null },
    { id: "n2", voter: true, peer: "127.0.0.1:7002", sql: "127.0.0.1:5433", match: 12 },
    { id: "n3", voter: false, peer: "127.0.0.1:7003", sql: "127.0.0.1:5434", match: 3 },
  ],
  ballot: "7.2",
  chosenIndex: 12,
  appliedIndex: 11,
  snapshotIndex: 5,
  truncationFloor: 4,
  version: "0.1.0",
};

describe("status for people", () => {
  test("one aligned line a member, with what the asked node knows of itself", () => {
    expect(formatStatus([seen])).toEqual([
      "cluster c, leader n2, ballot 7.2, as seen by n1 (version 0.1.0)",
      "NODE  ROLE      PEER            SQL             MATCH  CHOSEN  APPLIED  SNAPSHOT  FLOOR",
      "n1    follower  127.0.0.1:7001  127.0.0.1:5432  -      12      11       5         4",
      "n2    leader    127.0.0.1:7002  127.0.0.1:5433  12     -       -        -         -",
      "n3    learner   127.0.0.1:7003  127.0.0.1:5434  3      -       -        -         -",
    ]);
  });

  test("several asked nodes each fill their own line", () => {
    const other: NodeStatus = {
      ...seen,
      node: { id: "n2", incarnation: "i2", role: "leader" },
      appliedIndex: 12,
    };
    expect(formatStatus([seen, other])[3]).toMatch(/^n2 +leader .* 12 +12 +12 +5 +4$/);
  });

  test("without a leader, says so", () => {
    expect(formatStatus([{ ...seen, leader: null }])[0]).toContain("leader none");
  });
});
