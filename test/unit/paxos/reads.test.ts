import { expect, test } from "vitest";
import { NOOP, nodeId, slot } from "../../../src/paxos/types.ts";
import { among, kind, PaxosCluster } from "../../support/paxos-cluster.ts";

test("rule 10: a new leader answers no read before an entry of its own ballot is chosen", () => {
  const cluster = new PaxosCluster(3);
  cluster.campaign(1);
  cluster.settle((flying) => !kind("accept")(flying) && among(1, 2, 3)(flying));
  expect(cluster.status(1).role).toBe("leader");
  cluster.read(1, 7);
  cluster.settle((flying) => !kind("accept")(flying));
  expect(cluster.readIndex(7)).toBeUndefined();
  cluster.settle();
  expect(cluster.readIndex(7)).toBe(1);
});

test("rule 10: what a new leader learns elsewhere does not open it for reads", () => {
  const cluster = new PaxosCluster(3);
  cluster.campaign(1);
  cluster.settle((flying) => !kind("accept")(flying));
  // Somebody outside of the leader's quorum knows more. What else was acknowledged may be lost with
  // damaged records: only an entry of the own ballot shows that enough intact logs went along.
  const chosen = { slot: slot(1), ballot: { round: 0, node: nodeId(3) }, value: NOOP };
  const known = { from: slot(1), chosenIndex: slot(1), truncationFloor: slot(0) };
  const message = { kind: "fetched", entries: [chosen], ...known } as const;
  cluster.inject({ from: nodeId(3), to: nodeId(1), message });
  cluster.read(1, 7);
  cluster.settle((flying) => !kind("accept")(flying));
  expect(cluster.status(1).chosenIndex).toBe(1);
  expect(cluster.readIndex(7)).toBeUndefined();
  cluster.settle();
  expect(cluster.readIndex(7)).toBe(2);
});

test("rule 15: a leader that a quorum no longer follows answers no read", () => {
  const cluster = new PaxosCluster(3);
  cluster.elect(1);
  cluster.campaign(2);
  cluster.settle(among(2, 3));
  cluster.propose(2, "newer");
  cluster.settle(among(2, 3));
  cluster.drop();
  expect(cluster.status(1).role).toBe("leader");
  cluster.read(1, 7);
  cluster.settle();
  expect(cluster.readIndex(7)).toBeNull();
});

test("rule 15: one round answers all readers that wait, on the leader and elsewhere", () => {
  const cluster = new PaxosCluster(3);
  cluster.elect(1);
  cluster.propose(1, "a");
  cluster.settle();
  cluster.read(1, 1);
  cluster.read(2, 2);
  cluster.read(3, 3);
  cluster.settle();
  expect([1, 2, 3].map((id) => cluster.readIndex(id))).toEqual([2, 2, 2]);
});

test("rule 17: a leader with a slow clock stamps above what is in the log", () => {
  const cluster = new PaxosCluster(3);
  cluster.setWallClock(5_000_000);
  cluster.elect(1);
  cluster.propose(1, "a");
  cluster.settle();
  cluster.setWallClock(1_000);
  cluster.elect(2);
  cluster.propose(2, "b");
  cluster.settle();
  const stamps = cluster.stampsAt(3);
  expect(stamps).toHaveLength(2);
  expect(stamps[1]).toBeGreaterThan(stamps[0] ?? Number.POSITIVE_INFINITY);
});
