import { expect, test } from "vitest";
import { nodeId } from "../../../src/paxos/types.ts";
import { among, kind, PaxosCluster } from "../../support/paxos-cluster.ts";

test("rule 9: a leader that hears no quorum for a timeout steps down", () => {
  const cluster = new PaxosCluster(3);
  cluster.elect(1);
  cluster.tick(1, 11);
  expect(cluster.status(1).role).toBe("follower");
});

test("rule 11: a voter that hears a leader grants no probe, and nothing changes there", () => {
  const cluster = new PaxosCluster(3);
  cluster.elect(1);
  cluster.tick(3, 11);
  cluster.settle(among(2, 3));
  expect(cluster.status(3).role).toBe("follower");
  expect(cluster.status(2).ballot).toEqual({ round: 1, node: 1 });
  expect(cluster.status(2).leader).toBe(nodeId(1));
});

test("rule 11: a node with an old log is elected if it alone reaches a quorum", () => {
  const cluster = new PaxosCluster(3);
  cluster.elect(1);
  cluster.propose(1, "a");
  cluster.settle(among(1, 2));
  cluster.drop();
  cluster.crash(1);
  cluster.tick(2, 10);
  cluster.drop();
  // It is behind: the first probe tells it so, it catches up, and the next one wins.
  for (let ticks = 0; ticks < 25; ticks += 1) {
    cluster.tick(3);
    cluster.settle(among(2, 3));
  }
  expect(cluster.status(3).role).toBe("leader");
  expect(cluster.chosenAt(3)).toContain("a");
});

test("rule 13: a leader whose disk stalls hands over to a follower", () => {
  const cluster = new PaxosCluster(3);
  cluster.elect(1);
  cluster.slowDown(1);
  cluster.propose(1, "a");
  for (let ticks = 0; ticks < 32; ticks += 1) {
    cluster.tick(1);
    cluster.settle();
  }
  expect(cluster.status(1).role).toBe("follower");
  expect([2, 3].filter((id) => cluster.status(id).role === "leader")).toHaveLength(1);
});

test("rule 14: the fastest quorum decides; a silent follower delays nothing", () => {
  const cluster = new PaxosCluster(3);
  cluster.elect(1);
  cluster.propose(1, "a");
  cluster.settle(among(1, 2));
  expect(cluster.chosenAt(1)).toEqual(["noop", "a"]);
});

test("a promise to another candidate gives that one a whole timeout", () => {
  const cluster = new PaxosCluster(3);
  cluster.tick(3, 9);
  cluster.campaign(1);
  cluster.deliver(kind("prepare", { to: 3 }));
  cluster.tick(3, 9);
  expect(cluster.flying(kind("probe", { from: 3 }))).toHaveLength(0);
});
